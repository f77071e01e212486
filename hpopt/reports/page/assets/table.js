// All trials as a table: sorted by any column, filtered, and of any length, as only the rows that
// are seen exist.
{
  const { el, state, short, announce } = hpopt;
  const ROW = 32; // pixels, as in page.css
  const HIGHEST = 480; // pixels of the table
  const BEYOND = 8; // rows above and below those that are seen
  const SAMPLED = 60; // trials by whose texts a column gets its width
  const NARROW = 64, WIDE = 260, LETTER = 8.9, AROUND = 32; // pixels: of a wide font

  function trials(figure) {
    const sort = { key: "value 0", isDown: state.study.signs[0] < 0 };
    const head = el("thead"), body = el("tbody"), columns = el("colgroup");
    const table = el("table", { class: "trials" }, columns, head, body);
    const frame = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Trials" }, table);
    figure.append(frame);
    let rows = [], fields = [], isWaiting = false;

    function sorted() {
      const { study, passes } = state, isByRank = sort.key === "value 0";
      const { known, unknown } = study.sortedBy(isByRank ? "rank" : sort.key);
      const isDown = sort.isDown !== (isByRank && study.signs[0] < 0); // by rank the best is first
      const shown = known.filter((row) => passes[row]);
      if (isDown) shown.reverse();
      rows = shown.concat(unknown.filter((row) => passes[row]));
    }

    function build() {
      const { study } = state;
      fields = study.fields;
      if (!fields.some((field) => field.key === sort.key)) sort.key = "number";
      columns.replaceChildren(...fields.map((field) => {
        const column = el("col");
        column.style.width = `${widthOf(study, field)}px`;
        return column;
      }));
      table.style.width = `${fields.reduce((sum, field) => sum + widthOf(study, field), 0)}px`;
      header();
    }

    function header() {
      head.replaceChildren(el("tr", {}, ...fields.map((field) => {
        const isSorted = field.key === sort.key;
        const button = el("button", { type: "button", title: short(field.text, 300), onclick: () => {
          sort.isDown = isSorted ? !sort.isDown : false;
          sort.key = field.key;
          sorted();
          header();
          fill();
          announce(`Sorted by ${field.text}`);
          head.querySelector(`[data-key="${field.key}"]`).focus();
        }, "data-key": field.key }, short(field.text, 40), isSorted ? (sort.isDown ? " ↓" : " ↑") : "");
        return el("th", { scope: "col", "aria-sort": isSorted ? (sort.isDown ? "descending" : "ascending") : null }, button);
      })));
    }

    function fill() {
      const { study } = state, first = Math.max(0, Math.floor(frame.scrollTop / ROW) - BEYOND);
      const last = Math.min(rows.length, first + Math.ceil(HIGHEST / ROW) + 2 * BEYOND);
      table.setAttribute("aria-rowcount", rows.length + 1);
      frame.style.height = `${Math.min(HIGHEST, ROW * (Math.max(1, rows.length) + 2))}px`;
      body.replaceChildren(spacer(first), ...rows.slice(first, last).map((row, k) => line(study, row, first + k)),
        spacer(rows.length - last), rows.length ? "" : el("tr", {}, el("td", { colspan: fields.length }, "No trial passes the filters.")));
    }

    function line(study, row, place) {
      const classes = [row === study.bestRow ? "best" : "", study.ok[row] ? "" : "failed"].join(" ").trim();
      return el("tr", { "aria-rowindex": place + 2, class: classes || null }, ...fields.map((field) => {
        const text = study.text(field, row), isNumber = !field.names && field.key !== "started";
        if (field.key === "number") {
          return el("td", { class: "number" }, el("button", {
            type: "button", class: "link", "aria-label": `Trial ${text}${row === study.bestRow ? ", the best" : ""}`,
            onclick: () => hpopt.openTrial(study, row),
          }, row === study.bestRow ? `★ ${text}` : text));
        }
        return el("td", { class: isNumber ? "number" : null, title: text.length > 28 ? short(text, 500) : null }, short(text, 60));
      }));
    }

    frame.addEventListener("scroll", () => {
      if (isWaiting) return;
      isWaiting = true;
      requestAnimationFrame(() => {
        isWaiting = false;
        fill();
      });
    });
    state.follow((what) => {
      if (what === "data" || state.study.fields.length !== fields.length) build();
      sorted();
      if (what === "filters") frame.scrollTop = 0;
      fill();
    });
    build();
    sorted();
    fill();
  }

  function spacer(n) {
    const row = el("tr", { class: "spacer", "aria-hidden": "true" });
    row.style.height = `${n * ROW}px`;
    return row;
  }

  function widthOf(study, field) {
    let most = Math.min(field.text.length, 26) + 2;
    const every = Math.max(1, Math.floor(study.n / SAMPLED));
    for (let row = 0; row < study.n; row += every) most = Math.max(most, study.text(field, row).length);
    return Math.max(NARROW, Math.min(WIDE, AROUND + LETTER * most));
  }

  hpopt.charts.trials = trials;
}
