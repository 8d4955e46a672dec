// Whose numbers are shown: chosen in the header, kept in the address.

import { el } from "./dom.js";
import { url } from "./place.js";
import { chosenWorker, isOfSeveral, nameOf, ofWorker } from "./whose.js";

const ALL = "";
// One worker's snapshots do not tell of the others: they are asked for when somebody is about to choose.
const ASK_AGAIN_MS = 5_000;

export class Picker {
  #label = document.getElementById("pick");
  #select = document.getElementById("picker");
  #rows = [];
  #asked = -Infinity;
  #drawn = "";

  constructor(onChoose) {
    this.#select.addEventListener("change", () => onChoose(this.#select.value));
    this.#select.addEventListener("focus", () => this.#ask());
    this.#ask();
  }

  render(snapshot) {
    if (isOfSeveral(snapshot)) this.#rows = snapshot.workers;
    this.draw();
  }

  draw() {
    const chosen = chosenWorker();
    const options = [[ALL, this.#rows.length ? `All ${this.#rows.length} workers` : "All workers"]];
    for (const row of this.#rows) options.push([row.name, row.silent || row.stale ? `${row.name}, not seen` : row.name]);
    if (chosen && !this.#rows.some((row) => row.name === chosen)) options.push([chosen, chosen]);
    this.#label.hidden = options.length < 2;
    const drawn = JSON.stringify(options);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.#select.replaceChildren(...options.map(([value, title]) => el("option", { value }, title)));
    }
    if (this.#select.value !== chosen) this.#select.value = chosen;
  }

  async #ask() {
    if (!chosenWorker() || performance.now() - this.#asked < ASK_AGAIN_MS) return;
    this.#asked = performance.now();
    try {
      const answer = await fetch(ofWorker(url("snapshot"), "all"), { credentials: "same-origin", cache: "no-store" });
      if (!answer.ok) return;
      const all = await answer.json();
      this.#rows = isOfSeveral(all) ? all.workers : [{ name: nameOf(all) }];
      this.draw();
    } catch {
      // The choice stays between all workers and the one that is shown.
    }
  }
}
