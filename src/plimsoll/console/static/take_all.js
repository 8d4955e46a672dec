// Where a route holds several connections for long: all of them taken back after one question, each as if alone.

import { ACTIONS, resultOf } from "./actions.js";
import { button, el, setText } from "./dom.js";
import { count, many } from "./format.js";
import { post } from "./place.js";

// From then on a route holds a connection for long, as the problems have it. Those of requests that come and go are let
// be.
const LONG_S = 3;
const MOST_ROUTES = 3;
// Nothing is tried any more: the session is over, or it may not act.
const IN_VAIN = [401, 403];

export class TakeAll {
  #confirm;
  #groups = new Map();
  #ids = new Set();
  #made = new Map();
  #runs = false;
  node = el("div", { class: "buttons" });

  constructor(confirm) {
    this.#confirm = confirm;
  }

  render(holders) {
    this.#ids = new Set(holders.map((holder) => holder.id));
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
    this.#confirm.ask(
      {
        ask: `${titleOf(route, held)}?`,
        what: `Each has been held for over ${LONG_S} s. What ${route} holds for less is left to it.`,
        means: `${ACTIONS.return.means} This is done to each of the ${count(held.length)}, and noted in the events.`,
        title: `Take ${count(held.length)} connections back`,
      },
      (tell) => this.#take(route, held, tell),
    );
  }

  // One after the other: each asks the server, which has trouble enough.
  async #take(route, held, tell) {
    this.#runs = true;
    let [taken, ended, refused, why] = [0, 0, 0, ""];
    for (const [place, holder] of held.entries()) {
      tell(`Taking back connections of ${route}: ${count(place + 1)} of ${count(held.length)} …`);
      if (!this.#ids.has(holder.id)) {
        ended += 1;
        continue;
      }
      try {
        const answer = await post(`holders/${encodeURIComponent(holder.id)}/return`);
        if (answer.ok) {
          taken += 1;
          continue;
        }
        refused += 1;
        why ||= await resultOf(answer, "return", holder);
        if (IN_VAIN.includes(answer.status)) break;
      } catch {
        why = "The service did not answer: whether the next one was done is not known.";
        break;
      }
    }
    this.#runs = false;
    const left = held.length - taken - ended - refused;
    const parts = [
      `${count(taken)} of ${many(held.length, "connection")} of ${route} taken back`,
      ended ? `${count(ended)} given back meanwhile` : "",
      refused ? `${count(refused)} not` : "",
      left ? `${count(left)} left` : "",
    ];
    tell(`${parts.filter(Boolean).join(", ")}. ${why}`.trim(), why !== "");
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
