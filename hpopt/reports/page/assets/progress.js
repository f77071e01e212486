// All trials and the best so far, over their numbers or over time; of several studies all lines.
{
  const { el, toggle, Plot, Points, Scale, state, digits } = hpopt;
  const RUG = 10; // pixels below the values where trials without values stand

  function progress(figure) {
    const chosen = { across: "number", objective: 0 };
    const objectives = el("span"), redraw = () => plot.redraw();
    figure.append(el("div", { class: "controls" }, toggle("Horizontal axis", [["number", "By trial"], ["time", "By time"]],
      chosen.across, (value) => {
        chosen.across = value;
        redraw();
      }), objectives));
    const plot = new Plot(figure, {
      label: "The value of each trial and the best so far.", height: 340,
      draw: (pen) => draw(pen, plot, chosen), table: () => improvements(state.study),
    });
    hpopt.chooseObjective(objectives, chosen, redraw);
    state.follow(redraw);
  }

  function improvements(study) {
    const rows = [];
    let last = NaN;
    for (let k = 0; k < study.n; k++) {
      const best = study.bestSoFar[k];
      if (!Number.isNaN(best) && best !== last) rows.push([String(study.numbers[k]), digits(best)]);
      last = best;
    }
    return { head: ["trial", `best ${study.objectives[0].name} so far`], rows };
  }

  function placesAcross(study, across) {
    if (across === "number") return study.numbers;
    return study.once("ends", () => {
      const started = study.array("started"), seconds = study.array("seconds");
      const [first] = hpopt.extent(started);
      return Float64Array.from(started, (each, k) => each + (seconds[k] || 0) - first);
    });
  }

  function draw(pen, plot, { across, objective }) {
    const { studies, study } = state;
    if (!study.n) return pen.nothing("No trial has finished yet.");
    const isOverlay = studies.length > 1, name = study.objectives[objective].name;
    const alike = studies.filter((each) => each.objectives.some((one) => one.name === name));
    const places = new Map(alike.map((each) => [each, placesAcross(each, across)]));
    const farthest = Math.max(...alike.map((each) => hpopt.extent(places.get(each))[1]), 1e-9);
    const x = new Scale(0, farthest, across === "time" ? "time" : "linear");
    const y = commonScale(alike, name);
    x.isWhole = across === "number";
    pen.box.bottom -= RUG;
    pen.axes(x, y, { xTitle: across === "time" ? "time since the first trial began" : "trial", yTitle: name, below: RUG });
    const drawn = drawTrials(pen, study, objective, places.get(study), x, y, isOverlay);
    alike.forEach((each) => {
      const colour = isOverlay ? pen.colours.series[studies.indexOf(each) % 8] : pen.colours.best;
      if (each.objectives[0].name === name) steps(pen, each, across, places.get(each), x, y, colour);
    });
    plot.legend(isOverlay
      ? alike.map((each) => ["line series", hpopt.short(each.name, 40), `var(--series-${studies.indexOf(each) % 8})`])
      : marksOf(study));
    return drawn;
  }

  function marksOf(study) {
    const has = new Set();
    for (let k = 0; k < study.n; k++) has.add(study.ok[k] ? study.statuses[study.status[k]] : "failed");
    return [["line best", "best so far"], ["dot trial", "complete"],
      ...has.has("stopped") ? [["ring stopped", "stopped early"]] : [],
      ...has.has("failed") ? [["tick failed", "failed"]] : []];
  }

  function commonScale(studies, name) {
    const scales = studies.map((each) => {
      const k = each.objectives.findIndex((one) => one.name === name);
      return hpopt.scaleOfMetric(each, k);
    });
    if (scales.length === 1) return scales[0];
    const kind = scales.every((each) => each.kind === "log") ? "log" : "linear";
    return new Scale(Math.min(...scales.map((each) => each.low)), Math.max(...scales.map((each) => each.high)), kind);
  }

  function drawTrials(pen, study, objective, places, x, y, isOverlay) {
    const values = study.value(objective), { colours, box } = pen;
    const all = new Points(study, study.n), stopped = study.statuses.indexOf("stopped");
    const masks = { good: new Uint8Array(study.n), faint: new Uint8Array(study.n), stopped: new Uint8Array(study.n) };
    pen.ctx.strokeStyle = colours.failed;
    pen.ctx.lineWidth = 1.2;
    pen.ctx.beginPath();
    for (let k = 0; k < study.n; k++) {
      const across = pen.x(x.share(places[k]));
      if (!study.ok[k] || Number.isNaN(values[k])) {
        all.add(across, box.bottom + RUG - 3, k);
        pen.ctx.moveTo(across, box.bottom + 3);
        pen.ctx.lineTo(across, box.bottom + RUG - 2);
        continue;
      }
      const share = Math.max(0, Math.min(1, y.share(values[k])));
      const mask = !state.passes[k] ? masks.faint : study.status[k] === stopped ? masks.stopped : masks.good;
      mask[all.n] = 1;
      all.add(across, pen.y(Number.isNaN(share) ? 1 : share), k);
    }
    pen.ctx.stroke();
    const size = study.n > 20000 ? 2 : study.n > 2000 ? 3 : 5.5, alpha = isOverlay ? 0.25 : study.n > 300 ? 0.45 : 0.75;
    pen.dots(all, colours.grid, { size, among: masks.faint });
    pen.dots(all, colours.stopped, { size, alpha, hollow: study.n <= 2000, among: masks.stopped });
    pen.dots(all, isOverlay ? colours.series[state.shown % 8] : colours.trial, { size, alpha, among: masks.good });
    return all;
  }

  /** The rows at which the best was bettered, in the order of the axis, and the last row. */
  function bettered(study, across, places) {
    return study.once(`bettered by ${across}`, () => {
      const order = Uint32Array.from(places.keys()), feasible = study.array("feasible"), found = [];
      if (across === "time") order.sort((a, b) => places[a] - places[b]);
      let best = Infinity;
      for (const k of order) {
        if (!study.comparable[k] || !feasible[k] || !(study.loss[k] < best)) continue;
        best = study.loss[k];
        found.push(k);
      }
      return { found, end: order.length ? places[order[order.length - 1]] : 0 };
    });
  }

  function steps(pen, study, across, places, x, y, colour) {
    const { ctx } = pen, { found, end } = bettered(study, across, places);
    let last = null;
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2.2;
    ctx.beginPath();
    for (const k of found) {
      const at = pen.x(x.share(places[k]));
      const up = pen.y(Math.max(0, Math.min(1, y.share(study.signs[0] * study.loss[k]))));
      if (last === null) ctx.moveTo(at, up);
      else {
        ctx.lineTo(at, last);
        ctx.lineTo(at, up);
      }
      last = up;
    }
    if (last !== null) ctx.lineTo(pen.x(x.share(end)), last);
    ctx.stroke();
  }

  hpopt.charts = { progress };
}
