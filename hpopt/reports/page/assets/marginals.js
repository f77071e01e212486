// The value of trials by each parameter: points, and the median and quartiles along it.
{
  const { el, choice, Plot, Points, state, digits, short } = hpopt;
  const AT_FIRST = 12; // charts; a button shows the others
  const MOST_POINTS = 3000; // drawn of each; medians are of all
  const N_BINS = 14, FEWEST = 4; // trials of a bin: a median of fewer is that of chance

  function marginals(figure) {
    const controls = el("div", { class: "controls" }), grid = el("div", { class: "grid" });
    const chosen = { objective: 0, isAll: false };
    let plots = [];
    figure.append(controls, grid);

    function build() {
      const { study } = state;
      for (const plot of plots) plot.remove();
      chosen.objective = Math.min(chosen.objective, study.objectives.length - 1);
      const order = study.byImportance, shown = chosen.isAll ? order : order.slice(0, AT_FIRST);
      grid.replaceChildren();
      plots = shown.map((k) => card(grid, k, chosen));
      controls.replaceChildren(...(study.objectives.length < 2 ? [] : [choice("Objective",
        study.objectives.map((each, k) => [k, each.name]), chosen.objective, (k) => {
          chosen.objective = Number(k);
          for (const plot of plots) plot.redraw();
        })]),
      ...(shown.length === order.length ? [] : [el("button", {
        type: "button", onclick: () => {
          chosen.isAll = true;
          build();
        },
      }, `Show all ${order.length} parameters`)]));
    }

    build();
    let described = state.study;
    state.follow((what) => {
      if (what === "data" && described !== state.study) {
        described = state.study;
        build();
      } else for (const plot of plots) plot.redraw();
    });
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
    const y = hpopt.scaleOfValues(values, study.ok, study.signs[objective]);
    const rows = study.order.filter((row) => !Number.isNaN(places[row]) && Number.isFinite(values[row]));
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
    quartiles(pen, binned(x, places, values, rows), x, y);
    best(pen, study, x, y, places, values);
    return points;
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
    const rows = study.order.filter((row) => !Number.isNaN(places[row]) && Number.isFinite(values[row]));
    return {
      head: [field.text, "trials", "lower quartile", "median", "upper quartile"],
      rows: binned(x, places, values, rows).filter((bin) => bin.n).map((bin) => [
        x.names ? x.names[bin.place] : `about ${digits(bin.place)}`, String(bin.n), digits(bin.low), digits(bin.middle), digits(bin.high)]),
    };
  }

  hpopt.charts.marginals = marginals;
}
