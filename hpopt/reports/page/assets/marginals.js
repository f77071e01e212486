// The value of trials by each parameter: points, and the median and quartiles along it.
{
  const { el, Plot, Points, state, digits, short } = hpopt;
  const AT_FIRST = 12; // charts; a button shows the others
  const MOST_POINTS = 3000; // drawn of each
  const MOST_MEASURED = 20000; // trials, evenly from the best to the worst: a median of more is the same
  const N_BINS = 14, FEWEST = 4; // trials of a bin: a median of fewer is that of chance

  function marginals(figure) {
    const objectives = el("span"), all = el("span"), grid = el("div", { class: "grid" });
    const chosen = { objective: 0 };
    let plots = [], described = null;
    figure.append(el("div", { class: "controls" }, objectives), grid, all);
    const redraw = () => plots.forEach((plot) => plot.redraw());

    function build(most) {
      const order = state.study.byImportance;
      for (const plot of plots) plot.remove();
      grid.replaceChildren();
      plots = order.slice(0, most).map((k) => card(grid, k, chosen));
      all.replaceChildren(order.length <= most ? "" : el("button", {
        type: "button", onclick: () => build(order.length),
      }, `Show all ${order.length} parameters`));
      described = state.study;
    }

    build(AT_FIRST);
    hpopt.chooseObjective(objectives, chosen, redraw);
    state.follow(() => (described === state.study ? redraw() : build(AT_FIRST)));
  }

  function card(grid, k, chosen) {
    const { study } = state, name = study.columns[k].name;
    const box = el("div", { class: "card" }, el("h4", {}, short(name, 60)));
    grid.append(box);
    return new Plot(box, {
      label: `The value of trials by ${name}.`, height: 170,
      draw: (pen) => draw(pen, k, chosen), table: () => asTable(k, chosen),
    });
  }

  function draw(pen, k, { objective }) {
    const { study } = state, field = study.field(`column ${k}`), x = hpopt.scaleOfField(study, field);
    const values = study.value(objective), places = study.column(k);
    const y = hpopt.scaleOfMetric(study, objective), rows = measured(study, places, values);
    if (!rows.length) return pen.nothing("No trial has values with it.");
    pen.box.bottom = pen.height - 24;
    pen.axes(x, y);
    const every = Math.max(1, Math.ceil(rows.length / MOST_POINTS));
    const points = new Points(study, Math.ceil(rows.length / every), (row) => hpopt.saidOf(study, row, [field.key]));
    const lit = new Uint8Array(points.x.length);
    for (let place = 0; place < rows.length; place += every) {
      const row = rows[place], spread = x.kind === "names" ? (((study.numbers[row] * 0.618) % 1) - 0.5) * 0.5 : 0;
      lit[points.n] = state.passes[row];
      points.add(pen.x(x.share(places[row] + spread)), pen.y(Math.max(0, Math.min(1, y.share(values[row])))), row);
    }
    const size = points.n > 400 ? 2.4 : 4;
    if (state.nPassing < study.n) pen.dots(points, pen.colours.grid, { size });
    pen.dots(points, pen.colours.trial, { size, alpha: points.n > 400 ? 0.35 : 0.6, among: lit });
    const known = study.matteredTo(objective).marginals[k];
    quartiles(pen, known && !state.filters.size ? expected(known) : binned(x, places, values, rows), x, y);
    best(pen, study, x, y, places, values);
    return points;
  }

  function measured(study, places, values) {
    const every = Math.ceil(study.order.length / MOST_MEASURED);
    return study.order.filter((row, k) => k % every === 0 && !Number.isNaN(places[row]) && Number.isFinite(values[row]));
  }

  function best(pen, study, x, y, places, values) {
    const row = study.bestRow;
    if (row < 0 || Number.isNaN(places[row])) return;
    pen.ring(pen.x(x.share(places[row])), pen.y(Math.max(0, Math.min(1, y.share(values[row])))), pen.colours.best);
  }

  /** Median and quartiles of values in each part of a range, or of each choice. */
  function binned(x, places, values, rows) {
    const n = x.kind === "names" ? x.names.length : N_BINS, bins = Array.from({ length: n }, () => []);
    for (const row of rows) {
      const bin = x.kind === "names" ? places[row] : Math.min(n - 1, Math.floor(x.share(places[row]) * n));
      if (bins[bin] && state.passes[row]) bins[bin].push(values[row]);
    }
    return bins.map((found, k) => {
      found.sort((a, b) => a - b);
      const at = (share) => found[Math.round(share * (found.length - 1))];
      const place = x.kind === "names" ? k : x.at((k + 0.5) / n);
      return { place, n: found.length, low: at(0.25), middle: at(0.5), high: at(0.75) };
    });
  }

  /** What a model expects at each setting, as bins that are all full. */
  function expected([places, middle, low, high]) {
    return places.map((place, k) => ({ place, n: FEWEST, low: low[k], middle: middle[k], high: high[k] }));
  }

  function quartiles(pen, bins, x, y) {
    const { ctx, colours } = pen, up = (value) => pen.y(Math.max(0, Math.min(1, y.share(value))));
    const known = bins.filter((bin) => bin.n >= FEWEST);
    ctx.strokeStyle = ctx.fillStyle = colours.text;
    if (x.kind === "names") {
      const wide = Math.min(26, (pen.x(1) - pen.x(0)) / x.names.length / 2);
      for (const { place, low, middle, high } of known) {
        const across = pen.x(x.share(place));
        ctx.lineWidth = 1;
        ctx.strokeRect(across - wide / 2, up(high), wide, up(low) - up(high));
        ctx.lineWidth = 2.4;
        pen.line([[across - wide / 2, up(middle)], [across + wide / 2, up(middle)]]);
      }
      return;
    }
    const across = known.map(({ place }) => pen.x(x.share(place)));
    ctx.globalAlpha = 0.13;
    ctx.beginPath();
    known.forEach((bin, k) => (k ? ctx.lineTo(across[k], up(bin.high)) : ctx.moveTo(across[k], up(bin.high))));
    for (let k = known.length - 1; k >= 0; k--) ctx.lineTo(across[k], up(known[k].low));
    ctx.fill();
    ctx.globalAlpha = 1;
    ctx.lineWidth = 1.8;
    pen.line(known.map((bin, k) => [across[k], up(bin.middle)]));
  }

  function asTable(k, { objective }) {
    const { study } = state, field = study.field(`column ${k}`), x = hpopt.scaleOfField(study, field);
    const places = study.column(k), values = study.value(objective);
    const rows = measured(study, places, values);
    return {
      head: [field.text, "trials", "lower quartile", "median", "upper quartile"],
      rows: binned(x, places, values, rows).filter((bin) => bin.n).map((bin) => [
        x.names ? x.names[bin.place] : `about ${digits(bin.place)}`, String(bin.n), digits(bin.low), digits(bin.middle), digits(bin.high)]),
    };
  }

  hpopt.charts.marginals = marginals;
}
