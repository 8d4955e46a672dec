// What the checklist found, as the command tells it: the worst first, each with what to do; then what is not known.

import { el } from "./dom.js";
import { count as number } from "./format.js";

const LEVELS = ["critical", "error", "warning", "info"];

const WHERE = {
  env: "into .env",
  sql: "as SQL",
  config: "into the server's configuration",
  shell: "as a command",
};

export class Findings {
  node = el("div", { class: "found" });

  show(report) {
    this.node.replaceChildren(...(report ? parts(report) : []));
  }
}

function parts(report) {
  const of = (verdict) => report.results.filter((result) => result.verdict === verdict && !result.suppressed);
  const found = of("found").sort(worstFirst);
  const [open, passed, idle] = ["could not", "passed", "not applicable"].map(of);
  const accepted = report.results.filter((result) => result.suppressed);
  return [
    found.length
      ? el("ol", { class: "findings", "aria-label": "Findings" }, ...found.map(finding))
      : el("p", { class: report.safe ? "calm" : null }, "Nothing was found."),
    ...group("could not be checked", reasons(open), open.length, true),
    ...group("accepted for a time", accepted.map(acceptedLine), accepted.length),
    ...group(
      "passed",
      passed.map((result) => line(result, result.evidence)),
      passed.length,
    ),
    ...group(
      "not applicable",
      idle.map((result) => line(result, result.why)),
      idle.length,
    ),
  ];
}

const worstFirst = (a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) || (a.id < b.id ? -1 : 1);

function finding(result) {
  return el(
    "li",
    { "data-level": result.level },
    el("h2", {}, el("span", { class: "level" }, result.level), ` ${result.id} `, el("span", {}, result.title)),
    el(
      "dl",
      {},
      ...labelled("Found", result.evidence),
      ...labelled("Means", result.meaning),
      ...labelled("Do", result.fix),
    ),
    ...result.changes.map(change),
    el("p", { class: "muted" }, `More: plimsoll check --explain ${result.id}, or ${result.page}`),
  );
}

const labelled = (label, text) => [el("dt", {}, label), el("dd", {}, text)];

function change(each) {
  const needs = each.privilege ? `, needs ${each.privilege}` : "";
  const notes = [
    ["risk", each.risk],
    ["memory", each.memory],
  ].filter(([, text]) => text);
  return el(
    "div",
    { class: "change" },
    el("p", {}, `${WHERE[each.kind] ?? each.kind}${needs}:`),
    el("pre", {}, el("code", {}, each.text)),
    ...notes.map(([label, text]) => el("p", {}, `${label}: ${text}`)),
    ...(each.undo ? [el("p", {}, "undo:"), el("pre", {}, el("code", {}, each.undo))] : []),
  );
}

function group(what, lines, count, open = false) {
  if (!count) return [];
  return [el("details", { open }, el("summary", {}, `${number(count)} ${what}`), el("ul", {}, ...lines))];
}

const line = (result, words) => el("li", {}, el("b", {}, result.id), ` ${result.title}: `, words);

const acceptedLine = (result) => line(result, `${result.suppressed.reason} (until ${result.suppressed.until})`);

// One cause often stops many.
function reasons(results) {
  const byReason = new Map();
  for (const result of results) {
    const key = JSON.stringify([result.why, result.fix]);
    byReason.set(key, [...(byReason.get(key) ?? []), result]);
  }
  return [...byReason.values()].map((stopped) => {
    const { why, fix } = stopped[0];
    const ids = stopped.map((result) => result.id).join(", ");
    return el("li", {}, el("b", {}, ids), ` ${why}`, fix ? el("p", { class: "fix" }, fix) : "");
  });
}
