// Every setting, its value and where it came from.

import { el } from "./dom.js";
import { Table } from "./table.js";
import { isOfSeveral, nameOf } from "./whose.js";

export const title = "Settings";

class Settings {
  #table = new Table({
    name: "settings",
    caption: "",
    keyOf: (setting) => setting.name,
    sortBy: "name",
    empty: "No setting is known.",
    columns: [
      { key: "name", title: "Name", code: true, value: (setting) => setting.name },
      {
        key: "value",
        title: "Value",
        code: true,
        value: (setting) => setting.value,
        text: (setting) => setting.value || "(empty)",
      },
      { key: "source", title: "From", long: true, value: (setting) => setting.source },
      { key: "meaning", title: "Meaning", wide: true, value: (setting) => setting.meaning },
    ],
  });
  node = el("section", { "aria-labelledby": "settings" }, el("h1", { id: "settings" }, "Settings"), this.#table.node);

  render(snapshot) {
    const which = isOfSeveral(snapshot) ? ", the worker that has answered" : "";
    this.#table.caption = `Settings of ${nameOf(snapshot)}${which}; secrets are shown as ********`;
    this.#table.update(snapshot.settings);
  }
}

export const parts = () => [new Settings()];
