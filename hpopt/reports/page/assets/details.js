// All of one trial, in a dialog. A live page may set hpopt.askTrial(place of the study, number) to
// a function that returns what the page does not have: a promise of {config, curve, error, …}.
{
  const { el, state, digits, duration, Plot, tableOf } = hpopt;
  let dialog = null;

  async function openTrial(study, row) {
    const number = study.numbers[row], place = state.studies.indexOf(study);
    const body = el("div", { class: "trial" });
    if (!dialog) {
      dialog = el("dialog", { "aria-labelledby": "trial-title" });
      dialog.addEventListener("click", (event) => {
        if (event.target === dialog) dialog.close(); // beside it
      });
      document.body.append(dialog);
    }
    dialog.replaceChildren(el("div", { class: "bar" }, el("h2", { id: "trial-title" }, `Trial ${number}`),
      el("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "×")), body);
    body.append(...parts(study, row, study.told[number]));
    if (!dialog.open) dialog.showModal();
    if (study.told[number] || !hpopt.askTrial) return;
    const told = await hpopt.askTrial(place, number);
    if (told) body.replaceChildren(...parts(study, row, told));
  }

  function parts(study, row, told = {}) {
    const isExact = told.config !== undefined;
    const config = isExact ? told.config : JSON.stringify(configOf(study, row), null, 2);
    const error = told.error || errorOf(study, row);
    return [
      el("dl", { class: "facts" }, ...factsOf(study, row, told).map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text)))),
      ...codeOf("Config", config, true),
      isExact ? null : el("p", { class: "note" }, `Numbers are rounded here. All digits: hpopt show ${study.path || "STUDY"} --trial ${study.numbers[row]}`),
      ...(told.curve && told.curve.length > 1 ? [curveOf(study, row, told.curve)] : []),
      ...(error ? codeOf("Error", error) : []),
      ...(told.traceback ? codeOf("Traceback", told.traceback) : []),
      ...(told.output ? codeOf("Output", told.output) : []),
      ...(told.info && told.info.length ? [el("h3", {}, "Returned beside numbers"), tableOf(["name", "what"], told.info)] : []),
      ...(told.files && told.files.length ? [el("h3", {}, "Files"), tableOf(["file", "size"], told.files), el("p", { class: "note" }, `In ${told.folder}`)] : []),
    ].filter(Boolean);
  }

  function factsOf(study, row, told) {
    const keys = study.fields.filter((field) => !field.isParameter && field.key !== "number" && field.key !== "cause");
    const known = keys.map((field) => [field.text, field.key === "seconds" ? duration(study.array("seconds")[row]) : study.text(field, row)]);
    const rank = study.rank[row];
    const more = Number.isNaN(rank) ? [] : [["rank", `${rank + 1} of ${study.order.length}`]];
    if (told.seed !== undefined) more.push(["seed", String(told.seed)]);
    if (told.parents && told.parents.length) more.push(["made from trials", told.parents.join(", ")]);
    if (told.broken) more.push(["does not meet", told.broken]);
    return [...known, ...more].filter(([, text]) => text !== "");
  }

  function configOf(study, row) {
    return Object.fromEntries(study.columns.map((column, k) => [column.name, study.column(k)[row], column])
      .filter(([, value]) => !Number.isNaN(value))
      .map(([name, value, column]) => [name, column.choices.length ? column.choices[value] : Number(value.toPrecision(6))]));
  }

  function errorOf(study, row) {
    const cause = study.causes[study.array("cause")[row]];
    if (!cause) return "";
    return cause.first === study.numbers[row] ? cause.error : `${cause.error}\n(as trial ${cause.first}; numbers may differ)`;
  }

  function codeOf(title, text, canCopy = false) {
    const copy = el("button", {
      type: "button", onclick: async () => {
        await navigator.clipboard.writeText(text);
        copy.textContent = "Copied";
      },
    }, "Copy");
    return [el("div", { class: "bar" }, el("h3", {}, title), canCopy && navigator.clipboard ? copy : ""),
      el("pre", { tabindex: 0 }, el("code", {}, text))];
  }

  function curveOf(study, row, curve) {
    const box = el("div", { class: "curve" }, el("h3", {}, "Curve"));
    new Plot(box, {
      label: "What this trial reported while it ran.", height: 200,
      draw: (pen) => {
        hpopt.drawCurves(pen, study, [[row, curve]], () => [pen.colours.trial, 2, 1]);
      },
      table: () => ({ head: ["step", study.objectives[0].name], rows: curve.map((pair) => pair.map(digits)) }),
    });
    return box;
  }

  hpopt.openTrial = openTrial;
}
