// What each route did, and what it costs the pool.

import { el } from "./dom.js";
import { count, decimal, duration, mean, quantile, quantileText } from "./format.js";
import { Table } from "./table.js";

const KINDS = ["5xx", "refused", "deadline", "memory", "cancelled", "4xx"];
const RATE_OVER_S = 10;

export const title = "Routes";

const bound = (durations) => quantile(durations, 0.99);
const errors = (route) => Object.values(route.errors).reduce((sum, each) => sum + each, 0);
const each = (route) => (route.requests ? route.statements / route.requests : null);

function errorsText(route) {
  const said = KINDS.filter((kind) => route.errors[kind]).map((kind) => `${count(route.errors[kind])} ${kind}`);
  return said.join(", ") || "none";
}

class Routes {
  #seen = [];
  #table = new Table({
    caption: `Routes of this worker, since it began; requests a second over the last ${RATE_OVER_S} s`,
    keyOf: (route) => route.name,
    sortBy: "holding",
    descending: true,
    empty: "No request has come yet.",
    columns: [
      { key: "route", title: "Route", value: (route) => route.name },
      {
        key: "requests",
        title: "Requests",
        number: true,
        value: (route) => route.requests,
        text: (route) => count(route.requests),
      },
      {
        key: "rate",
        title: "A second",
        number: true,
        value: (route) => route.rate,
        text: (route) => decimal(route.rate),
      },
      {
        key: "flight",
        title: "In flight",
        number: true,
        value: (route) => route.in_flight,
        text: (route) => count(route.in_flight),
      },
      { key: "errors", title: "Errors", number: true, value: errors, text: errorsText },
      {
        key: "mean",
        title: "Answered in, mean",
        number: true,
        value: (route) => mean(route.latency),
        text: (route) => duration(mean(route.latency)),
      },
      {
        key: "latency",
        title: "Answered in, 99\u00a0%",
        number: true,
        value: (route) => bound(route.latency),
        text: (route) => quantileText(route.latency, 0.99),
      },
      {
        key: "waiting",
        title: "Waits for a connection, 99\u00a0%",
        number: true,
        value: (route) => bound(route.waiting),
        text: (route) => quantileText(route.waiting, 0.99),
      },
      {
        key: "holding",
        title: "Holds one, 99\u00a0%",
        number: true,
        value: (route) => bound(route.holding),
        text: (route) => quantileText(route.holding, 0.99),
      },
      {
        key: "statements",
        title: "Statements a request",
        number: true,
        value: each,
        text: (route) => decimal(each(route)),
      },
      { key: "rows", title: "Rows", number: true, value: (route) => route.rows, text: (route) => count(route.rows) },
    ],
  });
  node = el("section", { "aria-labelledby": "routes" }, el("h1", { id: "routes" }, "Routes"), this.#table.node);

  render(snapshot) {
    const requests = new Map(snapshot.routes.map((route) => [route.name, route.requests]));
    this.#seen.push({ atS: snapshot.at_s, started: snapshot.worker.started_s, requests });
    while (
      this.#seen.length > 1 &&
      (snapshot.at_s - this.#seen[0].atS > RATE_OVER_S || this.#seen[0].started !== snapshot.worker.started_s)
    )
      this.#seen.shift();
    const first = this.#seen[0];
    const passed = snapshot.at_s - first.atS;
    const rate = (route) =>
      passed > 0 ? Math.max(0, route.requests - (first.requests.get(route.name) ?? 0)) / passed : null;
    this.#table.update(snapshot.routes.map((route) => ({ ...route, rate: rate(route) })));
  }
}

export const parts = () => [new Routes()];
