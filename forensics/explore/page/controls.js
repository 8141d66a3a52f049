// Sliders with a number beside them, and the rows of dimensions.

/** A number field that keeps to its min, max and step; nothing happens while it holds no such number. */
export function bindNumber(field, get, set, changed) {
  field.addEventListener("input", () => {
    if (!field.value || !field.validity.valid) return;
    set(field.valueAsNumber);
    changed();
  });
  const fill = () => (field.value = get());
  field.addEventListener("change", () => field.validity.valid || fill());
  return { fill };
}

/** Tie a range and the number beside it; `changed` gets the value, which may lie beyond the range's ends. */
function tie(range, number, changed) {
  range.addEventListener("input", () => {
    number.value = range.value;
    changed(range.valueAsNumber);
  });
  range.addEventListener("dblclick", () => fill(0));
  bindNumber(number, () => range.value, (value) => (range.value = value), () => changed(number.valueAsNumber));
  const fill = (value) => {
    range.value = value;
    number.value = value;
  };
  return fill;
}

/** Every `.slider` with a data-field; `changed` gets the field's name and value. */
export function bindSliders(changed) {
  const fills = new Map();
  for (const row of document.querySelectorAll(".slider[data-field]")) {
    const [range, number] = row.querySelectorAll("input");
    fills.set(row.dataset.field, tie(range, number, (value) => changed(row.dataset.field, value)));
  }
  return { fill: (settings) => fills.forEach((fill, field) => fill(settings[field])) };
}

/** The rows of chosen dimensions, in `holder`, each made from `template`. */
export function buildDimensions({ holder, template, onMoves }) {
  const moves = new Map(), fills = new Map();
  let dims = 0, most = 0;
  const tell = () => onMoves([...moves]);

  function addRow(dim, value) {
    const row = template.content.cloneNode(true).firstElementChild;
    const label = row.querySelector("label"), [range, number] = row.querySelectorAll("input");
    const remove = row.querySelector("button");
    label.textContent = `w[${dim}]`;
    range.id = label.htmlFor = `dimension-${dim}`;
    number.setAttribute("aria-label", `Dimension ${dim}, as a number`);
    remove.setAttribute("aria-label", `Remove dimension ${dim}`);
    const fill = tie(range, number, (moved) => {
      moves.set(dim, moved);
      tell();
    });
    remove.addEventListener("click", () => {
      moves.delete(dim);
      fills.delete(dim);
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (next?.querySelector("input") ?? document.getElementById("dimension")).focus();
      tell();
    });
    fill(value);
    moves.set(dim, value);
    fills.set(dim, fill);
    holder.append(row);
    return range;
  }

  return {
    has: (dim) => moves.has(dim),
    limit: (count, limit) => ([dims, most] = [count, limit]),
    add(dim) {
      if (!Number.isInteger(dim) || dim < 0 || dim >= dims) return;
      if (!moves.has(dim) && moves.size >= most) return;
      const range = moves.has(dim) ? document.getElementById(`dimension-${dim}`) : addRow(dim, 0);
      range.focus();
      range.scrollIntoView({ block: "nearest" });
      tell();
    },
    zero() {
      for (const dim of moves.keys()) {
        moves.set(dim, 0);
        fills.get(dim)(0);
      }
      tell();
    },
    fill(pairs) {
      holder.replaceChildren();
      moves.clear();
      fills.clear();
      for (const [dim, value] of pairs) addRow(dim, value);
    },
  };
}
