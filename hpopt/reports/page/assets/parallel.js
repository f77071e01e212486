// Parallel coordinates: a line a trial through its parameters to its values, brushed to filter.
{
  const { el, Plot, Points, state, short, counted } = hpopt;
  const MOST_LINES = 1500, OF_THE_BEST = 150; // more lines are one grey area, and take time
  const ROOM = 84; // pixels of an axis at least
  const NEAR = 18; // pixels from an axis at which it is meant
  const SPREAD = 0.5; // of the room of a choice, so that its lines stand apart
  const BELOW = 16; // pixels below an axis where trials are that do not have the parameter

  function parallel(figure) {
    const chosen = { keys: null };
    const controls = el("div", { class: "controls" });
    figure.append(controls);
    const plot = new Plot(figure, {
      label: "A line for each trial through its parameters to its value. Drag along an axis to keep trials of "
        + "that range; the filters below do the same by keyboard.",
      height: 400, draw: (pen) => draw(pen, plot, chosen),
    });
    const note = el("p", { class: "note" });
    figure.append(note);
    plot.note = note;
    brushing(plot);
    const refresh = (what) => {
      if (what === "data") {
        chosen.keys = null;
        controls.replaceChildren(axisChoice(chosen, plot));
      }
      plot.redraw();
    };
    refresh("data");
    state.follow(refresh);
  }

  function axisChoice(chosen, plot) {
    const fields = state.study.fields.filter((each) => each.isParameter || each.isValue || each.key === "seconds");
    const box = el("div", { class: "boxes" });
    const fill = () => {
      const shown = new Set(keysShown(chosen, plot.frame.clientWidth || 900));
      box.replaceChildren(...fields.map((field) => el("label", {}, el("input", {
        type: "checkbox", checked: shown.has(field.key),
        onchange: (event) => {
          if (event.target.checked) shown.add(field.key);
          else shown.delete(field.key);
          chosen.keys = fields.map((each) => each.key).filter((key) => shown.has(key));
          plot.redraw();
        },
      }), ` ${short(field.text, 40)}`)));
    };
    return el("details", { class: "choose", ontoggle: fill }, el("summary", {}, "Choose axes"), box);
  }

  /** The axes: by default as many parameters as there is room for, the most important ones. */
  function keysShown(chosen, width) {
    if (chosen.keys) return chosen.keys;
    const { study } = state, values = study.objectives.map((_, k) => `value ${k}`);
    const room = Math.max(2, Math.floor((width - 80) / ROOM) + 1 - values.length);
    const keys = new Set(study.byImportance.slice(0, room).map((k) => `column ${k}`));
    return [...study.columns.map((_, k) => `column ${k}`).filter((key) => keys.has(key)), ...values];
  }

  function draw(pen, plot, chosen) {
    const { study } = state, fields = keysShown(chosen, pen.width).map((key) => study.field(key));
    plot.axes = [];
    if (!study.order.length || fields.length < 2) return pen.nothing("No trial has values yet.");
    pen.box = { left: 46, right: pen.width - 46, top: 34, bottom: pen.height - 44 };
    plot.pen = pen;
    plot.axes = fields.map((field, k) => ({
      field, values: study.array(field.key), scale: hpopt.scaleOfField(study, field),
      x: pen.x(k / (fields.length - 1)),
    }));
    const { lit, unlit, nLit } = rowsShown(study);
    pen.ctx.lineWidth = 1;
    lines(pen, plot.axes, unlit, () => pen.colours.grid, () => 0.7);
    const last = Math.max(1, study.order.length - 1);
    const shareOf = (row) => study.rank[row] / last, faintest = lit.length > 300 ? 0.12 : 0.4;
    lines(pen, plot.axes, lit, (row) => hpopt.colourOfRank(shareOf(row)), (row) => faintest + 0.6 * (1 - shareOf(row)) ** 3);
    if (study.bestRow >= 0 && state.passes[study.bestRow]) {
      pen.ctx.lineWidth = 3;
      lines(pen, plot.axes, [study.bestRow], () => pen.colours.best, () => 1);
    }
    plot.axes.forEach((axis, k) => drawAxis(pen, axis, k, plot.axes.length));
    plot.note.textContent = lit.length < nLit
      ? `Of ${counted(nLit, "trial")}, the best and an even sample are drawn: ${lit.length.toLocaleString("en")} lines.` : "";
    plot.legend([["line best", "the best"], ["ramp", "from the best to the worst, by rank"]]);
    return pickable(pen, plot.axes, study, lit);
  }

  /** The rows to draw, the worst first: of those that pass, and of the others. */
  function rowsShown(study) {
    const lit = [], unlit = [];
    for (const row of study.order) (state.passes[row] ? lit : unlit).push(row);
    return { lit: sample(lit, MOST_LINES).reverse(), unlit: sample(unlit, MOST_LINES / 3), nLit: lit.length };
  }

  function sample(rows, most) {
    if (rows.length <= most) return rows.slice();
    const best = rows.slice(0, OF_THE_BEST), n = most - OF_THE_BEST, rest = rows.length - OF_THE_BEST;
    return best.concat(Array.from({ length: n }, (_, k) => rows[OF_THE_BEST + Math.floor((k * rest) / n)]));
  }

  function heightOf(pen, axis, row) {
    const value = axis.values[row];
    if (Number.isNaN(value)) return pen.box.bottom + BELOW;
    const spread = axis.field.names ? (((state.study.numbers[row] * 0.618) % 1) - 0.5) * SPREAD : 0;
    return pen.y(Math.max(-0.02, Math.min(1.02, axis.scale.share(value + spread))));
  }

  function lines(pen, axes, rows, colour, alpha) {
    const { ctx } = pen;
    for (const row of rows) {
      ctx.globalAlpha = alpha(row);
      ctx.strokeStyle = colour(row);
      ctx.beginPath();
      axes.forEach((axis, k) => {
        const y = heightOf(pen, axis, row);
        if (k) ctx.lineTo(axis.x, y);
        else ctx.moveTo(axis.x, y);
      });
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
  }

  function drawAxis(pen, axis, k, n) {
    const { ctx, box, colours } = pen, room = (box.right - box.left) / (n - 1);
    ctx.strokeStyle = colours.faint;
    ctx.lineWidth = 1;
    pen.line([[axis.x, box.top], [axis.x, box.bottom]]);
    ctx.textBaseline = "bottom";
    ctx.textAlign = k === 0 ? "left" : k === n - 1 ? "right" : "center";
    const edge = k === 0 ? 2 : k === n - 1 ? pen.width - 2 : axis.x;
    ctx.fillStyle = axis.field.isValue ? colours.best : colours.text;
    ctx.fillText(short(axis.field.text, Math.max(6, Math.floor(room / 7.2))), edge, box.top - 12);
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (const { value, text } of axis.scale.ticks(6)) {
      const y = pen.y(axis.scale.share(value));
      if (y < box.top - 1 || y > box.bottom + 1) continue;
      label(pen, short(text, Math.max(4, Math.floor(room / 8))), axis.x, y);
    }
    if (axis.field.column && !axis.field.column.always) {
      label(pen, "not used", axis.x, box.bottom + BELOW);
    }
    const filter = state.filters.get(axis.field.key);
    if (filter) drawBrush(pen, axis, filter);
  }

  function label(pen, text, x, y) {
    const { ctx, colours } = pen, wide = ctx.measureText(text).width / 2 + 3;
    ctx.fillStyle = colours.ground;
    ctx.globalAlpha = 0.8;
    ctx.fillRect(x - wide, y - 7, 2 * wide, 14);
    ctx.globalAlpha = 1;
    ctx.fillStyle = colours.text;
    ctx.fillText(text, x, y + 0.5);
  }

  function drawBrush(pen, axis, { low, high, among }) {
    const { ctx, colours } = pen;
    const ranges = among ? [...among].map((code) => [code - 0.4, code + 0.4]) : [[low, high]];
    ctx.fillStyle = ctx.strokeStyle = colours.best;
    for (const [from, to] of ranges) {
      const top = pen.y(Math.min(1.03, axis.scale.share(to))), bottom = pen.y(Math.max(-0.03, axis.scale.share(from)));
      ctx.globalAlpha = 0.18;
      ctx.fillRect(axis.x - 9, top, 18, bottom - top);
      ctx.globalAlpha = 1;
      ctx.lineWidth = 1.5;
      ctx.strokeRect(axis.x - 9, top, 18, bottom - top);
    }
  }

  function pickable(pen, axes, study, rows) {
    const points = new Points(study, rows.length * axes.length, (row) => hpopt.saidOf(study, row, axes.map((axis) => axis.field.key).filter((key) => key.startsWith("column"))));
    for (const row of rows) for (const axis of axes) points.add(axis.x, heightOf(pen, axis, row), row);
    return points;
  }

  function brushing(plot) {
    const { canvas } = plot;
    let axis = null, from = 0, isMoved = false;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("pointerdown", (event) => {
      const [x, y] = place(event);
      axis = (plot.axes || []).find((each) => Math.abs(each.x - x) < NEAR) || null;
      [from, isMoved] = [y, false];
      if (axis) canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = place(event);
      canvas.classList.toggle("axis", Boolean(axis || (plot.axes || []).some((each) => Math.abs(each.x - x) < NEAR)));
      if (!axis || (!isMoved && Math.abs(y - from) < 4)) return;
      isMoved = true;
      state.filter(axis.field.key, rangeOf(plot.pen, axis, from, y));
    });
    canvas.addEventListener("pointerup", () => {
      if (axis && !isMoved && state.filters.has(axis.field.key)) state.filter(axis.field.key, null);
      plot.isBrushed = isMoved;
      axis = null;
    });
    canvas.addEventListener("click", (event) => {
      if (plot.isBrushed) event.stopImmediatePropagation();
      plot.isBrushed = false;
    }, { capture: true });
  }

  function rangeOf(pen, axis, from, to) {
    const { box } = pen, share = (y) => (box.bottom - y) / (box.bottom - box.top);
    const [low, high] = [share(Math.max(from, to)), share(Math.min(from, to))];
    if (!axis.field.names) {
      return { low: low <= 0 ? -Infinity : axis.scale.at(low), high: high >= 1 ? Infinity : axis.scale.at(high) };
    }
    const within = axis.field.names.map((_, code) => code)
      .filter((code) => axis.scale.share(code) >= low && axis.scale.share(code) <= high);
    return { among: new Set(within) };
  }

  hpopt.charts.parallel = parallel;
}
