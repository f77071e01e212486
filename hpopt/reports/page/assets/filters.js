// Filters of trials: by keyboard what brushing does, and how many trials pass.
{
  const { el, state, short, digits, counted } = hpopt;

  function filters(figure) {
    const bar = el("div", { class: "filters", role: "group", "aria-label": "Filters" });
    const said = el("p", { class: "count", role: "status" });
    figure.append(bar, said);
    const open = new Set();

    function build() {
      const { study } = state, fields = study.fields;
      const shown = fields.filter((field) => open.has(field.key) || state.filters.has(field.key));
      const rest = fields.filter((field) => !shown.includes(field));
      const add = el("select", {
        "aria-label": "Add a filter", onchange: (event) => {
          open.add(event.target.value);
          build();
          bar.querySelector(`[data-key="${event.target.value}"] input`)?.focus();
        },
      }, el("option", { value: "" }, "Add a filter …"), ...rest.map((field) => el("option", { value: field.key }, short(field.text, 60))));
      bar.replaceChildren(...shown.map((field) => editor(field, () => {
        open.delete(field.key);
        state.filter(field.key, null);
      })), add, state.filters.size ? el("button", { type: "button", onclick: () => {
        open.clear();
        state.clear();
      } }, "Clear all") : "");
      count();
    }

    function count() {
      said.textContent = `${state.nPassing.toLocaleString("en")} of ${counted(state.study.n, "trial")}`
        + (state.filters.size ? " pass the filters." : ".");
    }

    build();
    state.follow((what) => {
      if (what === "data") open.clear();
      // While a number is being written, its field stays as it is.
      const isWriting = bar.contains(document.activeElement) && document.activeElement.tagName === "INPUT";
      if (what === "more" || (isWriting && what === "filters")) count();
      else build();
    });
  }

  function editor(field, remove) {
    const close = el("button", { type: "button", class: "close", "aria-label": `Remove the filter of ${field.text}`, onclick: remove }, "×");
    const inside = field.names ? boxes(field) : range(field);
    return el("fieldset", { class: "filter", "data-key": field.key }, el("legend", {}, short(field.text, 40)), inside, close);
  }

  function range(field) {
    const now = state.filters.get(field.key) || { low: -Infinity, high: Infinity };
    const write = (value) => (Number.isFinite(value) ? digits(value) : "");
    const read = (input, otherwise) => (input.value.trim() === "" || Number.isNaN(Number(input.value)) ? otherwise : Number(input.value));
    const set = () => state.filter(field.key, { low: read(low, -Infinity), high: read(high, Infinity) });
    const low = el("input", { type: "text", inputmode: "decimal", size: 7, placeholder: "from", "aria-label": `${field.text} from`, value: write(now.low), onchange: set });
    const high = el("input", { type: "text", inputmode: "decimal", size: 7, placeholder: "to", "aria-label": `${field.text} to`, value: write(now.high), onchange: set });
    return el("span", {}, low, " – ", high);
  }

  const MOST_BOXES = 40; // of choices: a range by brushing does for more

  function boxes(field) {
    const now = state.filters.get(field.key), all = field.names.map((_, code) => code);
    const among = new Set(now ? now.among : all), present = new Set(state.study.array(field.key));
    const set = (code, isIn) => {
      if (isIn) among.add(code);
      else among.delete(code);
      state.filter(field.key, among.size === all.length ? null : { among: new Set(among) });
    };
    const shown = all.filter((code) => present.has(code)).slice(0, MOST_BOXES);
    return el("span", { class: "boxes" }, ...shown.map((code) => el("label", {},
      el("input", { type: "checkbox", checked: among.has(code), onchange: (event) => set(code, event.target.checked) }),
      ` ${short(field.names[code], 50)}`)));
  }

  hpopt.charts.filters = filters;
}
