// A study's trials as arrays, and what follows from them.
{
  const WITH_VALUES = ["complete", "stopped"];

  /** Return an array with more places, nan in those that are new; it has room for some to come. */
  function grown(array, n, before) {
    if (array && n * array.BYTES_PER_ELEMENT <= array.buffer.byteLength) {
      const same = new Float64Array(array.buffer, 0, n);
      return n > before ? same.fill(NaN, before) : same;
    }
    const whole = new Float64Array(new ArrayBuffer(8 * Math.ceil(1.1 * n + 100)), 0, n).fill(NaN);
    if (array) whole.set(array);
    return whole;
  }

  /** Return sorted rows with some others behind them: what is nearly sorted is sorted in no time. */
  function joined(sorted, others, n) {
    const isOther = new Uint8Array(n);
    for (const row of others) isOther[row] = 1;
    return (sorted || []).filter((row) => !isOther[row]).concat(others);
  }

  class Study {
    constructor(packed, arrays) {
      this.arrays = arrays;
      this.n = packed.n;
      this.told = {};
      this.rowOf = new Map(); // of the number of a trial
      this.sorted = new Map(); // by key of a field, of which version of the trials
      this.version = 0;
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

    /** Make something of the trials once, until there are more of them. */
    once(name, make) {
      if (!this.made.has(name)) this.made.set(name, make());
      return this.made.get(name);
    }

    array(name) {
      return this.arrays.get(name) || this.once("none", () => new Float64Array(this.n).fill(NaN));
    }

    /** The values of an objective or metric by its place. */
    value(k) { return this.array(`value ${k}`); }
    column(k) { return this.array(`column ${k}`); }

    /** Take in trials that are new or were continued; their rows are then in `latest`. */
    merge(packed, arrays) {
      const numbers = arrays.get("number"), known = this.rowOf;
      let end = this.n;
      const rows = Array.from(numbers, (number) => (known.has(number) ? known.get(number) : end++));
      for (const name of new Set([...this.arrays.keys(), ...arrays.keys()])) {
        const whole = grown(this.arrays.get(name), end, this.n), some = arrays.get(name);
        rows.forEach((row, k) => { whole[row] = some ? some[k] : NaN; });
        this.arrays.set(name, whole);
      }
      this.n = end;
      this.describe(packed);
      this.derive(rows);
    }

    /** Find what follows from the arrays: of all trials, or of those of some rows. */
    derive(rows = Array.from({ length: this.n }, (_, row) => row)) {
      const { n } = this;
      this.latest = rows;
      this.version += 1;
      this.made = new Map();
      this.numbers = this.array("number");
      this.status = this.array("status");
      const ok = new Uint8Array(n);
      if (this.ok) ok.set(this.ok);
      this.ok = ok;
      for (const row of rows) {
        this.rowOf.set(this.numbers[row], row);
        ok[row] = this.isWithValues[this.status[row]] ? 1 : 0;
      }
      this.deriveRanking(rows);
      this.isOnFront = new Uint8Array(n);
      for (const number of this.front) this.isOnFront[this.rowOf.get(number)] = 1;
      const found = this.rowOf.get(this.best);
      this.bestRow = found === undefined ? -1 : found;
    }

    /** The best first: feasible, of the highest fidelity, of the least loss, earliest. */
    deriveRanking(rows) {
      const { n, ok, numbers } = this, feasible = this.array("feasible"), reached = this.array("reached");
      const value = this.value(0), worth = this.arrays.get("worth"), sign = this.signs[0];
      const loss = new Float64Array(n), comparable = new Uint8Array(n), rank = new Float64Array(n).fill(NaN);
      let highest = 0, isAny = false;
      for (let k = 0; k < n; k++) {
        loss[k] = sign * value[k];
        isAny ||= feasible[k] === 1;
      }
      for (let k = 0; k < n; k++) {
        if (isAny ? feasible[k] : ok[k]) highest = Math.max(highest, reached[k] || 0);
      }
      for (let k = 0; k < n; k++) comparable[k] = ok[k] && (reached[k] || 0) >= highest ? 1 : 0;
      const key = worth || loss;
      const order = joined(this.order, rows, n).filter((k) => ok[k]);
      order.sort((a, b) => feasible[b] - feasible[a] || (reached[b] || 0) - (reached[a] || 0)
        || key[a] - key[b] || numbers[a] - numbers[b]);
      order.forEach((row, place) => { rank[row] = place; });
      Object.assign(this, { loss, comparable, order, rank, bestSoFar: new Float64Array(n).fill(NaN) });
      let best = Infinity;
      for (let k = 0; k < n; k++) {
        if (comparable[k] && feasible[k] && loss[k] < best) best = loss[k];
        if (best < Infinity) this.bestSoFar[k] = sign * best;
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
    get fields() { return this.once("fields", () => this.findFields()); }

    field(key) {
      return this.once("fields by key", () => new Map(this.fields.map((each) => [each.key, each]))).get(key);
    }

    findFields() {
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

    /** All rows sorted by a field, those without it apart; "rank" are those of the best first. */
    sortedBy(key) {
      return this.once(`sorted by ${key}`, () => {
        const values = key === "rank" ? this.rank : this.array(key), before = this.sorted.get(key);
        // What was sorted before the latest came needs them only.
        const all = before && before.version === this.version - 1
          ? joined(before.rows, this.latest, this.n) : Array.from(this.numbers.keys());
        const known = all.filter((row) => !Number.isNaN(values[row])), unknown = all.filter((row) => Number.isNaN(values[row]));
        known.sort((a, b) => values[a] - values[b] || this.numbers[a] - this.numbers[b]);
        this.sorted.set(key, { version: this.version, rows: known.concat(unknown) });
        return { known, unknown };
      });
    }

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

  Object.assign(hpopt, { Study, joined });
}
