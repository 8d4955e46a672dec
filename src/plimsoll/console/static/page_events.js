// What happened, the newest first.

import { el } from "./dom.js";
import { count, time } from "./format.js";
import { Table } from "./table.js";
import { whose } from "./whose.js";

export const title = "Events";

class Events {
  #table = new Table({
    name: "events",
    caption: "",
    keyOf: (event) => `${event.worker} ${event.at_s} ${event.kind} ${event.text}`,
    sortBy: "at",
    descending: true,
    empty: "Nothing has happened yet.",
    columns: [
      { key: "at", title: "When", short: true, value: (event) => event.at_s, fill: fillTime },
      { key: "kind", title: "Kind", short: true, value: (event) => event.kind },
      { key: "worker", title: "Worker", long: true, optional: true, value: (event) => event.worker },
      { key: "text", title: "What", wide: true, value: (event) => event.text },
      {
        key: "count",
        title: "Times",
        number: true,
        value: (event) => event.count,
        text: (event) => count(event.count),
      },
    ],
  });
  node = el("section", { "aria-labelledby": "events" }, el("h1", { id: "events" }, "Events"), this.#table.node);

  render(snapshot) {
    this.#table.caption = `Events ${whose(snapshot)}, as far as they are remembered`;
    this.#table.update(snapshot.events);
  }
}

function fillTime(cell, event) {
  if (cell.dataset.at === String(event.at_s)) return;
  cell.dataset.at = event.at_s;
  cell.replaceChildren(time(event.at_s));
}

export const parts = () => [new Events()];
