// Elements and their text. Text is only ever set as text: names come from clients and from other programs.

const SVG = "http://www.w3.org/2000/svg";

// Control characters and such as turn the direction of writing: a name must not rearrange what is beside it.
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

export const shown = (value) =>
  String(value).replace(UNSEEN, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);

export function setText(node, value) {
  const text = shown(value);
  if (node.textContent !== text) node.textContent = text;
  return node;
}

// Where a path may break: after a slash within it.
const JOINTS = /([^\s/]\/)(?!\/)/g;
const BREAK = "\u0000";

// A text that may be long; the paths in it break between their parts rather than anywhere.
export function setLongText(node, value) {
  const text = shown(value);
  if (node.textContent === text) return node;
  const [first, ...rest] = text.replace(JOINTS, `$1${BREAK}`).split(BREAK);
  node.replaceChildren(first, ...rest.flatMap((part) => [document.createElement("wbr"), part]));
  return node;
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.map((child) => (child instanceof Node ? child : document.createTextNode(shown(child)))));
  return node;
}

export const el = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

export function button(title, onClick, attributes = {}) {
  const made = el("button", { type: "button", ...attributes }, title);
  made.addEventListener("click", onClick);
  return made;
}

export function section(id, title, ...children) {
  return el("section", { "aria-labelledby": id }, el("h2", { id }, title), ...children);
}

export function announce(sentence) {
  setText(document.getElementById("announce"), sentence);
}
