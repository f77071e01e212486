// Which study is shown, and which of its trials pass the filters; charts and tables follow it.
{
  const listeners = new Set();

  const state = {
    studies: [],
    shown: 0,
    filters: new Map(), // key of a field → {low, high} or {among: Set of numbers}
    passes: new Uint8Array(0),
    nPassing: 0,
    get study() { return this.studies[this.shown]; },

    /**
     * Have a function called after each change, with "data" (another study), "filters", or "more"
     * (trials have come, or were continued: those of `study.latest`).
     */
    follow(listener) { listeners.add(listener); },

    /** Set the filter of a field, or drop it where there is none. */
    filter(key, what) {
      if (what) this.filters.set(key, what);
      else this.filters.delete(key);
      this.refresh("filters");
    },

    clear() {
      this.filters.clear();
      this.refresh("filters");
    },

    show(place) {
      this.shown = place;
      this.filters.clear();
      this.refresh("data");
    },

    refresh(what) {
      const { study } = this;
      this.passes = new Uint8Array(study.n).fill(1);
      for (const [key, each] of this.filters) pass(this.passes, study.array(key), each);
      this.nPassing = 0;
      for (const each of this.passes) this.nPassing += each;
      for (const listener of listeners) listener(what);
    },
  };

  function pass(passes, values, { low, high, among }) {
    if (among) {
      for (let k = 0; k < passes.length; k++) if (!among.has(values[k])) passes[k] = 0;
      return;
    }
    // nan is in no range: neither is what is compared with it
    for (let k = 0; k < passes.length; k++) if (!(values[k] >= low && values[k] <= high)) passes[k] = 0;
  }

  /** Put a list of the study's objectives into an element, where there are several. */
  function chooseObjective(into, chosen, onchange) {
    let described = null;
    const build = () => {
      if (described === state.study) return;
      described = state.study;
      chosen.objective = 0;
      const pairs = described.objectives.map((each, k) => [k, hpopt.short(each.name, 40)]);
      into.replaceChildren(...(pairs.length < 2 ? [] : [hpopt.choice("Objective", pairs, 0, (k) => {
        chosen.objective = Number(k);
        onchange();
      })]));
    };
    build();
    state.follow(build);
  }

  /** Choose now and whenever another study is shown; draw again after each change. */
  function followStudy(choose, redraw) {
    let described = state.study;
    choose();
    state.follow(() => {
      if (described !== state.study) choose();
      described = state.study;
      redraw();
    });
  }

  Object.assign(hpopt, { state, chooseObjective, followStudy });
}
