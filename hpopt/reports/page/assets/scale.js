// From numbers to places in a chart, and the numbers that stand at its axes.
{
  const STEPS = [1, 2, 5, 10];
  const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200];
  const MOST_NAMED = 12; // choices at an axis: of more, some have a name

  class Scale {
    /** From low to high; kind is "linear", "log", "time" (seconds) or "names". */
    constructor(low, high, kind = "linear", names = null) {
      this.isWhole = false; // then no tick is between two whole numbers
      this.kind = kind === "log" && !(low > 0) ? "linear" : kind;
      this.names = names;
      if (!(low < high)) {
        const room = this.kind === "names" ? 0.5 : Math.abs(low) / 10 || 0.5;
        [low, high] = this.kind === "log" ? [low / 2, low * 2] : [low - room, low + room];
      } else if (this.kind === "names") [low, high] = [low - 0.5, high + 0.5];
      [this.low, this.high] = [low, high];
      [this.from, this.to] = this.kind === "log" ? [Math.log(low), Math.log(high)] : [low, high];
      this.half = this.to / 2 - this.from / 2; // halves: the whole may be more than a number can be
    }

    /** Where a number is: 0 at low, 1 at high. */
    share(value) {
      return ((this.kind === "log" ? Math.log(value) : value) / 2 - this.from / 2) / this.half;
    }

    /** The number at a share. */
    at(share) {
      const found = this.from + 2 * this.half * share;
      return this.kind === "log" ? Math.exp(found) : found;
    }

    /** Numbers for about so many ticks, each with its text. */
    ticks(about) {
      if (this.kind === "names") return this.nameTicks(about);
      const found = this.kind === "log" ? logTicks(this.low, this.high, about)
        : linearTicks(this.low, this.high, about, this.kind === "time", this.isWhole);
      const write = this.kind === "time" ? hpopt.duration : hpopt.digits;
      return found.map((value) => ({ value, text: write(value) }));
    }

    nameTicks(about) {
      const n = this.names.length, every = Math.max(1, Math.ceil(n / Math.min(MOST_NAMED, Math.max(about, 2))));
      return this.names.map((text, value) => ({ value, text: hpopt.short(text, 14) }))
        .filter((_, k) => k % every === 0);
    }
  }

  function linearTicks(low, high, about, isTime, isWhole) {
    const rough = high / about - low / about;
    let step = 10 ** Math.floor(Math.log10(rough));
    step *= STEPS.find((each) => each * step >= rough * 0.999) || 10;
    if (isTime && rough > 1) step = TIMES.find((each) => each >= rough) || Math.ceil(rough / 86400) * 86400;
    if (isWhole) step = Math.max(1, step);
    if (!Number.isFinite(step) || step <= 0) return [low, high];
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9 && found.length < 50; k++) {
      found.push(Number((k * step).toPrecision(12)));
    }
    return found;
  }

  function logTicks(low, high, about) {
    const from = Math.ceil(Math.log10(low) - 1e-9), to = Math.floor(Math.log10(high) + 1e-9);
    const every = Math.max(1, Math.ceil((to - from + 1) / Math.max(about, 2)));
    const found = [];
    for (let power = from; power <= to; power += every) found.push(10 ** power);
    if (found.length >= 2) return found;
    const within = [];
    for (let power = from - 1; power <= to; power++) {
      for (const each of [1, 2, 5]) within.push(each * 10 ** power);
    }
    const inside = within.filter((each) => each >= low * 0.999 && each <= high * 1.001);
    return inside.length >= 2 ? inside : linearTicks(low, high, about, false);
  }

  /** The scale of a field of a study: of a parameter its whole range. */
  function scaleOfField(study, field) {
    if (field.column) {
      const { low, high, log, kind } = field.column;
      if (field.names) return new Scale(0, field.names.length - 1, "names", field.names);
      return Object.assign(new Scale(low, high, log ? "log" : "linear"), { isWhole: kind === "int" });
    }
    if (field.isValue) return scaleOfMetric(study, Number(field.key.split(" ")[1]));
    const [low, high] = extent(study.array(field.key));
    if (field.names) return new Scale(0, field.names.length - 1, "names", field.names);
    return new Scale(low, high, field.key === "seconds" ? "time" : "linear");
  }

  /** The scale of an objective or metric, by its place. */
  function scaleOfMetric(study, k) {
    return study.once(`scale ${k}`, () => scaleOfValues(study.value(k), study.ok, study.signs[k] || 0));
  }

  function extent(values) {
    let low = Infinity, high = -Infinity;
    for (const value of values) {
      if (Number.isFinite(value)) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    return low <= high ? [low, high] : [0, 1];
  }

  const SHOWN = 0.95; // of the trials: the worst twentieth would press the others into a line

  /** A scale of values: all of the best, the worst at its edge; by the logarithm where they need it. */
  function scaleOfValues(values, isShown, sign) {
    const found = values.filter((value, k) => isShown[k] && Number.isFinite(value)).sort();
    if (!found.length) return new Scale(0, 1);
    const at = (share) => found[Math.round(share * (found.length - 1))];
    const low = sign < 0 ? at(1 - SHOWN) : at(0), high = sign > 0 ? at(SHOWN) : at(1);
    const isWide = low > 0 && high / low > 200;
    if (isWide || !(low < high)) return new Scale(low, high, isWide ? "log" : "linear");
    const room = (high / 2 - low / 2) * 0.08;
    return new Scale(low - room, high + room);
  }

  // Viridis (Smith & van der Walt 2015): even to the eye, also without colour.
  const RAMP = [[68, 1, 84], [71, 45, 123], [59, 82, 139], [44, 114, 142], [33, 145, 140],
    [40, 174, 128], [94, 201, 98], [173, 220, 48], [253, 231, 37]];
  const COLOURS = Array.from({ length: 64 }, (_, k) => {
    const place = (k / 63) * (RAMP.length - 1), left = Math.min(Math.floor(place), RAMP.length - 2);
    return RAMP[left].map((each, c) => Math.round(each + (RAMP[left + 1][c] - each) * (place - left)));
  });

  /** The colour of a share as [red, green, blue], dark at 0. */
  function ramp(share) {
    return COLOURS[Math.max(0, Math.min(63, Math.round((Number.isNaN(share) ? 0 : share) * 63)))];
  }

  Object.assign(hpopt, { Scale, scaleOfField, scaleOfMetric, scaleOfValues, extent, ramp });
}
