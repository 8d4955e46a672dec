// What the deployment checklist and start-up came to, and the limits of the process.

import { Checklist } from "./checklist.js";
import { el, section } from "./dom.js";
import { amount, time } from "./format.js";
import { Table } from "./table.js";

export const title = "Checks";

class Startup {
  #facts = el("dl", { class: "facts" });
  #warnings = el("ul", { class: "warnings" });
  node = section("start-up", "Start-up", this.#facts, this.#warnings);
  #drawn = "";

  render({ worker }) {
    const drawn = JSON.stringify(worker);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const rows = [
      ["Ready", worker.ready ? "yes" : "no"],
      ["Start-up", worker.startup],
      ["Began", time(worker.started_s)],
      ["Production", worker.production ? "yes" : "no"],
      ["Because of", worker.production_rule || "not told"],
      ["Release", worker.release || "not told"],
      ["Plimsoll", worker.version],
    ];
    this.#facts.replaceChildren(...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
    const warnings = worker.warnings.length ? worker.warnings : ["Start-up had no warnings."];
    this.#warnings.replaceChildren(...warnings.map((warning) => el("li", {}, warning)));
  }
}

class Limits {
  #table = new Table({
    caption: "Limits of this process",
    keyOf: (limit) => `${limit.name} ${limit.source}`,
    sortBy: "share",
    descending: true,
    empty: "No limit is known.",
    columns: [
      { key: "name", title: "Limit", value: (limit) => limit.name },
      {
        key: "used",
        title: "Used",
        number: true,
        value: (limit) => limit.used,
        text: (limit) => (limit.used === null ? "not known" : amount(limit.used, limit.unit)),
      },
      {
        key: "limit",
        title: "Of",
        number: true,
        value: (limit) => limit.limit,
        text: (limit) => amount(limit.limit, limit.unit),
      },
      {
        key: "share",
        title: "Share",
        number: true,
        value: share,
        text: (limit) => (share(limit) === null ? "not known" : `${Math.round(100 * share(limit))} %`),
      },
      {
        key: "kills",
        title: "When reached",
        value: (limit) => (limit.kills ? "the process is killed" : "taking more fails"),
      },
      { key: "source", title: "From", value: (limit) => limit.source },
    ],
  });
  node = section("limits", "Limits", this.#table.node);

  render(snapshot) {
    this.#table.update(snapshot.limits);
  }
}

function share(limit) {
  return limit.used === null || !limit.limit ? null : limit.used / limit.limit;
}

export const parts = () => [new Checklist(), new Startup(), new Limits()];
