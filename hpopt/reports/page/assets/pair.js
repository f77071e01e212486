// Two parameters at once, coloured by how good trials are: points, or the mean around each place.
{
  const { el, choice, toggle, Plot, Points, state, short } = hpopt;
  const CELLS = 30; // along each axis of a surface
  const MANY = 8000; // points, from which on each is a square
  const BLURS = 2; // of three cells each: where there are few trials, those beside them count

  function pair(figure) {
    const controls = el("div", { class: "controls" }), chosen = { x: 0, y: 1, form: "points" };
    figure.append(controls);
    const plot = new Plot(figure, {
      label: "Trials by two parameters, coloured by rank.", height: 380, draw: (pen) => draw(pen, plot, chosen),
    });

    function choose() {
      const { study } = state, order = study.byImportance;
      const names = order.map((k) => [k, short(study.columns[k].name, 50)]);
      const together = study.matteredTo(0).pair;
      if (together) [chosen.x, chosen.y] = together;
      else [chosen.x, chosen.y] = [order[0] ?? 0, order[1] ?? order[0] ?? 0];
      const set = (key) => (value) => {
        chosen[key] = key === "form" ? value : Number(value);
        plot.redraw();
      };
      controls.replaceChildren(choice("Across", names, chosen.x, set("x")), choice("Up", names, chosen.y, set("y")),
        toggle("Form", [["points", "Points"], ["surface", "Surface"]], chosen.form, set("form")));
    }

    hpopt.followStudy(choose, () => plot.redraw());
  }

  function draw(pen, plot, chosen) {
    const { study } = state, fields = [chosen.x, chosen.y].map((k) => study.field(`column ${k}`));
    const [across, up] = [chosen.x, chosen.y].map((k) => study.column(k));
    const rows = study.order.filter((row) => !Number.isNaN(across[row]) && !Number.isNaN(up[row]) && state.passes[row]).reverse();
    if (!rows.length) return pen.nothing("No trial has values with both.");
    const [x, y] = fields.map((field) => hpopt.scaleOfField(study, field));
    pen.axes(x, y, { xTitle: fields[0].text, yTitle: fields[1].text });
    const last = Math.max(1, study.order.length - 1);
    const points = new Points(study, rows.length, (row) => hpopt.saidOf(study, row, fields.map((field) => field.key)));
    const jitter = (row, scale, factor) => (scale.kind === "names" ? (((study.numbers[row] * factor) % 1) - 0.5) * 0.6 : 0);
    for (const row of rows) {
      points.add(pen.x(x.share(across[row] + jitter(row, x, 0.618))), pen.y(y.share(up[row] + jitter(row, y, 0.382))), row);
    }
    if (chosen.form === "surface") surface(pen, points, study, last);
    else coloured(pen, points, study, last);
    if (study.bestRow >= 0) {
      const at = points.rows.indexOf(study.bestRow);
      if (at >= 0) pen.ring(points.x[at], points.y[at], pen.colours.best);
    }
    plot.legend([["ring best", "the best"], ["ramp", "from the best to the worst"]]);
    return points;
  }

  /** The worst first, so that the best are on top. */
  function coloured(pen, points, study, last) {
    const shareOf = (k) => study.rank[points.rows[k]] / last;
    if (points.n > MANY) return pen.pixels(points, (k) => hpopt.rankInRgb(shareOf(k)), { size: 2.4, alpha: 0.9 });
    const { ctx } = pen, radius = points.n > 2000 ? 1.7 : 3;
    ctx.globalAlpha = 0.85;
    for (let k = 0; k < points.n; k++) {
      ctx.fillStyle = hpopt.colourOfRank(shareOf(k));
      ctx.beginPath();
      ctx.arc(points.x[k], points.y[k], radius, 0, 6.2832);
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }

  function surface(pen, points, study, last) {
    const { ctx, box } = pen, wide = (box.right - box.left) / CELLS, high = (box.bottom - box.top) / CELLS;
    let sums = new Float64Array(CELLS * CELLS), counts = new Float64Array(CELLS * CELLS);
    for (let k = 0; k < points.n; k++) {
      const column = Math.floor((points.x[k] - box.left) / wide), row = Math.floor((points.y[k] - box.top) / high);
      const cell = Math.max(0, Math.min(CELLS - 1, row)) * CELLS + Math.max(0, Math.min(CELLS - 1, column));
      sums[cell] += study.rank[points.rows[k]] / last;
      counts[cell] += 1;
    }
    for (let k = 0; k < BLURS; k++) [sums, counts] = [blurred(sums), blurred(counts)];
    const most = counts.reduce((a, b) => Math.max(a, b), 0);
    for (let cell = 0; cell < sums.length; cell++) {
      if (counts[cell] < most * 1e-3) continue;
      ctx.globalAlpha = Math.min(1, 0.35 + counts[cell] / most);
      ctx.fillStyle = hpopt.colourOfRank(sums[cell] / counts[cell]);
      ctx.fillRect(box.left + (cell % CELLS) * wide, box.top + Math.floor(cell / CELLS) * high, wide + 0.6, high + 0.6);
    }
    ctx.globalAlpha = 1;
  }

  function blurred(cells) {
    const found = new Float64Array(cells.length);
    for (let row = 0; row < CELLS; row++) {
      for (let column = 0; column < CELLS; column++) {
        for (let down = -1; down <= 1; down++) {
          for (let right = -1; right <= 1; right++) {
            const r = row + down, c = column + right;
            if (r >= 0 && c >= 0 && r < CELLS && c < CELLS) {
              found[row * CELLS + column] += cells[r * CELLS + c] / ((1 + Math.abs(down)) * (1 + Math.abs(right)));
            }
          }
        }
      }
    }
    return found;
  }

  hpopt.charts.pair = pair;
}
