// What each route did, and what it costs the pool.

import { el } from "./dom.js";
import { count, decimal, duration, mean, quantile, quantileText } from "./format.js";
import { RATE_OVER_S, Rates } from "./rates.js";
import { Table } from "./table.js";
import { countedSince, whose } from "./whose.js";

const KINDS = ["5xx", "refused", "deadline", "memory", "cancelled", "4xx"];

export const title = "Routes";

const bound = (durations) => quantile(durations, 0.99);
const errors = (route) => Object.values(route.errors).reduce((sum, each) => sum + each, 0);
const each = (route) => (route.requests ? route.statements / route.requests : null);

function meanText(route) {
  const answered = mean(route.latency);
  return answered === null ? "none yet" : duration(answered);
}

function errorsText(route) {
  const said = KINDS.filter((kind) => route.errors[kind]).map((kind) => `${count(route.errors[kind])}\u00a0×\u00a0${kind}`);
  return said.join(", ") || "none";
}

class Routes {
  #rates = new Rates();
  #table = new Table({
    caption: "",
    keyOf: (route) => route.name,
    sortBy: "holding",
    descending: true,
    empty: "No request has come yet.",
    columns: [
      { key: "route", title: "Route", wide: true, value: (route) => route.name },
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
      { key: "errors", title: "Errors", number: true, long: true, value: errors, text: errorsText },
      {
        key: "mean",
        title: "Answered in, mean",
        number: true,
        value: (route) => mean(route.latency),
        text: meanText,
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
        text: (route) => (each(route) === null ? "none yet" : decimal(each(route))),
      },
      { key: "rows", title: "Rows", number: true, value: (route) => route.rows, text: (route) => count(route.rows) },
    ],
  });
  node = el("section", { "aria-labelledby": "routes" }, el("h1", { id: "routes" }, "Routes"), this.#table.node);

  render(snapshot) {
    const requests = new Map(snapshot.routes.map((route) => [route.name, route.requests]));
    this.#rates.note(snapshot.at_s, countedSince(snapshot), requests);
    this.#table.caption = `Routes ${whose(snapshot)}, since they began; requests a second over the last ${RATE_OVER_S} s`;
    this.#table.update(snapshot.routes.map((route) => ({ ...route, rate: this.#rates.of(route.name) })));
  }
}

export const parts = () => [new Routes()];
