// What trials reported while they ran: the best, and a sample of the others.
{
  const { Plot, Points, Scale, state } = hpopt;
  const MOST_IN_COLOUR = 5;

  function curves(figure) {
    const plot = new Plot(figure, {
      label: "What trials reported while they ran.", height: 320, draw: (pen) => draw(pen, plot),
    });
    state.follow(() => plot.redraw());
  }

  /** Draw curves of trials: [row, pairs of step and value], the best last. */
  function drawCurves(pen, study, found, colourOf) {
    const steps = found.flatMap(([, curve]) => curve.map((pair) => pair[0]));
    const values = Float64Array.from(found.flatMap(([, curve]) => curve.map((pair) => pair[1])));
    const x = new Scale(...hpopt.extent(steps)), y = hpopt.scaleOfValues(values, values.map(() => 1), study.signs[0]);
    pen.axes(x, y, { xTitle: "step", yTitle: study.objectives[0].name });
    const points = new Points(study, values.length);
    for (const [row, curve] of found) {
      const places = curve.map(([step, value]) => [pen.x(x.share(step)), pen.y(Math.max(0, Math.min(1, y.share(value))))]);
      [pen.ctx.strokeStyle, pen.ctx.lineWidth, pen.ctx.globalAlpha] = colourOf(row);
      pen.line(places);
      pen.ctx.globalAlpha = 1;
      for (const [across, up] of places) points.add(across, up, row);
    }
    return points;
  }

  function draw(pen, plot) {
    const { study } = state, { colours } = pen;
    const found = Object.entries(study.told).filter(([number, told]) => told.curve && study.rowOf.has(Number(number)))
      .map(([number, told]) => [study.rowOf.get(Number(number)), told.curve]);
    if (!found.length) return pen.nothing("No trial reported values while it ran.");
    const rank = (row) => (Number.isNaN(study.rank[row]) ? Infinity : study.rank[row]);
    found.sort((a, b) => rank(b[0]) - rank(a[0]));
    const bright = new Set(found.slice(-MOST_IN_COLOUR).map(([row]) => row));
    const points = drawCurves(pen, study, found, (row) => {
      if (row === study.bestRow) return [colours.best, 2.4, 1];
      return bright.has(row) ? [colours.trial, 1.8, 0.9] : [colours.faint, 1, 0.35];
    });
    plot.legend([["line best", "the best"], ["line trial", `the ${MOST_IN_COLOUR - 1} after it`], ["line faint", `${Math.max(0, found.length - MOST_IN_COLOUR)} others`]]);
    return points;
  }

  hpopt.charts.curves = curves;
  hpopt.drawCurves = drawCurves;
}
