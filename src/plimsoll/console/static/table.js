// A table that is sorted by the buttons of its header and updated in place, so that focus, selection and what was
// unfolded stay where they are.

import { announce, button, el, setLongText, setText } from "./dom.js";
import { count } from "./format.js";

// Roles are written out since the style sheet lays tables out as cards on narrow screens, which takes them away.
export class Table {
  #columns;
  #keyOf;
  #sortBy;
  #descending;
  #rows = [];
  #made = new Map();
  #body = el("tbody", { role: "rowgroup" });
  #empty;
  #table;
  #caption;
  #most;
  #all = false;
  #more = button("", () => this.#unfold());

  /**
   * columns: {key, title, value(row), text?(row), fill?(cell, row), number?, short?, long?, wide?, code?, optional?};
   * `value` is what is sorted by, `text` what is shown (else the value), `fill` sets up a cell of elements; what is
   * `short` is one line, as numbers are; what is `optional` is left out while no row has a value. keyOf: names a row from one
   * update to the next. most: rows that are shown until all are asked for.
   */
  constructor({ caption, columns, keyOf, sortBy, descending = false, empty, name = "", most = Infinity }) {
    this.#columns = columns;
    this.#keyOf = keyOf;
    this.#sortBy = sortBy ?? null;
    this.#descending = descending;
    this.#caption = el("caption", {}, caption);
    this.#most = most;
    this.#empty = el("p", { class: "empty" }, empty);
    const head = el("tr", { role: "row" }, ...columns.map((column) => this.#header(column)));
    const rows = [this.#caption, el("thead", { role: "rowgroup" }, head), this.#body];
    this.#table = el("table", { role: "table", class: name || null }, ...rows);
    this.node = el("div", { class: "table" }, this.#table, this.#more, this.#empty);
    this.#mark();
  }

  set empty(words) {
    setText(this.#empty, words);
  }

  set caption(words) {
    setText(this.#caption, words);
  }

  update(rows) {
    this.#rows = rows;
    for (const column of this.#columns)
      if (column.optional) column.head.hidden = !rows.some((row) => column.value(row));
    this.#table.hidden = !rows.length;
    this.#empty.hidden = Boolean(rows.length);
    this.#draw();
  }

  #header(column) {
    const head = el("th", { role: "columnheader", scope: "col", class: column.number ? "number" : null });
    if (column.value) head.append(button(column.title, () => this.#sort(column)));
    else head.append(el("span", {}, column.title));
    column.head = head;
    return head;
  }

  #unfold() {
    this.#all = !this.#all;
    this.#draw();
  }

  #shown() {
    const rows = this.#sorted();
    this.#more.hidden = rows.length <= this.#most;
    setText(this.#more, this.#all ? `Show the first ${count(this.#most)} only` : `Show all ${count(rows.length)}`);
    return this.#all ? rows : rows.slice(0, this.#most);
  }

  #sort(column) {
    const same = this.#sortBy === column.key;
    // Of numbers, the largest is what is looked for.
    this.#descending = same ? !this.#descending : Boolean(column.number);
    this.#sortBy = column.key;
    this.#mark();
    this.#draw();
    announce(`Sorted by ${column.title}, ${this.#descending ? "descending" : "ascending"}.`);
  }

  #mark() {
    for (const column of this.#columns) {
      if (!column.value) continue;
      const order = column.key !== this.#sortBy ? "none" : this.#descending ? "descending" : "ascending";
      column.head.setAttribute("aria-sort", order);
    }
  }

  #sorted() {
    const column = this.#columns.find((each) => each.key === this.#sortBy);
    if (!column) return this.#rows;
    const turn = this.#descending ? -1 : 1;
    return [...this.#rows].sort((a, b) => turn * compared(column.value(a), column.value(b), turn));
  }

  #draw() {
    const focused = document.activeElement;
    const kept = new Map();
    let before = null;
    for (const row of this.#shown()) {
      let key = String(this.#keyOf(row));
      while (kept.has(key)) key += "+";
      const made = this.#made.get(key) ?? this.#row();
      kept.set(key, made);
      this.#fill(made, row);
      const place = before ? before.nextSibling : this.#body.firstChild;
      if (place !== made) this.#body.insertBefore(made, place);
      before = made;
    }
    for (const [key, made] of this.#made) if (!kept.has(key)) made.remove();
    this.#made = kept;
    if (focused !== document.activeElement && this.#body.contains(focused)) focused.focus({ preventScroll: true });
  }

  #row() {
    const cells = this.#columns.map((column, place) =>
      el(place ? "td" : "th", {
        role: place ? "cell" : "rowheader",
        scope: place ? null : "row",
        class: ["number", "short", "long", "wide", "code"].filter((kind) => column[kind]).join(" ") || null,
        "data-title": column.title,
      }),
    );
    return el("tr", { role: "row" }, ...cells);
  }

  #fill(made, row) {
    for (const [place, column] of this.#columns.entries()) {
      const cell = made.children[place];
      if (column.optional) cell.hidden = column.head.hidden;
      if (column.fill) column.fill(cell, row);
      else (isLong(column) ? setLongText : setText)(cell, column.text ? column.text(row) : column.value(row));
    }
  }
}

const isLong = (column) => column.long || column.wide || column.code;

// What is not known comes last, whichever way it is sorted.
function compared(a, b, turn) {
  const unknown = (value) => value === null || value === undefined || value === "";
  if (unknown(a) || unknown(b)) return turn * (Number(unknown(a)) - Number(unknown(b)));
  if (typeof a === "string") return a.localeCompare(b, "en", { numeric: true });
  return a - b;
}
