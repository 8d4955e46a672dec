// What is wrong now: the gravest first, each with what to do about it.

import { announce, el, setLongText, setText } from "./dom.js";
import { count, LEVELS, many, timeText } from "./format.js";

// It is read out when it becomes another problem: a worse one at once, else when it has stayed for so long, so that what
// comes and goes is not read out each time.
const SETTLED_S = 4;
const GRAVITY = ["", "info", "warning", "critical"];

export class Problems {
  #list = el("ol", { class: "problems" });
  #calm = el(
    "div",
    { class: "calm" },
    el("p", { class: "sentence" }, "Nothing is wrong."),
    el("p", { class: "muted" }),
  );
  #calmSince = null;
  #calmWords = "when this page was opened";
  #told = null;
  #toldLevel = "";
  #next = null;
  #nextSinceS = 0;
  #holders = el("a", { href: `${location.pathname}${location.search}#holders` });
  #ways = el("p", {}, this.#holders);
  node = el(
    "section",
    { "aria-labelledby": "wrong" },
    el("h1", { id: "wrong" }, "What is wrong now"),
    this.#calm,
    this.#list,
    this.#ways,
  );

  constructor() {
    this.#ways.hidden = true;
    this.#calm.hidden = true;
  }

  render(snapshot) {
    const problems = snapshot.problems;
    this.#tell(problems, snapshot.at_s);
    this.#calm.hidden = problems.length > 0;
    this.#list.hidden = problems.length === 0;
    this.#note(snapshot.at_s, problems.length > 0);
    // On a phone they are two screens below.
    this.#ways.hidden = !problems.length || !snapshot.holders.length;
    setText(this.#holders, `See who holds connections now: ${many(snapshot.holders.length, "holder")}`);
    while (this.#list.children.length > problems.length) this.#list.lastElementChild.remove();
    for (const [place, problem] of problems.entries()) this.#fill(this.#list.children[place] ?? this.#added(), problem);
  }

  #added() {
    const parts = [el("span", { class: "level" }), el("p", { class: "sentence" }), el("p", { class: "action" })];
    const made = el("li", {}, ...parts);
    this.#list.append(made);
    return made;
  }

  #fill(item, problem) {
    const [level, sentence, action] = item.children;
    item.dataset.level = problem.level;
    setText(level, LEVELS[problem.level] ?? problem.level);
    setLongText(sentence, problem.sentence);
    setLongText(action, problem.action ? `Do this: ${problem.action}` : "");
  }

  #note(atS, wrong) {
    if (wrong) {
      this.#calmSince = null;
      this.#calmWords = "when the last problem ended";
    } else if (this.#calmSince === null) {
      this.#calmSince = atS;
    }
    if (!wrong) setText(this.#calm.lastElementChild, `Since ${timeText(this.#calmSince)}, ${this.#calmWords}.`);
  }

  // Its numbers change every second: they are no news.
  #tell(problems, atS) {
    const [worst] = problems;
    const key = worst ? `${worst.level} ${worst.key}` : "";
    if (key !== this.#next) {
      this.#next = key;
      this.#nextSinceS = atS;
    }
    const worse = GRAVITY.indexOf(worst?.level ?? "") > GRAVITY.indexOf(this.#toldLevel);
    if (key === this.#told || !(worse || atS - this.#nextSinceS >= SETTLED_S)) return;
    this.#told = key;
    this.#toldLevel = worst?.level ?? "";
    const more = problems.length > 1 ? ` And ${count(problems.length - 1)} more.` : "";
    announce(worst ? `${LEVELS[worst.level] ?? worst.level}: ${worst.sentence}${more}` : "Nothing is wrong.");
  }
}
