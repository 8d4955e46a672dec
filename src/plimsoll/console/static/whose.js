// Whose numbers a page shows: those of all workers as one, or of the worker that the address names.

const ALL = "all";

export function chosenWorker() {
  const named = new URLSearchParams(location.search).get("worker") ?? "";
  return named === ALL ? "" : named;
}

// The address of this worker's numbers, or of all workers' as one.
export function ofWorker(address, name = chosenWorker()) {
  const found = new URL(address, location.href);
  if (name) found.searchParams.set("worker", name);
  else found.searchParams.delete("worker");
  return found;
}

export const nameOf = ({ worker }) => `${worker.host}:${worker.pid}`;

export const isOfSeveral = (snapshot) => snapshot.workers.length > 0;

const isCounted = (row) => !row.stale;

// The end of a heading: "of all 4 workers", "of web-1:4711".
export function whose(snapshot) {
  if (!isOfSeveral(snapshot)) return `of ${nameOf(snapshot)}`;
  const all = snapshot.workers.length;
  const counted = snapshot.workers.filter(isCounted).length;
  return counted === all ? `of all ${all} workers` : `of ${counted} of ${all} workers`;
}

// Changes where what is counted begins anew: another worker, a restart, one more or less.
export function countedSince(snapshot) {
  if (!isOfSeveral(snapshot)) return `${nameOf(snapshot)} ${snapshot.worker.started_s}`;
  return snapshot.workers
    .filter(isCounted)
    .map((row) => `${row.name} ${row.started_s}`)
    .join();
}
