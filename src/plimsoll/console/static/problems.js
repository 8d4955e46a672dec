// What is wrong now: the gravest first, each with what to do about it.

import { announce, el, setText } from "./dom.js";
import { clockTime, count, many } from "./format.js";

const WORDS = { critical: "Critical", warning: "Warning", info: "Note" };

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
  #key = null;
  #holders = el("a", { href: `${location.pathname}#holders` });
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
    this.#tell(problems);
    this.#calm.hidden = problems.length > 0;
    this.#list.hidden = problems.length === 0;
    this.#note(snapshot.at_s, problems.length > 0);
    // On a phone they are far below.
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
    setText(level, WORDS[problem.level] ?? problem.level);
    setText(sentence, problem.sentence);
    setText(action, problem.action ? `Do this: ${problem.action}` : "");
  }

  #note(atS, wrong) {
    if (wrong) {
      this.#calmSince = null;
      this.#calmWords = "when the last problem ended";
    } else if (this.#calmSince === null) {
      this.#calmSince = atS;
    }
    if (!wrong) setText(this.#calm.lastElementChild, `Since ${clockTime(this.#calmSince)}, ${this.#calmWords}.`);
  }

  // Its numbers change every second; it is read out when it becomes another problem.
  #tell(problems) {
    const key = problems.length ? `${problems[0].level} ${problems[0].key}` : "";
    if (key !== this.#key) {
      const more = problems.length > 1 ? ` And ${count(problems.length - 1)} more.` : "";
      if (problems.length) announce(`${WORDS[problems[0].level]}: ${problems[0].sentence}${more}`);
      else announce("Nothing is wrong.");
    }
    this.#key = key;
  }
}
