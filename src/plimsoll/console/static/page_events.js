// What happened, the newest first.

import { el } from "./dom.js";
import { count, time } from "./format.js";
import { Table } from "./table.js";
import { whose } from "./whose.js";

export const title = "Events";

// Many of one kind, such as refusals, would hide what an operator has done, or one leak.
class Kinds {
  #select = el("select");
  #drawn = "";
  node = el("label", { class: "pick" }, el("span", {}, "Kind"), " ", this.#select);

  constructor(onChoose) {
    this.#select.addEventListener("change", onChoose);
  }

  // Those of the kind that was chosen, which stays a choice while there are none.
  of(events) {
    const chosen = this.#select.value;
    const kinds = [...new Set([...events.map((event) => event.kind), ...(chosen ? [chosen] : [])])].sort();
    this.node.hidden = kinds.length < 2;
    if (kinds.join() !== this.#drawn) {
      this.#drawn = kinds.join();
      this.#select.replaceChildren(
        el("option", { value: "" }, "All kinds"),
        ...kinds.map((kind) => el("option", { value: kind }, kind)),
      );
      this.#select.value = chosen;
    }
    return chosen ? events.filter((event) => event.kind === chosen) : events;
  }
}

const NOTHING = "Nothing has happened yet.";

class Events {
  #last = null;
  #kinds = new Kinds(() => this.#last && this.render(this.#last));
  #table = new Table({
    name: "events",
    caption: "",
    keyOf: (event) => `${event.worker} ${event.at_s} ${event.kind} ${event.text}`,
    sortBy: "at",
    descending: true,
    empty: NOTHING,
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
  node = el(
    "section",
    { "aria-labelledby": "events" },
    el("h1", { id: "events" }, "Events"),
    this.#kinds.node,
    this.#table.node,
  );

  render(snapshot) {
    this.#table.caption = `Events ${whose(snapshot)}, as far as they are remembered`;
    this.#last = snapshot;
    this.#table.empty = snapshot.events.length ? "None of this kind any more." : NOTHING;
    this.#table.update(this.#kinds.of(snapshot.events));
  }
}

function fillTime(cell, event) {
  if (cell.dataset.at === String(event.at_s)) return;
  cell.dataset.at = event.at_s;
  cell.replaceChildren(time(event.at_s));
}

export const parts = () => [new Events()];
