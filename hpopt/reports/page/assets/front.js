// Two objectives, with the trials that no other dominates.
{
  const { el, choice, Plot, Points, state, digits } = hpopt;

  function front(figure) {
    const controls = el("div", { class: "controls" }), chosen = { x: 0, y: 1 };
    figure.append(controls);
    const plot = new Plot(figure, {
      label: "Trials by two objectives; those that no other dominates stand out.", height: 380,
      draw: (pen) => draw(pen, plot, chosen), table: asTable,
    });

    function choose() {
      const names = state.study.objectives.map((each, k) => [k, each.name]);
      [chosen.x, chosen.y] = [0, Math.min(1, names.length - 1)];
      const set = (key) => (value) => {
        chosen[key] = Number(value);
        plot.redraw();
      };
      controls.replaceChildren(...(names.length > 2
        ? [choice("Across", names, chosen.x, set("x")), choice("Up", names, chosen.y, set("y"))] : []));
    }

    hpopt.followStudy(choose, () => plot.redraw());
  }

  function draw(pen, plot, chosen) {
    const { study } = state, { colours } = pen;
    if (study.objectives.length < 2) return pen.nothing("This study has one objective.");
    const across = study.value(chosen.x), up = study.value(chosen.y);
    const rows = study.order.filter((row) => Number.isFinite(across[row]) && Number.isFinite(up[row]));
    if (!rows.length) return pen.nothing("No trial has values yet.");
    const [x, y] = [chosen.x, chosen.y].map((k) => hpopt.scaleOfMetric(study, k));
    pen.axes(x, y, { xTitle: study.objectives[chosen.x].name, yTitle: study.objectives[chosen.y].name });
    const points = new Points(study, rows.length), feasible = study.array("feasible");
    const masks = { on: new Uint8Array(rows.length), other: new Uint8Array(rows.length), broken: new Uint8Array(rows.length), faint: new Uint8Array(rows.length) };
    const clip = (share) => Math.max(0, Math.min(1, share));
    for (const row of rows) {
      const mask = !state.passes[row] ? masks.faint : study.isOnFront[row] ? masks.on : feasible[row] ? masks.other : masks.broken;
      mask[points.n] = 1;
      points.add(pen.x(clip(x.share(across[row]))), pen.y(clip(y.share(up[row]))), row);
    }
    const size = points.n > 2000 ? 3 : 5;
    pen.dots(points, colours.grid, { size, among: masks.faint });
    pen.dots(points, colours.trial, { size, alpha: 0.4, among: masks.other });
    pen.dots(points, colours.stopped, { size, alpha: 0.6, hollow: true, among: masks.broken });
    if (study.objectives.length === 2) staircase(pen, study, points, chosen);
    pen.dots(points, colours.best, { size: 8, among: masks.on });
    plot.legend([["dot best", "on the front"], ["dot trial", "dominated"],
      ...(study.constraints.length ? [["ring stopped", "breaks a constraint"]] : [])]);
    return points;
  }

  /** The edge of what is dominated: along the front, always worse in one objective first. */
  function staircase(pen, study, points, chosen) {
    const on = [];
    for (let k = 0; k < points.n; k++) if (study.isOnFront[points.rows[k]]) on.push([points.x[k], points.y[k]]);
    on.sort((a, b) => a[0] - b[0]);
    const steps = [], isLeft = study.signs[chosen.x] > 0;
    on.forEach(([x, y], k) => {
      if (k) steps.push(isLeft ? [x, on[k - 1][1]] : [on[k - 1][0], y]);
      steps.push([x, y]);
    });
    pen.ctx.strokeStyle = pen.colours.best;
    pen.ctx.lineWidth = 1.6;
    if (steps.length > 1) pen.line(steps);
  }

  function asTable() {
    const { study } = state, rows = Array.from(study.numbers.keys()).filter((row) => study.isOnFront[row]);
    rows.sort((a, b) => study.loss[a] - study.loss[b]);
    return {
      head: ["trial", ...study.objectives.map((each) => each.name)],
      rows: rows.map((row) => [String(study.numbers[row]), ...study.objectives.map((_, k) => digits(study.value(k)[row]))]),
    };
  }

  hpopt.charts.front = front;
}
