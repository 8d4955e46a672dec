// Who holds a connection now, for how long and from which line of code.

import { ACTIONS, Confirm, nameOfHolder } from "./actions.js";
import { button, el, section, setLongText } from "./dom.js";
import { count, duration } from "./format.js";
import { mayAct } from "./place.js";
import { Table } from "./table.js";
import { TakeAll } from "./take_all.js";
import { whose } from "./whose.js";

// What is below stays where it is while holders come and go: the place of those that were there is kept for so long.
const KEPT_MS = 5_000;

// Of a longer SELECT only the first column is shown at once: its tables and conditions say what it is about.
const LONG_STATEMENT = 120;
const COLUMNS = /^(\s*SELECT\s[^,]*),.*?\sFROM\s/is;

export class Holders {
  #kept = el("div");
  #keptPx = 0;
  #keptMs = 0;
  #confirm = new Confirm();
  #takeAll = new TakeAll(this.#confirm);
  #rows = new Map();
  #table = new Table({
    name: "holders",
    most: 10,
    caption: "",
    keyOf: (holder) => holder.id,
    sortBy: "age",
    descending: true,
    empty: "Nobody holds a connection.",
    columns: [
      { key: "route", title: "Route", long: true, value: (holder) => holder.route },
      { key: "worker", title: "Worker", long: true, optional: true, value: (holder) => holder.worker },
      {
        key: "age",
        title: "Age",
        number: true,
        value: (holder) => holder.age_s,
        text: (holder) => duration(holder.age_s),
      },
      { key: "state", title: "State", short: true, value: (holder) => holder.state },
      { key: "place", title: "Taken at", code: true, wide: true, value: (holder) => holder.place, fill: fillPlace },
      {
        key: "statement",
        title: "Last statement",
        code: true,
        wide: true,
        value: (holder) => holder.statement,
        fill: fillStatement,
      },
      ...(mayAct
        ? [{ key: "act", title: "Do", wide: true, fill: (cell, holder) => this.#fillActions(cell, holder) }]
        : []),
    ],
  });
  node = section("holders", "Holders", this.#confirm.said, this.#kept, this.#confirm.node);

  constructor() {
    this.#kept.append(el("div", { class: "group" }, mayAct ? this.#takeAll.node : "", this.#table.node));
  }

  render(snapshot) {
    this.#rows = new Map(snapshot.holders.map((holder) => [holder.id, holder]));
    this.#table.caption = `Holders of connections ${whose(snapshot)}`;
    this.#table.update(snapshot.holders);
    this.#takeAll.render(snapshot.holders);
    this.#keep();
  }

  #keep() {
    const height = this.#kept.firstChild.getBoundingClientRect().height;
    const now = performance.now();
    if (height < this.#keptPx && now - this.#keptMs < KEPT_MS) return;
    this.#keptPx = height;
    this.#keptMs = now;
    this.#kept.style.minHeight = `${height}px`;
  }

  #fillActions(cell, holder) {
    cell.dataset.id = holder.id;
    if (!cell.firstChild) {
      const open = (action) => () => {
        const now = this.#rows.get(cell.dataset.id);
        if (now) this.#confirm.open(action, now);
      };
      cell.className = "wide buttons";
      for (const [action, { title }] of Object.entries(ACTIONS))
        cell.append(button(title, open(action), { class: "small" }));
    }
    for (const made of cell.children)
      made.setAttribute("aria-label", `${made.textContent}: ${nameOfHolder(holder)}, held ${duration(holder.age_s)}`);
    // Where nothing runs, there is nothing to end.
    cell.firstChild.disabled = !holder.state.startsWith("running");
  }
}

function fillPlace(cell, holder) {
  if (!cell.firstChild) {
    const details = el("details", {}, el("summary"), el("ol", { class: "stack" }));
    cell.append(details);
  }
  const [summary, stack] = cell.firstChild.children;
  setLongText(summary, holder.place || "not known");
  const frames = holder.stack.join("\n");
  if (stack.dataset.frames !== frames) {
    stack.dataset.frames = frames;
    stack.replaceChildren(...holder.stack.map((frame) => setLongText(el("li"), frame)));
  }
}

function fillStatement(cell, holder) {
  const number = holder.statements > 1 ? ` (number ${count(holder.statements)})` : "";
  const whole = holder.statement || "none yet";
  const short = whole.length > LONG_STATEMENT ? whole.replace(COLUMNS, "$1, … FROM ") : whole;
  const folded = short !== whole;
  if (!cell.firstChild || (cell.firstChild.tagName === "DETAILS") !== folded)
    cell.replaceChildren(folded ? el("details", {}, el("summary"), el("p", { class: "stack" })) : el("div"));
  if (!folded) {
    setLongText(cell.firstChild, whole + number);
    return;
  }
  const [summary, all] = cell.firstChild.children;
  setLongText(summary, short + number);
  setLongText(all, whole);
}
