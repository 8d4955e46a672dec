// How much a second, of what is counted since a beginning.

export const RATE_OVER_S = 10;

export class Rates {
  #seen = [];

  // counts: a Map of names to numbers. since: names their beginning; after another one the past says nothing.
  note(atS, since, counts) {
    if (this.#seen.at(-1)?.since !== since) this.#seen = [];
    if (this.#seen.length && atS <= this.#seen.at(-1).atS) return;
    this.#seen.push({ atS, since, counts });
    while (this.#seen.length > 2 && atS - this.#seen[0].atS > RATE_OVER_S) this.#seen.shift();
  }

  // null where it is not known yet.
  of(name) {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    if (this.#seen.length < 2) return null;
    const more = (last.counts.get(name) ?? 0) - (first.counts.get(name) ?? 0);
    return Math.max(0, more) / (last.atS - first.atS);
  }
}
