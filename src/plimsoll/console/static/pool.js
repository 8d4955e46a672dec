// The pool, the line before the application and memory, now.

import { el, section, setText } from "./dom.js";
import { amount, bytes, count, duration, many } from "./format.js";
import { isOfSeveral, whose } from "./whose.js";

export class Bar {
  #parts;
  node = el("div", { class: "bar", role: "img" });

  constructor(names) {
    this.#parts = names.map((name) => el("span", { class: name }));
    this.node.append(...this.#parts);
  }

  render(values, whole, words) {
    this.node.setAttribute("aria-label", words);
    for (const [place, part] of this.#parts.entries()) {
      part.style.width = `${Math.min(100, (100 * values[place]) / Math.max(whole, 1))}%`;
    }
  }
}

class Gauge {
  #title = el("h3");
  #sentence = el("p", { class: "lead" });
  #more = el("p", { class: "muted" });

  constructor(parts) {
    this.bar = new Bar(parts);
    this.node = el("div", { class: "gauge" }, this.#title, this.#sentence, this.bar.node, this.#more);
  }

  render(title, sentence, more, values, whole) {
    setText(this.#title, title);
    setText(this.#sentence, sentence);
    setText(this.#more, more);
    this.bar.node.hidden = !whole;
    this.bar.render(values, whole, sentence);
  }
}

export class PoolNow {
  #pool = new Gauge(["taken", "moving", "idle"]);
  #line = new Gauge(["taken"]);
  #memory = new Gauge(["taken"]);
  node = section(
    "pool-now",
    "Pool now",
    el("div", { class: "gauges" }, this.#pool.node, this.#line.node, this.#memory.node),
  );

  render(snapshot) {
    const of = whose(snapshot);
    this.#renderPool(`Connections ${of}`, snapshot.pool);
    this.#renderLine(`Requests ${of}`, snapshot.admission, snapshot.client_connections);
    if (isOfSeveral(snapshot)) this.#renderMemories(`Memory ${of}`, snapshot.memory);
    else this.#renderMemory(`Memory ${of}`, snapshot.memory);
  }

  #renderPool(title, pool) {
    const limit = pool.size + pool.max_overflow;
    const moving = pool.opening + pool.closing;
    const taken = pool.checked_out + moving;
    const waiting = pool.waiting ? `, ${count(pool.waiting)} waiting for one` : "";
    const more = [
      `${count(pool.idle)} idle`,
      pool.opening ? `${count(pool.opening)} opening` : "",
      pool.closing ? `${count(pool.closing)} closing` : "",
      pool.waiting ? "" : "nobody waits",
      `at most ${count(pool.most_taken)} taken and ${count(pool.most_waiting)} waiting so far`,
      pool.timeouts ? `${count(pool.timeouts)} waited in vain for ${duration(pool.timeout_s)}` : "",
    ];
    this.#pool.node.dataset.level = pool.waiting ? "critical" : "ok";
    const sentence = `${count(taken)} of ${count(limit)} taken${waiting}`;
    this.#pool.render(title, sentence, sentenceOf(more), [pool.checked_out, moving, pool.idle], limit);
  }

  #renderLine(title, line, clients) {
    const open = clients === null ? "" : `${many(clients, "client")} connected`;
    const more = [
      line.limit ? (line.waiting ? `${count(line.waiting)} waiting before it` : "nobody waits") : "no limit is set",
      line.refused ? `${count(line.refused)} refused so far` : "none refused so far",
      line.overloaded ? "overloaded" : "",
      line.memory_pressed ? "memory is short" : "",
      line.stopping ? "the worker is stopping" : "",
      open,
    ];
    const sentence = line.limit
      ? `${count(line.inside)} of ${count(line.limit)} being worked on`
      : `${count(line.in_flight)} being worked on`;
    this.#line.node.dataset.level = line.waiting || line.overloaded ? "warning" : "ok";
    this.#line.render(title, sentence, sentenceOf(more), [line.inside], line.limit);
  }

  #renderMemory(title, memory) {
    const binding = memory.binding;
    const sentence = binding ? takenOf(binding) : `${bytes(memory.rss_bytes)}, and no limit is known`;
    const more = [...sizes(memory), binding ? nextOf(binding) : "", ...struck(memory)];
    this.#drawMemory(title, sentence, more, memory);
  }

  // A limit is each worker's own: of all, the one that is nearest.
  #renderMemories(title, memory) {
    const binding = memory.binding;
    const nearest = binding ? `nearest limit of any: ${takenOf(binding)}, ${nextOf(binding)}` : "no limit is known";
    this.#drawMemory(title, `${bytes(memory.rss_bytes)} resident`, [nearest, ...struck(memory)], memory);
  }

  #drawMemory(title, sentence, more, memory) {
    const used = memory.binding?.used ?? null;
    this.#memory.node.dataset.level = memory.errors || memory.oom_kills ? "warning" : "ok";
    this.#memory.render(title, sentence, sentenceOf(more), [used ?? 0], used === null ? 0 : memory.binding.limit);
  }
}

const takenOf = ({ used, limit, unit, name }) =>
  `${used === null ? "Unknown" : amount(used, unit)} of ${amount(limit, unit)} ${name}`;

function nextOf({ used, limit, unit, kills }) {
  const left = used === null ? "" : `${amount(limit - used, unit)} left, `;
  return `${left}reaching it ${kills ? "kills the process" : "gives MemoryError"}`;
}

const sizes = (memory) => [
  `${bytes(memory.rss_bytes)} resident`,
  `${bytes(memory.address_space_bytes)} address space`,
];

const struck = (memory) => [
  memory.errors ? many(memory.errors, "MemoryError") : "",
  memory.oom_kills ? many(memory.oom_kills, "kill for lack of memory", "kills for lack of memory") : "",
];

function sentenceOf(parts) {
  const said = parts.filter(Boolean).join(", ");
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}.`;
}
