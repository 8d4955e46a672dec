// Snapshots as they come: from the live stream, or asked for where a proxy holds the stream back. Knows at any time how
// fresh they are. Asks nothing while nobody looks at the page.

import { url } from "./place.js";
import { chosenWorker, ofWorker } from "./whose.js";

const TICK_MS = 1_000;
const STALE_AFTER_MS = 5_000;
const POLL_EVERY_MS = 2_000;
const ASK_TIMEOUT_MS = 10_000;
// A stream that was refused, since too many listen or there is none under WSGI, is asked for again after this.
const REOPEN_AFTER_MS = 10_000;
const BACK_OFF_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000];
// Switching tabs for a moment is not looking away.
const HIDDEN_FOR_MS = 30_000;

export class Live {
  #onSnapshot;
  #onState;
  #stream = null;
  #opened = -Infinity;
  #asked = -Infinity;
  #began = performance.now();
  #streamNews = -Infinity;
  #news = -Infinity;
  #hiddenSince = null;
  #failures = 0;
  #nextAsk = 0;
  #asking = false;
  #signedOut = false;
  #reason = "";
  #gone = false;
  // Another one with each choice of a worker: what is still on its way is of the one before.
  #turn = 0;

  constructor(onSnapshot, onState) {
    this.#onSnapshot = onSnapshot;
    this.#onState = onState;
  }

  start() {
    this.#open();
    setInterval(() => this.#tick(), TICK_MS);
    document.addEventListener("visibilitychange", () => this.#visible());
    addEventListener("online", () => this.askNow());
    this.#tell();
  }

  askNow() {
    this.#nextAsk = 0;
    this.#ask();
  }

  // Another worker was chosen.
  again() {
    this.#turn += 1;
    this.#began = performance.now();
    this.#news = this.#streamNews = this.#asked = -Infinity;
    this.#failures = this.#nextAsk = 0;
    this.#asking = this.#gone = false;
    if (!this.#signedOut) this.#open();
    this.#tell();
  }

  #open() {
    this.#opened = performance.now();
    this.#stream?.close();
    this.#stream = new EventSource(ofWorker(url("live")));
    this.#stream.addEventListener("snapshot", (event) => {
      this.#streamNews = performance.now();
      this.#receive(JSON.parse(event.data));
    });
    this.#stream.addEventListener("error", () => {
      // The browser does not tell why; a plain request does.
      if (!this.#failures && performance.now() - this.#asked > POLL_EVERY_MS) this.askNow();
    });
  }

  #receive(snapshot) {
    this.#news = performance.now();
    this.#failures = 0;
    this.#gone = false;
    this.#onSnapshot(snapshot);
    this.#tell();
  }

  #tick() {
    const now = performance.now();
    if (this.#signedOut) return;
    if (this.#hiddenSince !== null) {
      if (now - this.#hiddenSince > HIDDEN_FOR_MS) this.#stream?.close();
      return;
    }
    const streamless = now - Math.max(this.#streamNews, this.#began) > STALE_AFTER_MS;
    if ((streamless || this.#failures) && now >= this.#nextAsk) this.#ask();
    this.#tell();
  }

  #visible() {
    if (document.hidden) {
      this.#hiddenSince = performance.now();
      return;
    }
    this.#hiddenSince = null;
    if (this.#stream?.readyState === EventSource.CLOSED && !this.#signedOut) this.#open();
    this.#tick();
  }

  async #ask() {
    if (this.#asking || this.#signedOut) return;
    const turn = this.#turn;
    this.#asking = true;
    this.#asked = performance.now();
    try {
      const answer = await fetch(ofWorker(url("snapshot")), {
        credentials: "same-origin",
        cache: "no-store",
        headers: { Accept: "application/json" },
        signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
      });
      if (turn === this.#turn) await this.#answered(answer, turn);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#failed(error.name === "TimeoutError" ? "it did not answer in time" : "it cannot be reached");
    } finally {
      if (turn === this.#turn) {
        this.#asking = false;
        this.#tell();
      }
    }
  }

  async #answered(answer, turn) {
    if (answer.status === 401 || answer.status === 403) {
      this.#signedOut = true;
      this.#stream?.close();
      return;
    }
    if (!answer.ok) {
      const gone = answer.status === 404 && chosenWorker() !== "";
      this.#failed(gone ? `${chosenWorker()} is not among the workers.` : `it answered ${answer.status}`, gone);
      return;
    }
    const snapshot = await answer.json();
    if (turn !== this.#turn) return;
    this.#receive(snapshot);
    this.#nextAsk = performance.now() + POLL_EVERY_MS;
    const waited = performance.now() - this.#opened > REOPEN_AFTER_MS;
    if (waited && this.#stream?.readyState === EventSource.CLOSED) this.#open();
  }

  #failed(reason, gone = false) {
    this.#gone = gone;
    this.#reason = reason;
    this.#nextAsk = performance.now() + BACK_OFF_MS[Math.min(this.#failures, BACK_OFF_MS.length - 1)];
    this.#failures += 1;
  }

  #tell() {
    const now = performance.now();
    const age = (now - this.#news) / 1000;
    const seconds = Number.isFinite(age) ? Math.floor(age) : null;
    const wait = Math.max(0, Math.ceil((this.#nextAsk - now) / 1000));
    this.#onState({ name: this.#name(now), seconds, wait, reason: this.#reason });
  }

  #name(now) {
    if (this.#signedOut) return "signed-out";
    if (this.#failures) return this.#gone ? "gone" : "disconnected";
    if (this.#news === -Infinity) return "loading";
    if (now - this.#news > STALE_AFTER_MS) return "stale";
    return now - this.#streamNews > STALE_AFTER_MS ? "polled" : "live";
  }
}
