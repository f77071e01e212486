// When each trial ran, and where: a row a worker.
{
  const { Plot, Scale, state, duration, digits, short } = hpopt;
  const LANE = 34, AROUND = 50, HIGHEST = 480; // pixels of a row, of the axis, and of all
  const MOST_LANES = 64; // of more workers, a row has less than four pixels

  function timeline(figure) {
    const height = () => Math.min(HIGHEST, AROUND + LANE * lanesOf(state.study).n);
    const plot = new Plot(figure, {
      label: "When each trial ran, by worker.", height: height(), draw: (pen) => draw(pen, plot), table: asTable,
    });
    state.follow(() => plot.redraw(height()));
  }

  /** The rows of each trial: of its worker, or where workers are not known the first free one. */
  function lanesOf(study) { return study.once("lanes", () => findLanes(study)); }

  function findLanes(study) {
    const started = study.array("started"), seconds = study.array("seconds"), worker = study.array("worker");
    const rows = Array.from(started.keys()).filter((k) => started[k] > 0 && Number.isFinite(seconds[k]));
    const isKnown = rows.some((k) => !Number.isNaN(worker[k])), lane = new Map();
    rows.sort((a, b) => started[a] - started[b]);
    const ends = [];
    for (const k of rows) {
      let place = isKnown ? (Number.isNaN(worker[k]) ? study.workers.length : worker[k])
        : ends.findIndex((end) => end <= started[k] + 1e-3);
      if (place < 0) place = ends.length < MOST_LANES ? ends.length : MOST_LANES - 1;
      ends[place] = started[k] + seconds[k];
      lane.set(k, place);
    }
    const n = Math.max(0, ...lane.values()) + 1;
    const names = Array.from({ length: n }, (_, k) => (isKnown ? study.workers[k] ?? "not known" : `${k + 1}`));
    return { rows, lane, n, names, isKnown, started, seconds };
  }

  function draw(pen, plot) {
    const { study } = state, { rows, lane, n, names, started, seconds } = lanesOf(study);
    if (!rows.length) return pen.nothing("No trial says when it ran.");
    const { ctx, box, colours } = pen, first = started[rows[0]];
    const last = rows.reduce((most, k) => Math.max(most, started[k] + seconds[k]), first);
    const x = new Scale(0, Math.max(1e-6, last - first), "time");
    const y = new Scale(0, n - 1, "names", names.map((name) => short(name, 16)).reverse());
    pen.axes(x, y, { xTitle: "time since the first trial began" });
    const points = new hpopt.Points(study, rows.length, (row) => `${hpopt.saidOf(study, row)}\n${duration(seconds[row])}`);
    const step = (box.bottom - box.top) / n, high = Math.max(1, step * 0.72), filled = new Uint8Array(n * Math.ceil(pen.width));
    for (const k of rows) {
      const left = pen.x(x.share(started[k] - first)), right = pen.x(x.share(started[k] + seconds[k] - first));
      const up = box.top + lane.get(k) * step + (step - high) / 2, pixel = lane.get(k) * Math.ceil(pen.width) + Math.floor(right);
      points.add((left + right) / 2, up + high / 2, k);
      const isFailure = !study.ok[k];
      if (right - left < 1 && filled[pixel] && !isFailure) continue;
      filled[pixel] = 1;
      ctx.globalAlpha = state.passes[k] ? 0.9 : 0.25;
      ctx.fillStyle = k === study.bestRow ? colours.best : isFailure ? colours.failed
        : study.statusName(k) === "stopped" ? colours.stopped : colours.trial;
      ctx.fillRect(left, up, Math.max(0.6, right - left - (right - left > 4 ? 1 : 0)), high);
    }
    ctx.globalAlpha = 1;
    plot.legend([["dot best", "the best"], ["dot trial", "complete"], ["dot stopped", "stopped early"], ["dot failed", "without values"]]);
    return points;
  }

  function asTable() {
    const { study } = state, { rows, lane, n, names, started, seconds } = lanesOf(study);
    const busy = new Float64Array(n), trials = new Float64Array(n);
    let first = Infinity, last = -Infinity;
    for (const k of rows) {
      busy[lane.get(k)] += seconds[k];
      trials[lane.get(k)] += 1;
      first = Math.min(first, started[k]);
      last = Math.max(last, started[k] + seconds[k]);
    }
    const share = (k) => `${digits(Math.round((busy[k] / Math.max(1e-9, last - first)) * 100))} %`;
    return {
      head: ["worker", "trials", "busy", "of the time"],
      rows: names.map((name, k) => [name, String(trials[k]), duration(busy[k]), share(k)]),
    };
  }

  hpopt.charts.timeline = timeline;
}
