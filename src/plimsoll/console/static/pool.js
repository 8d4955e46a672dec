// The pool, the line before the application and memory, now.

import { el, section, setText } from "./dom.js";
import { amount, bytes, count, duration, many } from "./format.js";

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
  #sentence = el("p", { class: "lead" });
  #more = el("p", { class: "muted" });

  constructor(title, parts) {
    this.bar = new Bar(parts);
    this.node = el("div", { class: "gauge" }, el("h3", {}, title), this.#sentence, this.bar.node, this.#more);
  }

  render(sentence, more, values, whole) {
    setText(this.#sentence, sentence);
    setText(this.#more, more);
    this.bar.node.hidden = !whole;
    this.bar.render(values, whole, sentence);
  }
}

export class PoolNow {
  #pool = new Gauge("Connections of this worker", ["taken", "moving", "idle"]);
  #line = new Gauge("Requests", ["taken"]);
  #memory = new Gauge("Memory", ["taken"]);
  node = section(
    "pool-now",
    "Pool now",
    el("div", { class: "gauges" }, this.#pool.node, this.#line.node, this.#memory.node),
  );

  render(snapshot) {
    this.#renderPool(snapshot.pool);
    this.#renderLine(snapshot.admission, snapshot.client_connections);
    this.#renderMemory(snapshot.memory);
  }

  #renderPool(pool) {
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
    this.#pool.render(sentence, sentenceOf(more), [pool.checked_out, moving, pool.idle], limit);
  }

  #renderLine(line, clients) {
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
    this.#line.render(sentence, sentenceOf(more), [line.inside], line.limit);
  }

  #renderMemory(memory) {
    const binding = memory.binding;
    const more = [
      `${bytes(memory.rss_bytes)} resident, ${bytes(memory.address_space_bytes)} address space`,
      binding && binding.used !== null ? `${amount(binding.limit - binding.used, binding.unit)} left` : "",
      binding ? `reaching it ${binding.kills ? "kills the process" : "gives MemoryError"}` : "",
      memory.errors ? many(memory.errors, "MemoryError") : "",
      memory.oom_kills ? many(memory.oom_kills, "kill for lack of memory", "kills for lack of memory") : "",
    ];
    const used = binding?.used ?? null;
    const unit = binding?.unit;
    const sentence = binding
      ? `${used === null ? "Unknown" : amount(used, unit)} of ${amount(binding.limit, unit)} ${binding.name}`
      : `${bytes(memory.rss_bytes)}, and no limit is known`;
    this.#memory.node.dataset.level = memory.errors || memory.oom_kills ? "warning" : "ok";
    this.#memory.render(sentence, sentenceOf(more), [used ?? 0], used === null ? 0 : binding.limit);
  }
}

function sentenceOf(parts) {
  const said = parts.filter(Boolean).join(", ");
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}.`;
}
