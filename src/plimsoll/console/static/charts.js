// Pool and memory over time: what the worker remembers, then each second's numbers as they come.

import uPlot from "./uplot/uPlot.esm.js";
import { button, el, section, setText } from "./dom.js";
import { bytes, clockTime, count, timeText } from "./format.js";
import { url } from "./place.js";
import { isOfSeveral, ofWorker, whose } from "./whose.js";

const SPANS = { "10m": ["10 min", 1, 600], "1h": ["1 h", 10, 360], "1d": ["1 d", 120, 720] };
const HEIGHT = 190;
const FONT = "12px system-ui, sans-serif";
// Steps of an axis: whole connections, and powers of two of bytes.
const KINDS = {
  pool: { write: count, width: 40, steps: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] },
  memory: { write: bytes, width: 66, steps: Array.from({ length: 24 }, (_, power) => 2 ** (20 + power)) },
};
const [MINUTE_S, HOUR_S, DAY_S] = [60, 3600, 86400];
// Steps of the axis of time: each is a part of the next longer one that people count in.
const TIME_STEPS = [
  ...[1, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_S),
  ...[1, 2, 3, 4, 6, 12].map((hours) => hours * HOUR_S),
  DAY_S,
];
// Between two times of an axis.
const APART = 12;
// What has begun just now does not fill the whole width.
const SHORTEST_S = MINUTE_S;
const minutes = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const ruler = document.createElement("canvas").getContext("2d");
const DRAWN = {
  pool: [
    ["pool_taken", "taken"],
    ["pool_idle", "idle"],
    ["pool_waiting", "waiting"],
    ["pool_limit", "limit"],
  ],
  memory: [["rss_bytes", "resident"]],
  left: [["memory_left_bytes", "left"]],
};
const DASHES = { limit: [6, 4], left: [6, 4], waiting: [2, 2] };

function numbersOf({ pool, memory }) {
  const binding = memory.binding;
  return {
    pool_taken: pool.checked_out + pool.opening + pool.closing,
    pool_idle: pool.idle,
    pool_waiting: pool.waiting,
    pool_limit: pool.size + pool.max_overflow,
    rss_bytes: memory.rss_bytes,
    memory_left_bytes: binding && binding.used !== null ? binding.limit - binding.used : null,
  };
}

// Seconds where a step is shorter than a minute, the day where one begins.
function timeWriter(stepS) {
  if (stepS < MINUTE_S) return clockTime;
  return (atS) => {
    const moment = new Date(atS * 1000);
    const midnight = moment.getHours() === 0 && moment.getMinutes() === 0;
    return midnight && stepS >= HOUR_S ? days.format(moment) : minutes.format(moment);
  };
}

// Pixels from one time to the next, so that none runs into another.
function spaceOfTimes(lowS, highS, width) {
  ruler.font = FONT;
  const [short, long] = [MINUTE_S, 1].map((stepS) => ruler.measureText(timeWriter(stepS)(highS)).width + APART);
  // A minute as wide as a time with seconds leaves room for shorter steps; else none is to be chosen.
  const minute = (MINUTE_S / (highS - lowS)) * width;
  return minute > long ? long : Math.max(short, Math.floor(minute));
}

class Chart {
  #series;
  #kind;
  #plot = null;
  #place = el("div", { class: "plot" });
  #legend;
  #words = el("p", { class: "muted" });
  #data = [[]];
  #title = "";
  #heading = el("h3");

