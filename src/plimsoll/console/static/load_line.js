// The load line, drawn: the connections that are wanted, those that what binds allows, and those that are advised.

import { el, section, setText, svg } from "./dom.js";
import { count, many } from "./format.js";
import { isOfSeveral, nameOf } from "./whose.js";

const ROW = 26;
const TOP = 24;
const HEIGHT = TOP + 2 * ROW + 6;
const EDGE = 12;
const ROOM = 1.12;
// An allowance farther off than this many times the longest bar is drawn at the edge, so that the bars can be seen.
const FARTHEST = 8;

export class LoadLine {
  #words = el("p", { class: "lead" });
  #facts = el("dl", { class: "facts" });
  #figure = el("div", { class: "drawing" });
  #empty = el("p", { class: "empty" }, "Not known: the server has not told its limits yet, or it has none, as SQLite.");
  #drawn = "";
  #line = null;
  #poolLimit = 0;
  node = section("load-line", "Load line", this.#empty, this.#words, this.#figure, this.#facts);

  constructor() {
    new ResizeObserver(() => this.#draw()).observe(this.#figure);
  }

  render(snapshot) {
    this.#line = snapshot.load_line;
    this.#poolLimit = limitOfOne(snapshot);
    const known = this.#line !== null;
    this.#empty.hidden = known;
    this.#words.hidden = this.#figure.hidden = this.#facts.hidden = !known;
    if (known) this.#draw();
  }

  #draw() {
    const line = this.#line;
    const width = Math.floor(this.#figure.clientWidth);
    if (!line || !width) return;
    const advised = advisedTotal(line, this.#poolLimit);
    const drawn = JSON.stringify([line, advised, width]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    setText(this.#words, line.why);
    this.#words.dataset.level = levelOf(line);
    this.#facts.replaceChildren(...facts(line, advised));
    this.#figure.replaceChildren(picture(line, advised, width));
  }
}

// Of the pool of the worker that has answered.
function limitOfOne(snapshot) {
  if (!isOfSeveral(snapshot)) return snapshot.pool.size + snapshot.pool.max_overflow;
  return snapshot.workers.find((row) => row.name === nameOf(snapshot))?.limit ?? 0;
}

// What follows from it, in words, is in `why`.
function levelOf(line) {
  if (line.fits) return "ok";
  return line.allowed !== null && line.demanded <= line.allowed ? "warning" : "critical";
}

// The advice is for one pool; what is wanted is so many pools of today's size.
function advisedTotal(line, poolLimit) {
  if (line.advised_size === null || !poolLimit) return null;
  return Math.round(((line.advised_size + (line.advised_overflow ?? 0)) * line.demanded) / poolLimit);
}

function facts(line, advised) {
  const more = line.advised_overflow ? `, and ${count(line.advised_overflow)} more at a peak,` : "";
  const pool = `${count(line.advised_size)}${more} in the pool of each worker`;
  const rows = [
    ["wanted", "Wanted", many(line.demanded, "connection"), "by all workers together"],
    ["deploying", "While deploying", many(line.demanded_deploying, "connection"), "old and new workers together"],
    ["allowed", "Allowed", line.allowed === null ? "not known" : many(line.allowed, "connection"), line.binding],
    [
      "advised",
      "Recommended",
      advised === null ? "no advice" : many(advised, "connection"),
      advised === null ? "" : pool,
    ],
  ];
  return rows.map(([name, title, value, words]) =>
    el(
      "div",
      {},
      el("dt", {}, el("span", { class: `swatch ${name}`, "aria-hidden": true }), title),
      el("dd", {}, el("strong", {}, value), el("span", { class: "muted" }, words)),
    ),
  );
}

function picture(line, advised, width) {
  const longest = Math.max(line.demanded_deploying, line.demanded, advised ?? 0, 1);
  const allowed = Math.min(line.allowed ?? 0, longest * FARTHEST);
  const most = Math.max(longest, allowed) * ROOM;
  const x = (value) => EDGE + (value / most) * (width - 2 * EDGE);
  const bar = (value, name, row) =>
    svg("rect", {
      class: name,
      x: EDGE,
      y: TOP + row * ROW,
      width: Math.max(0, x(value) - EDGE),
      height: ROW - 8,
      rx: 3,
    });
  const parts = [bar(line.demanded_deploying, "deploying", 0), bar(line.demanded, "wanted", 0)];
  if (advised !== null) parts.push(bar(advised, "advised", 1));
  if (line.allowed !== null) {
    const far = allowed < line.allowed ? ", farther off than drawn" : "";
    parts.push(...mark(x(allowed), `${count(line.allowed)}${far}`, width));
  }
  const words =
    `${count(line.demanded)} connections wanted, ${count(line.demanded_deploying)} while deploying, ` +
    `${line.allowed === null ? "allowed not known" : `${count(line.allowed)} allowed`}` +
    `${advised === null ? "" : `, ${count(advised)} recommended`}.`;
  return svg(
    "svg",
    { role: "img", "aria-label": words, width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` },
    ...parts,
  );
}

// The ring with the line through it, as ships have it.
function mark(at, value, width) {
  const left = at > width / 2;
  const text = svg(
    "text",
    { x: left ? at - 12 : at + 12, y: 13, "text-anchor": left ? "end" : "start" },
    `allowed ${value}`,
  );
  return [
    svg("line", { class: "allowed", x1: at, x2: at, y1: 4, y2: HEIGHT }),
    svg("circle", { class: "allowed", cx: at, cy: 9, r: 6 }),
    text,
  ];
}
