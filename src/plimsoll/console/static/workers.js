// Each of several workers in a row, as the worst is to be found.

import { el, section, setText } from "./dom.js";
import { bytes, count, decimal, duration, LEVELS } from "./format.js";
import { Rates } from "./rates.js";
import { Table } from "./table.js";
import { isOfSeveral, ofWorker } from "./whose.js";

const NONE = "–";
const GRAVITY = ["critical", "warning", "info"];

// Of a worker that has never answered nothing is known.
const known = (row) => row.at_s > 0;
const text = (write) => (row) => (known(row) ? write(row) : NONE);
const number = (key, title, value, write) => ({
  key,
  title,
  number: true,
  value: (row) => (known(row) ? value(row) : null),
  text: text(write ?? ((row) => count(value(row)))),
});

function stateOf(row) {
  if (row.silent) return "does not answer";
  if (row.stale) return `not seen for ${duration(row.ageS)}`;
  if (row.stopping) return "stopping";
  return row.ready ? "ready" : "not ready";
}

export class Workers {
  #rates = new Map();
  #table = new Table({
    name: "workers",
    most: 12,
    caption: "",
    keyOf: (row) => row.name,
    sortBy: "worst",
    empty: "No worker is known.",
    columns: [
      { key: "name", title: "Worker", long: true, value: (row) => row.name, fill: fillName },
      { key: "worst", title: "Worst problem", short: true, value: gravity, fill: fillWorst },
      { key: "state", title: "State", short: true, value: stateOf, fill: fillState },
      number(
        "taken",
        "Taken",
        (row) => row.taken,
        (row) => `${count(row.taken)} of ${count(row.limit)}`,
      ),
      number("waiting", "Waiting", (row) => row.waiting),
      number(
        "rate",
        "Requests a second",
        (row) => row.rate,
        (row) => (row.rate === null ? NONE : decimal(row.rate)),
      ),
      number("errors", "Errors", (row) => row.errors),
      number("refused", "Refused", (row) => row.refused),
      number(
        "memory",
        "Memory",
        (row) => row.rss_bytes,
        (row) => bytes(row.rss_bytes),
      ),
      number(
        "left",
        "Memory left",
        (row) => row.memory_left_bytes,
        (row) => bytes(row.memory_left_bytes),
      ),
      { key: "release", title: "Release", long: true, value: (row) => row.release, text: (row) => row.release || NONE },
    ],
  });
  node = section("workers", "Workers", this.#table.node);

  render(snapshot) {
    this.node.hidden = !isOfSeveral(snapshot);
    if (this.node.hidden) return;
    this.#table.caption = captionOf(snapshot.workers);
    this.#table.update(
      snapshot.workers.map((row) => ({ ...row, rate: this.#rate(row), ageS: snapshot.at_s - row.at_s })),
    );
    const names = new Set(snapshot.workers.map((row) => row.name));
    for (const name of this.#rates.keys()) if (!names.has(name)) this.#rates.delete(name);
  }

  #rate(row) {
    if (!this.#rates.has(row.name)) this.#rates.set(row.name, new Rates());
    const rates = this.#rates.get(row.name);
    rates.note(row.at_s, row.started_s, new Map([["requests", row.requests]]));
    return row.stale || row.silent ? null : rates.of("requests");
  }
}

function captionOf(rows) {
  const hosts = new Set(rows.map((row) => row.name.slice(0, row.name.lastIndexOf(":")))).size;
  const releases = new Set(rows.filter((row) => !row.stale).map((row) => row.release)).size;
  const where = hosts === 1 ? "one host" : `${count(hosts)} hosts`;
  const what = releases > 1 ? `, of ${count(releases)} releases` : "";
  return `${count(rows.length)} workers on ${where}${what}; errors (5xx) and refusals since each began`;
}

function gravity(row) {
  const place = GRAVITY.indexOf(row.worst);
  return place < 0 ? GRAVITY.length : place;
}

function fillName(cell, row) {
  const link = cell.firstChild ?? cell.appendChild(el("a"));
  const address = ofWorker(location.pathname, row.name);
  if (link.href !== address.href) link.href = address.href;
  setText(link, row.name);
}

function fillWorst(cell, row) {
  const mark = cell.firstChild ?? cell.appendChild(el("span"));
  mark.className = row.worst ? `mark ${row.worst}` : "";
  setText(mark, LEVELS[row.worst] ?? (known(row) ? "none" : NONE));
}

function fillState(cell, row) {
  const mark = cell.firstChild ?? cell.appendChild(el("span"));
  const state = stateOf(row);
  mark.className = state === "ready" ? "" : "mark";
  setText(mark, state);
}
