// The page: hpopt.show(packed) once, hpopt.update(packed) whenever there is more.
// packed is {studies: [packed study, …], sections: [{id, blocks}, …] or none}; see packing.py.
{
  const { el, state, choice, unpack, Study } = hpopt;

  /** Show studies: draw each chart that the page has a place for. */
  async function show(packed) {
    const arrays = await Promise.all(packed.studies.map(unpack));
    state.studies = packed.studies.map((each, k) => new Study(each, arrays[k]));
    state.shown = 0;
    document.documentElement.classList.add("live");
    state.refresh("data");
    if (packed.sections) hpopt.write(packed.sections);
    for (const figure of document.querySelectorAll("figure[data-chart]")) {
      hpopt.charts[figure.dataset.chart]?.(figure);
    }
    if (state.studies.length > 1) {
      document.querySelector("nav div").append(choice("Charts of",
        state.studies.map((each, k) => [k, hpopt.short(each.name, 40)]), 0, (k) => state.show(Number(k))));
    }
    document.documentElement.dataset.shown = performance.now().toFixed(0);
  }

  /** Take in more: of each study its new or changed trials (null: none), packed as all of them. */
  async function update(packed) {
    const arrays = await Promise.all(packed.studies.map((each) => each && unpack(each)));
    packed.studies.forEach((each, k) => each && state.studies[k].merge(each, arrays[k]));
    if (packed.sections) hpopt.write(packed.sections);
    if (!packed.studies[state.shown]) state.study.latest = [];
    state.refresh("more");
  }

  Object.assign(hpopt, { show, update });
  document.documentElement.classList.add("js");
  const data = document.getElementById("data");
  if (data) show(JSON.parse(data.textContent));
}
