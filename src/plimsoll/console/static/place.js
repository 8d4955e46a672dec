// Where the console is and who looks at it. All pages lie side by side, so that no prefix of a proxy needs to be known.

const OPS = new URL("../", import.meta.url);

export const url = (path) => new URL(path, OPS);

export const page = () => location.pathname.slice(OPS.pathname.length).replace(/\/+$/, "");

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

export const mayAct = meta("role") === "operator";

export const isSignedIn = meta("csrf") !== "";

export async function post(path, fields = null) {
  return fetch(url(path), {
    method: "POST",
    credentials: "same-origin",
    body: fields && new URLSearchParams(fields),
    headers: { Accept: "application/json", "X-Plimsoll-CSRF": meta("csrf") },
  });
}
