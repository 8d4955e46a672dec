// Where a route holds several connections for long: all of them taken back after one question. The service sees it
// through, though this page is closed meanwhile.

import { ACTIONS, asked } from "./actions.js";
import { button, el, setText } from "./dom.js";
import { count } from "./format.js";
import { chosenWorker } from "./whose.js";

// From then on a route holds a connection for long, as the problems have it. Those of requests that come and go are let
// be.
const LONG_S = 3;
const MOST_ROUTES = 3;
// What is shown of another worker may be a moment older here than there.
const SLACK_S = 1;

export class TakeAll {
  #confirm;
  #groups = new Map();
  #made = new Map();
  #runs = false;
  node = el("div", { class: "buttons" });

  constructor(confirm) {
    this.#confirm = confirm;
  }

  render(holders) {
    this.#groups = groupsOf(holders);
    for (const [route, made] of this.#made) {
      if (this.#groups.has(route)) continue;
      made.remove();
      this.#made.delete(route);
    }
    for (const [route, held] of this.#groups) {
      if (!this.#made.has(route)) this.#made.set(route, this.node.appendChild(button("", () => this.#ask(route))));
      const made = this.#made.get(route);
      made.disabled = this.#runs;
      setText(made, titleOf(route, held));
    }
    this.node.hidden = !this.#made.size;
  }

  #ask(route) {
    const held = this.#groups.get(route);
    if (!held || this.#runs) return;
    const youngest = Math.min(...held.map((holder) => holder.age_s));
    const askedMs = performance.now();
    this.#confirm.ask(
      {
        ask: `${titleOf(route, held)}?`,
        what: `Each has been held for over ${LONG_S} s. What ${route} holds for less is left to it.`,
        means: `${ACTIONS.return.means} This is done to each of the ${count(held.length)}, and noted in the events.`,
        title: `Take ${count(held.length)} connections back`,
      },
      // Those that the question was about, and none that was taken while it was read.
      (tell) => this.#take(route, Math.max(LONG_S, youngest - SLACK_S + (performance.now() - askedMs) / 1000), tell),
    );
  }

  async #take(route, heldS, tell) {
    this.#runs = true;
    tell(`Taking back the connections of ${route} …`);
    const { told, failed, found } = await asked("holders/return", { route, held_s: heldS, worker: chosenWorker() });
    this.#runs = false;
    tell(told, failed || found.taken + found.gone < found.found);
  }
}

const titleOf = (route, held) => `Take back all ${count(held.length)} connections of ${route}`;

// Of the routes that hold several for long, those with the most.
function groupsOf(holders) {
  const found = new Map();
  for (const holder of holders) {
    if (holder.age_s < LONG_S) continue;
    if (!found.has(holder.route)) found.set(holder.route, []);
    found.get(holder.route).push(holder);
  }
  const several = [...found].filter(([, held]) => held.length > 1);
  return new Map(several.sort(([, a], [, b]) => b.length - a.length).slice(0, MOST_ROUTES));
}
