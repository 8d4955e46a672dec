// Picks the page by its address, and hands it every snapshot.

import { el, setText } from "./dom.js";
import { duration } from "./format.js";
import { Live } from "./live.js";
import * as checks from "./page_checks.js";
import * as connections from "./page_connections.js";
import * as events from "./page_events.js";
import * as now from "./page_now.js";
import * as routes from "./page_routes.js";
import * as settings from "./page_settings.js";
import * as statements from "./page_statements.js";
import { isSignedIn, page, post } from "./place.js";
import { StateView } from "./state.js";

const PAGES = { "": now, routes, statements, connections, settings, events, checks };

const name = page();
const shownPage = PAGES[name] ?? now;
const parts = shownPage.parts();
const main = document.getElementById("main");
const worker = document.getElementById("worker");
const about = document.getElementById("about");
const logout = document.getElementById("logout");

function markPage() {
  for (const link of document.querySelectorAll("nav a")) {
    if (link.pathname.replace(/\/+$/, "") === location.pathname.replace(/\/+$/, ""))
      link.setAttribute("aria-current", "page");
  }
  if (name) setText(document.querySelector(".skip"), `Skip to ${shownPage.title.toLowerCase()}`);
  document.title = `${shownPage.title} | Plimsoll`;
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
  const { host, pid, ready, started_s: startedS, release, version, production } = snapshot.worker;
  setText(worker, `${host}:${pid}${ready ? "" : ", not ready"}`);
  const up = duration(Math.max(0, snapshot.at_s - startedS));
  setText(
    about,
    [`Worker ${host}:${pid}`, `up ${up}`, release && `release ${release}`, production ? "production" : "development"]
      .filter(Boolean)
      .join(", ") + `. Plimsoll ${version}.`,
  );
  const worst = snapshot.problems.find((problem) => problem.level !== "info");
  const level = !worst ? "" : worst.level === "critical" ? "Critical: " : "Warning: ";
  document.title = `${level}${shownPage.title} | Plimsoll`;
}

markPage();
main.setAttribute("aria-busy", "true");
main.append(...parts.map((part) => part.node));
const waiting = el("p", { class: "waiting" }, "Waiting for the first news …");
main.querySelector("h1").after(waiting);
logout.hidden = !isSignedIn;
logout.addEventListener("click", async () => {
  logout.disabled = true;
  try {
    await post("logout");
    location.reload();
  } catch {
    logout.disabled = false;
    about.append(el("strong", {}, " Not signed out: the service does not answer."));
  }
});

const live = new Live(render, (state) => view.render(state));
const view = new StateView(() => live.askNow());
live.start();
