// A study's trials as arrays, and what follows from them.
{
  const WITH_VALUES = ["complete", "stopped"];

  class Study {
    constructor(packed, arrays) {
      this.arrays = arrays;
      this.n = packed.n;
      this.told = {};
      this.describe(packed);
      this.derive();
    }

    describe(packed) {
      const { arrays, blob, told, n, ...described } = packed;
      Object.assign(this, described);
      Object.assign(this.told, told || {});
      this.isWithValues = this.statuses.map((name) => WITH_VALUES.includes(name));
      this.signs = this.objectives.map((each) => (each.direction === "maximize" ? -1 : 1));
    }

    array(name) {
      return this.arrays.get(name) || new Float64Array(this.n).fill(NaN);
    }

    /** The values of an objective or metric by its place. */
    value(k) { return this.array(`value ${k}`); }
    column(k) { return this.array(`column ${k}`); }

    /** Take in trials that are new or were continued. */
    merge(packed, arrays) {
      const numbers = arrays.get("number"), known = this.rowOf, n = this.n;
      let end = n;
      const places = Array.from(numbers, (number) => (known.has(number) ? known.get(number) : end++));
      for (const name of new Set([...this.arrays.keys(), ...arrays.keys()])) {
        const whole = new Float64Array(end).fill(NaN), some = arrays.get(name);
        if (this.arrays.has(name)) whole.set(this.arrays.get(name));
        places.forEach((place, k) => { whole[place] = some ? some[k] : NaN; });
        this.arrays.set(name, whole);
      }
      this.n = end;
      this.describe(packed);
      this.derive();
    }

    derive() {
      const { n } = this;
      this.numbers = this.array("number");
      this.status = this.array("status");
      this.rowOf = new Map();
      this.ok = new Uint8Array(n);
      for (let k = 0; k < n; k++) {
        this.rowOf.set(this.numbers[k], k);
        this.ok[k] = this.isWithValues[this.status[k]] ? 1 : 0;
      }
      this.deriveRanking();
      this.isOnFront = new Uint8Array(n);
      for (const number of this.front) this.isOnFront[this.rowOf.get(number)] = 1;
      const found = this.rowOf.get(this.best);
      this.bestRow = found === undefined ? -1 : found;
    }

    /** The best first: feasible, of the highest fidelity, of the least loss, earliest. */
    deriveRanking() {
      const { n, ok } = this, feasible = this.array("feasible"), reached = this.array("reached");
      const value = this.value(0), worth = this.arrays.get("worth");
      this.loss = Float64Array.from(value, (each) => this.signs[0] * each);
      let highest = 0, isAny = false;
      for (let k = 0; k < n; k++) isAny ||= feasible[k] === 1;
      for (let k = 0; k < n; k++) {
        if (isAny ? feasible[k] : ok[k]) highest = Math.max(highest, reached[k] || 0);
      }
      this.comparable = Uint8Array.from(ok, (each, k) => (each && (reached[k] || 0) >= highest ? 1 : 0));
      const key = worth || this.loss;
      const rows = Uint32Array.from(this.numbers.keys()).filter((k) => ok[k]);
      rows.sort((a, b) => feasible[b] - feasible[a] || (reached[b] || 0) - (reached[a] || 0)
        || key[a] - key[b] || this.numbers[a] - this.numbers[b]);
      this.order = rows;
      this.rank = new Float64Array(n).fill(NaN);
      rows.forEach((row, place) => { this.rank[row] = place; });
      this.bestSoFar = new Float64Array(n).fill(NaN);
      let best = Infinity;
      for (let k = 0; k < n; k++) {
        if (this.comparable[k] && feasible[k] && this.loss[k] < best) best = this.loss[k];
        if (best < Infinity) this.bestSoFar[k] = this.signs[0] * best;
      }
    }

    statusName(row) { return this.statuses[this.status[row]]; }

    /** Write what a trial has of a field of `fields`. */
    text(field, row) {
      const value = this.array(field.key)[row];
      if (field.key === "status") return this.statusName(row);
      if (Number.isNaN(value)) return "";
      if (field.names) return field.names[value] ?? "?";
      if (field.key === "memory") return `${hpopt.digits(value / 2 ** 20)} MiB`;
      if (field.key === "started") return new Date(value * 1000).toISOString().slice(0, 19).replace("T", " ");
      return hpopt.digits(value);
    }

    /** All that trials are sorted, filtered and drawn by. */
    get fields() {
      const known = (key, text, names) => ({ key, text, names: names || null, log: false });
      const isVaried = (key) => this.arrays.has(key) && this.arrays.get(key).some((value) => !Number.isNaN(value));
      return [
        known("number", "trial"),
        known("status", "status", this.statuses),
        ...this.metrics.map((name, k) => ({ ...known(`value ${k}`, name), isValue: true })),
        ...this.columns.map((each, k) => ({
          key: `column ${k}`, text: each.name, log: each.log, isParameter: true, column: each,
          names: each.choices.length ? each.choices : null,
        })),
        ...(this.fidelity === null ? [] : [known("fidelity", this.fidelity)]),
        ...(this.constraints.length ? [known("feasible", "feasible", ["no", "yes"])] : []),
        known("seconds", "seconds"),
        known("started", "started (UTC)"),
        ...(isVaried("memory") ? [known("memory", "memory")] : []),
        ...(isVaried("worker") ? [known("worker", "worker", this.workers)] : []),
        ...(isVaried("generation") ? [known("generation", "generation")] : []),
        ...(this.causes.length ? [known("cause", "error", this.causes.map((each) => each.error))] : []),
      ];
    }

    field(key) { return this.fields.find((each) => each.key === key); }

    /** What mattered to an objective, where it is known: {shares, pair, marginals}. */
    matteredTo(k) {
      return (this.importance || {})[this.objectives[k].name] || { shares: [], pair: null, marginals: {} };
    }

    /** The places of the parameters, those that matter most to the first objective first. */
    get byImportance() {
      const known = this.matteredTo(0).shares.map((each) => each.column), rest = new Set(known);
      return [...known, ...this.columns.keys()].filter((k, place) => place < known.length || !rest.has(k));
    }
  }

  hpopt.Study = Study;
}