  constructor(series, kind) {
    this.#series = series;
    this.#kind = kind;
    this.#legend = series.map(() => el("strong"));
    const legend = series.map(([, name], place) =>
      el("li", {}, el("span", { class: `swatch line ${name}`, "aria-hidden": true }), `${name} `, this.#legend[place]),
    );
    this.node = el(
      "figure",
      {},
      el("figcaption", {}, this.#heading),
      el("ul", { class: "legend" }, ...legend),
      this.#place,
      this.#words,
    );
    this.#place.setAttribute("role", "img");
    new ResizeObserver(() => this.#resize()).observe(this.#place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#renew());
  }

  set title(words) {
    this.#title = words;
    setText(this.#heading, words);
  }

  render(times, values) {
    this.#data = [times, ...this.#series.map(([key]) => values[key] ?? times.map(() => null))];
    const known = times.length > 0;
    this.#place.hidden = !known;
    if (known && !this.#plot) this.#renew();
    else this.#plot?.setData(this.#data);
    this.#say(known);
  }

  #say(known) {
    const [key, name] = this.#series[0];
    const numbers = this.#data[1].filter((each) => each !== null);
    const [word, pick] = name === "left" ? ["Lowest", Math.min] : ["Highest", Math.max];
    const extreme = numbers.length ? this.#kind.write(pick(...numbers)) : "not known";
    setText(
      this.#words,
      known ? `${word} ${name}: ${extreme}, since ${timeText(this.#data[0][0])}.` : "Nothing is remembered yet.",
    );
    this.#place.setAttribute("aria-label", `${this.#title}. ${this.#words.textContent}`);
    this.#show(null);
  }

  #show(at) {
    for (const [place, node] of this.#legend.entries()) {
      const numbers = this.#data[place + 1] ?? [];
      const value = at === null ? numbers.at(-1) : numbers[at];
      setText(node, value === null || value === undefined ? "–" : this.#kind.write(value));
    }
  }

  #resize() {
    const width = Math.floor(this.#place.clientWidth);
    if (!width) return;
    if (!this.#plot) this.#renew();
    else if (this.#plot.width !== width) this.#plot.setSize({ width, height: HEIGHT });
  }

  #renew() {
    const width = Math.floor(this.#place.clientWidth);
    this.#plot?.destroy();
    this.#plot = null;
    if (width && this.#data[0].length) this.#plot = new uPlot(this.#options(width), this.#data, this.#place);
  }

  #options(width) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = {
      stroke: colour("muted"),
      font: FONT,
      grid: { stroke: colour("edge"), width: 1 },
      ticks: { show: false },
    };
    const times = {
      ...axis,
      size: 30,
      gap: 8,
      incrs: TIME_STEPS,
      space: (_, __, low, high, dim) => spaceOfTimes(low, high, dim),
      values: (_, ticks, __, ___, step) => ticks.map(timeWriter(step)),
    };
    const { steps, width: size, write } = this.#kind;
    const amounts = { ...axis, size, incrs: steps, values: (_, ticks) => ticks.map(write) };
    return {
      width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { range: (_, low, high) => [Math.min(low, high - SHORTEST_S), high] },
        y: { range: (_, low, high) => [0, Math.max(1, (high ?? 1) * 1.1)] },
      },
      axes: [times, amounts],
      series: [
        {},
        ...this.#series.map(([, name]) => ({
          stroke: colour(`line-${name}`),
          width: name === "limit" ? 1.5 : 2,
          dash: DASHES[name],
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [(plot) => this.#show(plot.cursor.idx ?? null)] },
    };
  }
}

export class Charts {
  #pool = new Chart(DRAWN.pool, KINDS.pool);
  #memory = new Chart(DRAWN.memory, KINDS.memory);
  // Apart, since it may be a hundred times as much.
  #left = new Chart(DRAWN.left, KINDS.memory);
  #span = "10m";
  #times = [];
  #values = {};
  #loadedAtS = null;
  #loading = false;
  #said = el("p", { class: "muted", role: "status" });
  #buttons = {};

  constructor() {
    for (const [span, [title]] of Object.entries(SPANS)) {
      this.#buttons[span] = button(title, () => this.#choose(span), { "aria-pressed": String(span === this.#span) });
    }
    const spans = el(
      "div",
      { class: "spans", role: "group", "aria-label": "Time that is shown" },
      ...Object.values(this.#buttons),
    );
    this.node = section(
      "over-time",
      "Over time",
      spans,
      this.#said,
      el("div", { class: "charts" }, this.#pool.node, this.#memory.node, this.#left.node),
    );
  }

  render(snapshot) {
    this.#pool.title = `Connections ${whose(snapshot)}`;
    this.#memory.title = `Memory ${whose(snapshot)}`;
    this.#left.title = `Memory left before the limit${isOfSeveral(snapshot) ? ", where it is least" : ""}`;
    const [, stepS] = SPANS[this.#span];
    const last = this.#times.at(-1) ?? null;
    // Longer steps are the worker's to make; after a gap it knows what the page has missed.
    const due = this.#loadedAtS === null || (stepS > 1 && snapshot.at_s - this.#loadedAtS >= stepS);
    const missed = stepS === 1 && last !== null && snapshot.at_s - last > 10 && snapshot.at_s - this.#loadedAtS > 10;
    if (due || missed) this.#load(snapshot.at_s);
    if (stepS === 1) this.#append(snapshot);
  }

  #choose(span) {
    this.#span = span;
    for (const [name, node] of Object.entries(this.#buttons)) node.setAttribute("aria-pressed", String(name === span));
    this.#loadedAtS = null;
    this.#load(Date.now() / 1000);
  }

  async #load(atS) {
    if (this.#loading) return;
    const span = this.#span;
    this.#loading = true;
    this.#loadedAtS = atS;
    try {
      const answer = await fetch(ofWorker(url(`history?span=${span}`)), { credentials: "same-origin", cache: "no-store" });
      if (!answer.ok) throw new Error(`it answered ${answer.status}`);
      const series = await answer.json();
      if (span === this.#span) this.#take(series);
    } catch (error) {
      setText(this.#said, `What was before cannot be had now (${error.message}).`);
    } finally {
      this.#loading = false;
      if (span !== this.#span) this.#load(atS);
    }
  }

  #take(series) {
    this.#times = [...series.times_s];
    this.#values = Object.fromEntries(Object.entries(series.values).map(([name, values]) => [name, [...values]]));
    setText(this.#said, "");
    this.#draw();
  }

  #append(snapshot) {
    if (this.#times.length && snapshot.at_s <= this.#times.at(-1)) return;
    const numbers = numbersOf(snapshot);
    this.#times.push(snapshot.at_s);
    for (const [name, value] of Object.entries(numbers)) {
      this.#values[name] ??= this.#times.slice(1).map(() => null);
      this.#values[name].push(value);
    }
    const over = this.#times.length - SPANS[this.#span][2];
    if (over > 0) {
      this.#times.splice(0, over);
      for (const name of Object.keys(numbers)) this.#values[name].splice(0, over);
    }
    this.#draw();
  }

  #draw() {
    this.#pool.render(this.#times, this.#values);
    this.#memory.render(this.#times, this.#values);
    this.#left.render(this.#times, this.#values);
  }
}
