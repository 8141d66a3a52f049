// w as bars: one a dimension, in as many rows as the width needs; those that differ from before are coloured.

const BAR_PX = 3;

export class VectorView {
  #canvas; #w = []; #before = []; #columns = 1; #rows = 1;

  constructor(canvas, { onPoint, onChoose }) {
    this.#canvas = canvas;
    canvas.addEventListener("pointermove", (event) => onPoint(this.#dimensionAt(event)));
    canvas.addEventListener("pointerleave", () => onPoint(null));
    canvas.addEventListener("click", (event) => {
      const dimension = this.#dimensionAt(event);
      if (dimension !== null) onChoose(dimension);
    });
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  show(w, before) {
    this.#w = w;
    this.#before = before;
    this.#draw();
  }

  #dimensionAt(event) {
    const box = this.#canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * this.#columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.#rows);
    const dimension = row * this.#columns + column;
    return column >= 0 && column < this.#columns && dimension >= 0 && dimension < this.#w.length ? dimension : null;
  }

  #draw() {
    const canvas = this.#canvas, ratio = devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight, count = this.#w.length;
    if (!width || !count) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    this.#rows = Math.max(1, Math.ceil((count * BAR_PX) / width));
    this.#columns = Math.ceil(count / this.#rows);
    const colours = getComputedStyle(canvas);
    const [plain, changed, rule] = ["--muted", "--synthetic", "--rule"].map((name) => colours.getPropertyValue(name));
    const rowHeight = canvas.height / this.#rows, bar = canvas.width / this.#columns;
    const most = Math.max(1e-6, ...this.#w), least = Math.min(0, ...this.#w);
    const scale = (rowHeight * 0.88) / (most - least), zero = rowHeight * 0.06 + most * scale;
    const context = canvas.getContext("2d");
    this.#w.forEach((value, i) => {
      const row = Math.floor(i / this.#columns), column = i % this.#columns;
      const base = row * rowHeight + zero, length = value * scale;
      if (column === 0) {
        context.fillStyle = rule;
        context.fillRect(0, Math.round(base), canvas.width, 1);
      }
      context.fillStyle = Math.abs(value - (this.#before[i] ?? value)) > 5e-4 ? changed : plain;
      const thick = Math.max(1, bar * 0.66);
      context.fillRect(column * bar + (bar - thick) / 2, Math.min(base, base - length), thick, Math.max(1, Math.abs(length)));
    });
  }
}
