// The login form: says in place what came of it. Without this script the form works as a plain form.

const form = document.getElementById("login");
const said = document.getElementById("said");
const token = document.getElementById("token");

async function signIn() {
  const answer = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams({ token: token.value }),
    credentials: "same-origin",
    headers: { Accept: "application/json" },
  });
  if (answer.ok) {
    const worker = new URLSearchParams(location.search).get("worker");
    const of = worker ? `?worker=${encodeURIComponent(worker)}` : "";
    location.replace((form.elements.next.value || "./") + of);
    return "";
  }
  if (answer.status === 429) {
    const wait = Number(answer.headers.get("Retry-After")) || 60;
    return `Too many wrong tokens from here. Try again in ${wait} s.`;
  }
  if (answer.status === 401 || answer.status === 403) return "This token is wrong.";
  return `The service answered ${answer.status}. Try again.`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  said.textContent = "Signing in …";
  try {
    said.textContent = await signIn();
  } catch {
    said.textContent = "The service does not answer. Try again.";
  }
  if (said.textContent) token.select();
});
