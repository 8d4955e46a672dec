// The statements that were sent most and that took longest, by form.

import { el } from "./dom.js";
import { count, decimal, duration } from "./format.js";
import { Table } from "./table.js";
import { whose } from "./whose.js";

export const title = "Statements";

const mean = (statement) => (statement.count ? statement.total_s / statement.count : null);
const rows = (statement) => (statement.count ? statement.rows / statement.count : null);

class Statements {
  #table = new Table({
    name: "statements",
    caption: "",
    keyOf: (statement) => statement.fingerprint,
    sortBy: "total",
    descending: true,
    empty: "No statement has been sent yet.",
    columns: [
      { key: "text", title: "Statement", wide: true, code: true, value: (statement) => statement.text },
      {
        key: "count",
        title: "Sent",
        number: true,
        value: (statement) => statement.count,
        text: (statement) => count(statement.count),
      },
      {
        key: "total",
        title: "Time, all",
        number: true,
        value: (statement) => statement.total_s,
        text: (statement) => duration(statement.total_s),
      },
      { key: "mean", title: "Time, mean", number: true, value: mean, text: (statement) => duration(mean(statement)) },
      {
        key: "most",
        title: "Time, longest",
        number: true,
        value: (statement) => statement.most_s,
        text: (statement) => duration(statement.most_s),
      },
      { key: "rows", title: "Rows, mean", number: true, value: rows, text: (statement) => decimal(rows(statement)) },
      {
        key: "errors",
        title: "Errors",
        number: true,
        value: (statement) => statement.errors,
        text: (statement) => count(statement.errors),
      },
      { key: "routes", title: "Routes", wide: true, value: (statement) => statement.routes.join(", ") },
    ],
  });
  node = el(
    "section",
    { "aria-labelledby": "statements" },
    el("h1", { id: "statements" }, "Statements"),
    this.#table.node,
  );

  render(snapshot) {
    this.#table.caption = `Statements ${whose(snapshot)}, since they began; ? stands for every value`;
    this.#table.update(snapshot.statements);
  }
}

export const parts = () => [new Statements()];
