// The walk: one step a picture, the next when the last has arrived and the page is seen.

export class Walk {
  #button; #words; #step; #walked; #onStep; #limits; #on = false;

  constructor({ button, words, step, walked, onStep, limits }) {
    [this.#button, this.#words, this.#step] = [button, words, step];
    [this.#walked, this.#onStep, this.#limits] = [walked, onStep, limits];
  }

  toggle() {
    this.#on ? this.stop() : this.#start();
  }

  stop() {
    this.#on = false;
    this.#label();
  }

  /** Back to where the walk began; it goes on from there if it was going. */
  clear() {
    this.#walked().legs = [];
    this.#onStep();
  }

  /** A picture of a walk with so many steps is shown. */
  arrived(steps) {
    this.#words.textContent = steps ? `${steps} steps from the start.` : "Not walking.";
    if (this.#on) requestAnimationFrame(() => this.#go());
  }

  #start() {
    this.#on = true;
    this.#label();
    this.#go();
  }

  #label() {
    this.#button.textContent = this.#on ? "Stop" : "Start";
    this.#button.setAttribute("aria-pressed", String(this.#on));
  }

  #go() {
    if (!this.#on) return;
    const step = this.#step(), legs = this.#walked().legs, last = legs.at(-1);
    const steps = legs.reduce((sum, [, count]) => sum + count, 0);
    const full = steps >= this.#limits().steps || (last?.[0] !== step && legs.length >= this.#limits().legs);
    if (!Number.isFinite(step) || full) {
      this.stop();
      if (full) this.#words.textContent = `${steps} steps: the end of this walk.`;
      return;
    }
    if (last?.[0] === step) last[1] += 1;
    else legs.push([step, 1]);
    this.#onStep();
  }
}
