// Picks the page by its address, and hands it every snapshot.

import { announce, el, setText } from "./dom.js";
import { duration } from "./format.js";
import { Live } from "./live.js";
import * as checks from "./page_checks.js";
import * as connections from "./page_connections.js";
import * as events from "./page_events.js";
import * as now from "./page_now.js";
import * as routes from "./page_routes.js";
import * as settings from "./page_settings.js";
import * as statements from "./page_statements.js";
import { Picker } from "./picker.js";
import { isSignedIn, page, post } from "./place.js";
import { StateView } from "./state.js";
import { chosenWorker, isOfSeveral, nameOf, ofWorker } from "./whose.js";

const PAGES = { "": now, routes, statements, connections, settings, events, checks };

const name = page();
const shownPage = PAGES[name] ?? now;
let parts = [];
let shownWorker = chosenWorker();
let level = "";
let unseen = "";
const main = document.getElementById("main");
const worker = document.getElementById("worker");
const about = document.getElementById("about");
const logout = document.getElementById("logout");
const waiting = el("p", { class: "waiting" }, "Waiting for the first news …");

function markPage() {
  for (const link of document.querySelectorAll("nav a")) {
    if (link.pathname.replace(/\/+$/, "") !== location.pathname.replace(/\/+$/, "")) continue;
    link.setAttribute("aria-current", "page");
    // On a phone the links are a line that is longer than the screen.
    link.parentElement.parentElement.scrollLeft = link.offsetLeft - link.offsetWidth;
  }
  if (name) setText(document.querySelector(".skip"), `Skip to ${shownPage.title.toLowerCase()}`);
  nameTab();
}

// What cannot be seen comes before what was wrong when it could: a tab is watched from the corner of the eye.
function nameTab() {
  document.title = `${unseen || level}${shownPage.title} | Plimsoll`;
}

// A part that fails must not take the others with it.
function render(snapshot) {
  main.removeAttribute("aria-busy");
  waiting.remove();
  for (const part of parts) {
    try {
      part.render(snapshot);
    } catch (error) {
      console.error(error);
    }
  }
  picker.render(snapshot);
  setText(worker, workerText(snapshot));
  setText(about, aboutText(snapshot));
  const worst = snapshot.problems.find((problem) => problem.level !== "info");
  level = !worst ? "" : worst.level === "critical" ? "Critical: " : "Warning: ";
  nameTab();
}

function readyText({ worker, workers }) {
  if (!workers.length) return worker.ready ? "" : "not ready";
  const ready = workers.filter((row) => row.ready && !row.silent && !row.stale).length;
  return ready < workers.length ? `${ready} of ${workers.length} ready` : "";
}

function workerText(snapshot) {
  const one = isOfSeveral(snapshot) || chosenWorker() ? "" : nameOf(snapshot);
  return [one, readyText(snapshot)].filter(Boolean).join(", ");
}

function aboutText(snapshot) {
  const { started_s: startedS, release, version, production } = snapshot.worker;
  const told = [
    `${isOfSeveral(snapshot) ? "Told by" : "Worker"} ${nameOf(snapshot)}`,
    `up ${duration(Math.max(0, snapshot.at_s - startedS))}`,
    release && `release ${release}`,
    production ? "production" : "development",
  ];
  return `${told.filter(Boolean).join(", ")}. Plimsoll ${version}.`;
}

// The page from its beginning: nothing that was told of one worker stays beside another's numbers.
function begin() {
  main.setAttribute("aria-busy", "true");
  for (const part of parts) part.node.remove();
  parts = shownPage.parts();
  main.append(...parts.map((part) => part.node));
  main.querySelector("h1").after(waiting);
  for (const link of document.querySelectorAll("nav a")) link.href = ofWorker(link.href);
}

function choose(chosen) {
  history.pushState(null, "", ofWorker(location.href, chosen));
  follow();
}

function follow() {
  if (chosenWorker() === shownWorker) return;
  shownWorker = chosenWorker();
  begin();
  picker.draw();
  live.again();
}

const picker = new Picker(choose);
document.getElementById("late").remove();
markPage();
begin();
addEventListener("popstate", follow);
logout.hidden = !isSignedIn;
logout.addEventListener("click", async () => {
  logout.disabled = true;
  try {
    const { elsewhere } = await (await post("logout")).json();
    if (!elsewhere) return location.reload();
    announce(elsewhere);
    logout.replaceWith(el("strong", {}, elsewhere));
  } catch {
    logout.disabled = false;
    about.append(el("strong", {}, " Not signed out: the service does not answer."));
  }
});

const live = new Live(render, (state) => {
  unseen = view.render(state);
  nameTab();
});
const view = new StateView(
  () => live.askNow(),
  () => {
    choose("");
    main.focus();
  },
);
live.start();
