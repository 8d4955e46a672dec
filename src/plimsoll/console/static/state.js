// How fresh the page is, in the header and, where it matters, as a banner.

import { announce, button, el, setText } from "./dom.js";
import { duration } from "./format.js";

const WORDS = {
  loading: "Loading",
  live: "Live",
  polled: "Live, every 2 s",
  stale: "Stale",
  disconnected: "Disconnected",
  gone: "Worker gone",
  "signed-out": "Signed out",
};

function sentenceOf(state) {
  switch (state.name) {
    case "stale":
      return `No news for ${duration(state.seconds)}. What is below was true then.`;
    case "disconnected": {
      const since = state.seconds === null ? "" : ` What is below is ${duration(Math.max(1, state.seconds))} old.`;
      return `No connection to the service: ${state.reason}.${since}`;
    }
    case "gone":
      return state.reason + (state.seconds === null ? "" : " What is below is what it told last.");
    case "signed-out":
      return "You are signed out: the session has ended. What is below is no longer kept up to date.";
    default:
      return "";
  }
}

export class StateView {
  #state = document.getElementById("state");
  #banner = document.getElementById("banner");
  #sentence = el("p");
  #retry = el("p", { class: "muted" });
  #name = "loading";

  constructor(onRetry, onAll) {
    this.#banner.className = "banner";
    this.tryNow = button("Try now", onRetry);
    this.showAll = button("Show all workers", onAll);
    this.signIn = button("Sign in", () => location.reload());
    this.#banner.append(this.#sentence, this.#retry, this.tryNow, this.showAll, this.signIn);
  }

  // Returns what the tab's title begins with where the page is not live.
  render(state) {
    this.#state.dataset.state = state.name;
    setText(this.#state.lastElementChild, WORDS[state.name]);
    document.body.dataset.state = state.name;
    const sentence = sentenceOf(state);
    this.#banner.hidden = !sentence;
    this.#banner.dataset.level = state.name === "disconnected" ? "critical" : "warning";
    setText(this.#sentence, sentence);
    const retries = ["disconnected", "gone"].includes(state.name);
    setText(this.#retry, !retries ? "" : state.wait ? `Trying again in ${state.wait} s.` : "Trying again now.");
    this.#retry.hidden = !retries;
    this.tryNow.hidden = !retries && state.name !== "stale";
    this.showAll.hidden = state.name !== "gone";
    this.signIn.hidden = state.name !== "signed-out";
    this.#tell(state.name, sentence);
    return sentence && `${WORDS[state.name]}: `;
  }

  #tell(name, sentence) {
    if (name === this.#name) return;
    const wasBad = ["stale", "disconnected", "gone"].includes(this.#name);
    this.#name = name;
    if (sentence) announce(sentence);
    else if (wasBad) announce("The page is live again.");
  }
}
