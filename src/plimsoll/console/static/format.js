// Numbers as people read them, each with its unit.

import { el } from "./dom.js";

export const NOT_KNOWN = "not known";

export const LEVELS = { critical: "Critical", warning: "Warning", info: "Note" };

// Between a number and its unit, where no line is to break.
const GAP = "\u00a0";

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dated = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

export const count = (value) => (value === null || value === undefined ? NOT_KNOWN : grouped.format(value));

export const decimal = (value) => (value === null || value === undefined ? NOT_KNOWN : short.format(value));

export const many = (value, one, more = `${one}s`) => `${count(value)} ${value === 1 ? one : more}`;

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NOT_KNOWN;
  if (seconds <= 0) return `0${GAP}ms`;
  if (seconds < 0.00005) return `<${GAP}0.1${GAP}ms`;
  if (seconds < 0.00995) return `${short.format(seconds * 1000)}${GAP}ms`;
  if (seconds < 0.995) return `${Math.round(seconds * 1000)}${GAP}ms`;
  if (seconds < 9.95) return `${short.format(seconds)}${GAP}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${GAP}s`;
  if (whole < 3600) return pair(whole, 60, "min", 1, "s");
  if (whole < 86400) return pair(whole, 3600, "h", 60, "min");
  return pair(whole, 86400, "d", 3600, "h");
}

function pair(whole, large, largeUnit, small, smallUnit) {
  const rest = Math.floor((whole % large) / small);
  return `${Math.floor(whole / large)}${GAP}${largeUnit}${rest ? `${GAP}${rest}${GAP}${smallUnit}` : ""}`;
}

export function bytes(value) {
  if (value === null || value === undefined) return NOT_KNOWN;
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let size = value;
  let unit = 0;
  while (Math.abs(size) >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${Math.abs(size) >= 100 ? grouped.format(size) : short.format(size)}${GAP}${units[unit]}`;
}

export const amount = (value, unit) =>
  unit === "bytes" ? bytes(value) : unit === "count" ? count(value) : `${count(value)}${GAP}${unit}`;

export const clockTime = (atS) => clock.format(new Date(atS * 1000));

// With the day, where it is another one.
export function timeText(atS) {
  const moment = new Date(atS * 1000);
  const sameDay = moment.toDateString() === new Date().toDateString();
  return (sameDay ? clock : dated).format(moment);
}

export function time(atS) {
  const utc = new Date(atS * 1000).toISOString().slice(0, 19);
  return el("time", { datetime: `${utc}Z`, title: `${utc.replace("T", " ")} UTC` }, timeText(atS));
}

// The bound that `share` of a histogram's observations keep to, as plimsoll.snapshot.durations computes it.
export function quantile(durations, share) {
  const all = durations.counts.reduce((sum, each) => sum + each, 0);
  if (!all) return null;
  let seen = 0;
  for (const [place, each] of durations.counts.entries()) {
    seen += each;
    if (seen >= share * all) return durations.bounds_s[place] ?? Infinity;
  }
  return Infinity;
}

export function quantileText(durations, share) {
  const bound = quantile(durations, share);
  if (bound === null) return "none yet";
  if (bound !== Infinity) return `≤ ${duration(bound)}`;
  return durations.bounds_s.length ? `> ${duration(durations.bounds_s.at(-1))}` : NOT_KNOWN;
}

export function mean(durations) {
  const all = durations.counts.reduce((sum, each) => sum + each, 0);
  return all ? durations.total_s / all : null;
}
