// What an operator may do to a holder: asked once more before it is done, and told what came of it.

import { button, el, setText } from "./dom.js";
import { duration } from "./format.js";
import { post } from "./place.js";

export const ACTIONS = {
  kill: {
    title: "End statement",
    ask: "End this statement?",
    means:
      "The server ends it and its connection. Its request gets an error, and what it did in its transaction is lost.",
  },
  return: {
    title: "Take connection back",
    ask: "Take this connection back?",
    means:
      "The connection is closed and its place is free. What was not committed is lost, and whoever holds it gets an " +
      "error at its next statement.",
  },
};

export const nameOfHolder = (holder) => (holder.worker ? `${holder.route} of ${holder.worker}` : holder.route);

export class Confirm {
  #title = el("h2", { id: "confirm-title" });
  #what = el("p");
  #statement = el("p", { class: "code" });
  #means = el("p", { id: "confirm-means" });
  #yes = button("", () => this.#do());
  #no = button("Cancel", () => this.node.close(), { autofocus: true });
  #run = null;
  #said = el("p", { class: "said", role: "status" });
  node = el(
    "dialog",
    { "aria-labelledby": "confirm-title", "aria-describedby": "confirm-means" },
    this.#title,
    this.#what,
    this.#statement,
    this.#means,
    el("div", { class: "buttons" }, this.#no, this.#yes),
  );

  constructor() {
    this.#yes.className = "danger";
  }

  get said() {
    return this.#said;
  }

  open(action, holder) {
    const what = `${nameOfHolder(holder)} has held it for ${duration(holder.age_s)}, ${holder.state}.`;
    this.ask({ ...ACTIONS[action], what, statement: holder.statement }, (tell) => run(action, holder, tell));
  }

  // What is to be run is given a function that tells what comes of it.
  ask({ title, ask, what, statement = "", means }, run) {
    this.#run = run;
    setText(this.#title, ask);
    setText(this.#what, what);
    setText(this.#statement, statement);
    this.#statement.hidden = !statement;
    setText(this.#means, means);
    setText(this.#yes, title);
    this.node.showModal();
  }

  #do() {
    this.node.close();
    this.#run((sentence, failed) => this.#tell(sentence, failed));
  }

  #tell(sentence, failed = false) {
    this.#said.dataset.level = failed ? "critical" : "ok";
    setText(this.#said, sentence);
  }
}

async function run(action, holder, tell) {
  const { title } = ACTIONS[action];
  tell(`${title}: asked …`);
  const { told, failed } = await asked(`holders/${encodeURIComponent(holder.id)}/${action}`);
  tell(told || `${title} (${nameOfHolder(holder)}): done.`, failed);
}

// What the service says came of it, in words; with its whole answer where it was done.
export async function asked(path, fields) {
  try {
    const answer = await post(path, fields);
    const found = await answer.json().catch(() => ({})); // no JSON: the status says enough
    if (answer.ok) return { told: found.result ?? "", failed: false, found };
    return { told: notDone(answer.status, found.detail), failed: true, found: null };
  } catch {
    return { told: "The service did not answer: whether it was done is not known.", failed: true, found: null };
  }
}

function notDone(status, detail) {
  if (status === 401) return "Not done: you are signed out. Load this page again.";
  if (status === 403) return "Not done: this needs the operator's token. Load this page again.";
  return `Not done: ${typeof detail === "string" && detail ? detail : `the service answered ${status}.`}`;
}
