"use strict";
// What the page shares with its own parts and with a server's script: hpopt.show, hpopt.update.
// Each file is a block that adds names to it. Texts of studies are set as text, never as HTML.
window.hpopt = {};

{
  const SVG = "http://www.w3.org/2000/svg";

  // Control characters and bidirectional marks, as in hpopt/terminal.py: they could hide or turn round what is said.
  const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]/g;

  /** Write a text with what is not legible of it as \u202e and the like. */
  const legible = (text) => text.replace(UNSAFE, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);

  /** Make an element: attributes by name, "onclick" and the like as listeners; texts as text. */
  function el(tag, attributes = {}, ...children) {
    const made = tag === "svg" || tag === "path"
      ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined)
      .map((child) => (typeof child === "string" ? legible(child) : child)));
    return made;
  }

  /** Make a list to choose one of; pairs are [value, text]. */
  function choice(label, pairs, chosen, onchange) {
    const select = el("select", { onchange: () => onchange(select.value) },
      ...pairs.map(([value, text]) => el("option", { value, selected: String(value) === String(chosen) }, text)));
    return el("label", { class: "choice" }, `${label} `, select);
  }

  /** Make a row of buttons of which one is pressed. */
  function toggle(label, pairs, chosen, onchange) {
    const buttons = pairs.map(([value, text]) => el("button", {
      type: "button", "aria-pressed": String(value === chosen),
      onclick: (event) => {
        for (const each of buttons) each.setAttribute("aria-pressed", String(each === event.currentTarget));
        onchange(value);
      },
    }, text));
    return el("span", { class: "toggle", role: "group", "aria-label": label }, ...buttons);
  }

  /** Write a number as the rest of hpopt does: five digits, whole numbers whole. */
  function digits(value) {
    if (Number.isNaN(value) || value === null || value === undefined) return "";
    if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
    if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
    const short = Number(value.toPrecision(5)), size = Math.abs(short);
    return size !== 0 && (size < 1e-4 || size >= 1e5) ? short.toExponential() : String(short);
  }

  const two = (number) => String(number).padStart(2, "0");

  /** Write seconds as people say them: 12 s, 24 min, 1:24 h, 3 d 4 h. */
  function duration(seconds) {
    if (!Number.isFinite(seconds)) return "";
    if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
    const minutes = Math.round(seconds / 60), hours = Math.floor(minutes / 60);
    if (seconds < 600 && seconds % 60) return `${Math.floor(seconds / 60)}:${two(Math.floor(seconds % 60))} min`;
    if (hours < 1) return `${minutes} min`;
    if (hours < 48) return minutes % 60 ? `${hours}:${two(minutes % 60)} h` : `${hours} h`;
    return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
  }

  /** Shorten a text at its end, for a label in a chart. */
  function short(raw, most) {
    const text = legible(raw);
    return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
  }

  /** Say something to those who do not see the page. */
  function announce(text) {
    let region = document.getElementById("said");
    if (!region) {
      region = el("div", { id: "said", class: "unseen", role: "status", "aria-live": "polite" });
      document.body.append(region);
    }
    region.textContent = legible(text);
  }

  function counted(n, noun) {
    return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
  }

  Object.assign(hpopt, { el, choice, toggle, digits, duration, legible, short, announce, counted });
}
