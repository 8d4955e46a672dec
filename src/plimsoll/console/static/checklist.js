// The deployment checklist: what it came to the last time, and, for the operator, a button to run it now. It is asked
// for by the snapshots that come: while there are none, the page says so itself.

import { announce, button, el, setText } from "./dom.js";
import { Findings } from "./findings.js";
import { duration, time } from "./format.js";
import { mayAct, post, url } from "./place.js";

const ASK_EVERY_MS = 15_000;
const ASK_RUNNING_MS = 1_000;
const ASK_TIMEOUT_MS = 5_000;

const MEANS =
  "A process of its own imports the application, as 'plimsoll check' does, and reads from the database. It takes " +
  "some seconds, the memory of one more worker meanwhile, and a connection outside of the pool. It changes nothing.";

const NEVER = "The checklist was not run from here yet.";

const BELOW = " What is below is from an earlier run.";

export class Checklist {
  #lead = el("p", { class: "lead" }, "Asking what it came to the last time …");
  #said = el("p", { class: "said", role: "status" });
  #failed = el("p", { class: "failed" });
  #note = el("p", { class: "muted" });
  #facts = el("dl", { class: "facts" });
  #findings = new Findings();
  #run = button("Run the checklist now", () => this.#dialog.showModal());
  #dialog = this.#confirm();
  #asking = false;
  #nextAsk = 0;
  #state = null;
  #told = null;
  #drawn = null;
  node = el(
    "section",
    { "aria-labelledby": "checks", class: "checklist" },
    el("h1", { id: "checks" }, "Checks"),
    this.#lead,
    this.#said,
    this.#failed,
    this.#facts,
    this.#note,
    mayAct ? el("p", {}, this.#run) : el("p", { class: "muted" }, "To run it from here, sign in with OPS_TOKEN."),
    this.#findings.node,
    el(
      "details",
      {},
      el("summary", {}, "From a terminal"),
      el("pre", {}, el("code", {}, `plimsoll check\nplimsoll check --stage after --url ${location.origin}`)),
      el(
        "p",
        { class: "muted" },
        "In the application's directory. The first asks whether it is safe to deploy, as the button here does; the " +
          "second whether the deployment worked.",
      ),
    ),
    this.#dialog,
  );

  constructor() {
    for (const part of [this.#failed, this.#facts, this.#note]) part.hidden = true;
  }

  render(snapshot) {
    if (!this.#asking && performance.now() >= this.#nextAsk) this.#ask();
    if (this.#state) this.#show(snapshot);
  }

  async #ask() {
    this.#asking = true;
    try {
      const answer = await fetch(url("checks.json"), {
        credentials: "same-origin",
        signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
      });
      if (!answer.ok) throw new Error(`it answered ${answer.status}`);
      this.#state = await answer.json();
    } catch (error) {
      const why = error.name === "TimeoutError" ? "it did not answer in time" : error.message;
      if (!this.#state) setText(this.#lead, `What it came to is not known: ${why}. Asking again.`);
    } finally {
      this.#asking = false;
      this.#nextAsk = performance.now() + (this.#state?.running ? ASK_RUNNING_MS : ASK_EVERY_MS);
    }
  }

  #show(snapshot) {
    const { running, results, failed } = this.#state;
    this.#run.disabled = Boolean(running);
    this.#lead.dataset.level = running || !results ? "" : levelOf(results.report);
    setText(this.#lead, running ? runningWords(running, results, snapshot.at_s) : leadOf(results));
    this.#failed.hidden = !failed || Boolean(running);
    if (failed) setText(this.#failed, failedWords(failed, results, snapshot.at_s));
    this.#facts.hidden = !results;
    const note = results ? noteOf(results, snapshot.worker.release) : "";
    setText(this.#note, note);
    this.#note.hidden = !note;
    if (results) this.#showFacts(results, snapshot.at_s);
    this.#showFindings(results);
    this.#tell(running, results, failed);
  }

  #showFacts(results, nowS) {
    if (this.#facts.dataset.of !== String(results.ended_s)) {
      this.#facts.dataset.of = results.ended_s;
      const rows = [
        ["Age", ""],
        ["Stage", results.report.stage === "after" ? "after a deployment" : "before a deployment"],
        ["Release", results.release || "not told"],
        ["Application", results.application || "see below"],
        ["Run by worker", results.worker],
        ["Took", duration(results.ended_s - results.began_s)],
      ];
      this.#facts.replaceChildren(
        ...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
      );
      this.#facts.firstChild.lastChild.append(el("span"), el("span", { class: "muted" }, time(results.ended_s)));
    }
    setText(this.#facts.querySelector("dd span"), `${duration(Math.max(0, nowS - results.ended_s))} old`);
  }

  #showFindings(results) {
    const key = results ? `${results.worker} ${results.ended_s}` : "";
    if (key === this.#drawn) return;
    this.#drawn = key;
    this.#findings.show(results?.report ?? null);
  }

  // Read out when it changes, and not when the page is opened.
  #tell(running, results, failed) {
    const key = running ? "running" : `${results?.ended_s} ${failed?.ended_s}`;
    if (this.#told !== null && key !== this.#told) {
      if (!running) setText(this.#said, "");
      const ended = failed ? `The checklist came to no result. ${failed.error}` : leadOf(results);
      announce(running ? "The checklist runs." : ended);
    }
    this.#told = key;
  }

  #confirm() {
    const dialog = el("dialog", { "aria-labelledby": "run-title", "aria-describedby": "run-means" });
    dialog.append(
      el("h2", { id: "run-title" }, "Run the checklist now?"),
      el("p", { id: "run-means" }, MEANS),
      el(
        "div",
        { class: "buttons" },
        button("Cancel", () => dialog.close(), { autofocus: true }),
        button("Run it", () => this.#start()),
      ),
    );
    return dialog;
  }

  async #start() {
    this.#dialog.close();
    this.#run.disabled = true;
    this.#say("Asked …");
    try {
      const answer = await post("checks/run");
      const told = await answer.json().catch(() => ({}));
      if (answer.ok) this.#say("");
      else if (answer.status === 401) this.#say("Not run: you are signed out. Load this page again.", true);
      else this.#say(`Not run: ${told.detail ?? `the service answered ${answer.status}.`}`, true);
    } catch {
      this.#say("The service did not answer: whether the checklist runs is not known.", true);
    }
    this.#run.disabled = false;
    await this.#ask();
  }

  #say(sentence, wrong = false) {
    this.#said.dataset.level = wrong ? "critical" : "ok";
    setText(this.#said, sentence);
  }
}

const levelOf = (report) => (report.safe ? "ok" : "critical");

const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

const leadOf = (results) => (results ? capital(results.report.summary) : NEVER);

function runningWords(running, results, nowS) {
  const known = Number.isFinite(running.began_s);
  const runs = known ? `has run for ${duration(Math.max(0, nowS - running.began_s))}` : "runs";
  const most = running.limit_s ? `, and may for ${duration(running.limit_s)}` : "";
  return `The checklist ${runs}${most}.${results ? BELOW : ""}`;
}

function failedWords(failed, results, nowS) {
  const ago = duration(Math.max(0, nowS - failed.ended_s));
  const below = results ? BELOW : "";
  return `It was run ${ago} ago, in worker ${failed.worker}, and came to no result. ${failed.error}${below}`;
}

function noteOf(results, release) {
  const notes = [];
  if (results.release !== release)
    notes.push(`These are results of ${named(results.release)}, and ${named(release)} runs now: run it again.`);
  if (!results.application)
    notes.push(
      "The application of this service has no name by which it could be imported (a function makes it, or the " +
        "program that was started has it): what [tool.plimsoll] in pyproject.toml names was checked, and where that " +
        "names none, only what needs no application.",
    );
  return notes.join(" ");
}

const named = (release) => (release ? `release ${release}` : "a release without a name");
