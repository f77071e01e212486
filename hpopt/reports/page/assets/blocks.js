// What a page says as data (hpopt/reports/page/blocks.py) as elements, where a live page changes it.
{
  const { el } = hpopt;
  const LONG = 28; // characters of a cell, from which on it has lines
  const NUMBER = /^$|^[-+−±]?\d[\d.,]*(e[-+]?\d+)?( ?(%|[a-zA-Z]+))?$/;

  function tableOf(head, rows, caption = "") {
    const classes = head.map((_, k) => (rows.every((row) => NUMBER.test(row[k])) ? "number" : null));
    return el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "table" }, el("table", {},
      caption ? el("caption", {}, caption) : null,
      el("thead", {}, el("tr", {}, ...head.map((text, k) => el("th", { scope: "col", class: classes[k] }, text)))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((text, k) => el("td", {
        class: classes[k] || (text.length > LONG ? "long" : null),
      }, text)))))));
  }

  function codeOf({ text, title, folded }) {
    const inner = el("pre", {}, el("code", {}, text));
    if (folded) return el("details", { class: "code" }, el("summary", {}, title), inner);
    return el("div", { class: "code" }, title ? el("p", { class: "title" }, title) : null, inner);
  }

  const pairsOf = (kind) => ({ pairs }) => el("dl", { class: kind },
    ...pairs.map(([name, what]) => el("div", {}, el("dt", {}, name), el("dd", {}, what))));

  const WRITERS = {
    paragraph: ({ text, tone }) => el("p", { class: tone || null }, text),
    heading: ({ text }) => el("h3", {}, text),
    listing: ({ items }) => el("ul", {}, ...items.map((text) => el("li", {}, text))),
    table: ({ head, rows, caption }) => tableOf(head, rows, caption),
    facts: pairsOf("facts"),
    figures: pairsOf("figures"),
    code: codeOf,
  };

  /**
   * Write sections anew: {id, blocks}. Charts of a section stay as they are, in their place among
   * its blocks.
   */
  function write(sections) {
    for (const { id, blocks } of sections) {
      const into = document.querySelector(`#${id} .blocks`);
      if (!into) continue;
      const charts = new Map(Array.from(into.querySelectorAll("figure[data-chart]"), (each) => [each.dataset.chart, each]));
      const made = blocks.map((block) => (block.kind === "chart" ? charts.get(block.what) : WRITERS[block.kind]?.(block)));
      into.replaceChildren(...made.filter(Boolean));
    }
  }

  Object.assign(hpopt, { tableOf, write });
}
