// Connections from both sides: who holds them, and the server's own list of all.

import { el, section, setText, shown } from "./dom.js";
import { count, duration, time } from "./format.js";
import { Holders } from "./holders.js";
import { Table } from "./table.js";
import { isOfSeveral } from "./whose.js";

export const title = "Connections";

const whoseIs = (process) => (process.worker ? `${process.whose}, ${process.worker}` : process.whose);
const stateText = (process) => duration(process.seconds);
const openText = (process) => (process.transaction_s === null ? "none" : duration(process.transaction_s));
const place = (process) => process.place || "–";
const client = (process) =>
  `${process.user} from ${process.host}${process.application ? `, ${process.application}` : ""}`;

class Server {
  #said = el("p", { class: "lead" });
  #error = el("p", { class: "banner", "data-level": "critical" });
  #partly = el(
    "p",
    { class: "banner", "data-level": "warning" },
    "This account sees its own connections only. With the right to see all (PROCESS on MariaDB and MySQL, " +
      "pg_monitor on PostgreSQL) it would show who else is there.",
  );
  node = el(
    "section",
    { "aria-labelledby": "connections" },
    el("h1", { id: "connections" }, "Connections"),
    this.#error,
    this.#said,
    this.#partly,
  );

  render(snapshot) {
    const server = snapshot.server;
    this.#error.hidden = !server?.error;
    this.#partly.hidden = !server || server.sees_all || Boolean(server.error);
    if (!server) {
      setText(this.#said, "The server has not been asked yet, or it keeps no list of connections, as SQLite.");
      return;
    }
    const of = server.max_connections === null ? "" : ` of ${count(server.max_connections)}`;
    const open = server.connections === null ? "An unknown number" : count(server.connections);
    const verb = server.error ? "were" : "are";
    this.#said.replaceChildren(
      shown(`${open}${of} connections ${verb} open on the server (${server.dialect} ${server.version}), as of `),
      time(server.at_s),
      ".",
    );
    setText(this.#error, `The server does not answer: ${server.error}. What is below is what it said last.`);
  }
}

class Processes {
  #table = new Table({
    name: "connections",
    caption: "Connections in the server's process list",
    keyOf: (process) => process.id,
    empty: "The list is empty, or could not be had.",
    columns: [
      { key: "id", title: "Id", number: true, value: (process) => process.id },
      { key: "whose", title: "Whose", long: true, value: (process) => process.shown },
      { key: "mark", title: "Mark", value: (process) => process.marks.join(", "), fill: fillMarks },
      { key: "state", title: "State", short: true, value: (process) => process.state },
      { key: "for", title: "In it for", number: true, value: (process) => process.seconds, text: stateText },
      { key: "open", title: "Transaction", number: true, value: (process) => process.transaction_s, text: openText },
      {
        key: "route",
        title: "Route",
        long: true,
        value: (process) => process.route,
        text: (process) => process.route || "–",
      },
      { key: "place", title: "Taken at", code: true, long: true, value: (process) => process.place, text: place },
      { key: "client", title: "Client", long: true, value: client },
    ],
  });
  node = section("processes", "In the server's process list", this.#table.node);

  render(snapshot) {
    this.node.hidden = !snapshot.server;
    // Where all workers are looked at, none of them is another one.
    const name = isOfSeveral(snapshot) ? (process) => process.worker || process.whose : whoseIs;
    const processes = snapshot.server?.processes ?? [];
    const counts = countsOf(processes);
    this.#table.update(
      processes.map((process) => ({ ...process, shown: name(process), marks: marksOf(process, counts) })),
    );
  }
}

// What is wrong with it, whom it waits for, and how many wait for it.
function marksOf(process, counts) {
  const by = process.wait?.by.map((id) => id || "a prepared transaction").join(", ") || "a lock";
  const waiting = counts.get(process.id);
  const behind = waiting ? `${count(waiting)} ${waiting === 1 ? "waits" : "wait"} for it` : "";
  return [process.mark, process.wait ? `waits for ${by}` : "", behind].filter(Boolean);
}

// How many wait for each, those that wait behind one another counted.
function countsOf(processes) {
  const waits = new Map(processes.filter(({ wait }) => wait).map(({ id, wait }) => [id, wait.by]));
  const counts = new Map();
  for (const [id, by] of waits) {
    const seen = new Set([id]);
    const left = [...by];
    while (left.length) {
      const before = left.pop();
      if (seen.has(before)) continue;
      seen.add(before);
      counts.set(before, (counts.get(before) ?? 0) + 1);
      left.push(...(waits.get(before) ?? []));
    }
  }
  return counts;
}

function fillMarks(cell, process) {
  const marks = process.marks.length ? process.marks : ["–"];
  while (cell.children.length > marks.length) cell.lastChild.remove();
  marks.forEach((words, place) => {
    const line = cell.children[place] ?? cell.appendChild(el("div", {}, el("span")));
    line.firstChild.className = process.marks.length ? "mark" : "";
    setText(line.firstChild, words);
  });
}

export const parts = () => [new Server(), new Holders(), new Processes()];
