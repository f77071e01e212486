// How much each parameter matters, with the interval in which it lies.
{
  const { el, Plot, Scale, state, digits, short } = hpopt;
  const ROW = 24, AROUND = 40; // pixels of a bar with its name, and of the axis
  const MOST = 20; // bars: the rest matters less than any of these

  function importance(figure) {
    const chosen = { objective: 0 }, controls = el("div", { class: "controls" });
    const shown = () => state.study.matteredTo(chosen.objective).shares.slice(0, MOST);
    figure.append(controls);
    const plot = new Plot(figure, {
      label: "How much each parameter matters, as a share of the variance of the values.",
      height: AROUND + ROW * Math.max(1, shown().length), draw: (pen) => draw(pen, shown()), table: () => asTable(shown()),
    });
    const height = () => AROUND + ROW * Math.max(1, shown().length), redraw = () => plot.redraw(height());
    hpopt.chooseObjective(controls, chosen, redraw);
    state.follow(redraw);
  }

  function draw(pen, bars) {
    if (!bars.length) return pen.nothing("Too few trials have values to tell.");
    const { ctx, box, colours } = pen;
    const names = bars.map((each) => short(each.name, 28));
    box.left = Math.min(pen.width * 0.45, 16 + Math.max(...names.map((name) => ctx.measureText(name).width)));
    const highest = Math.max(...bars.map((each) => each.high));
    const x = new Scale(0, Math.min(1, Math.max(0.05, highest * 1.05)));
    box.right = pen.width - 30;
    ctx.textBaseline = "top";
    ctx.textAlign = "center";
    for (const { value, text } of x.ticks(Math.max(2, (box.right - box.left) / 90))) {
      const across = Math.round(pen.x(x.share(value))) + 0.5;
      ctx.strokeStyle = colours.grid;
      pen.line([[across, box.top], [across, box.bottom]]);
      ctx.fillStyle = colours.faint;
      ctx.fillText(`${digits(Number(text) * 100)} %`, across, box.bottom + 6);
    }
    ctx.textBaseline = "middle";
    const step = (box.bottom - box.top) / bars.length;
    bars.forEach((each, k) => {
      const y = box.top + (k + 0.5) * step, end = pen.x(x.share(each.share));
      ctx.fillStyle = colours.text;
      ctx.textAlign = "right";
      ctx.fillText(names[k], box.left - 8, y);
      ctx.fillStyle = colours.trial;
      ctx.fillRect(box.left, y - 7, Math.max(1, end - box.left), 14);
      ctx.strokeStyle = colours.text;
      ctx.lineWidth = 1.4;
      const [from, to] = [pen.x(x.share(Math.max(0, each.low))), pen.x(x.share(each.high))];
      pen.line([[from, y], [to, y]]);
      pen.line([[from, y - 4], [from, y + 4]]);
      pen.line([[to, y - 4], [to, y + 4]]);
    });
    return null;
  }

  function asTable(bars) {
    const percent = (share) => `${digits(Number((share * 100).toPrecision(3)))} %`;
    return {
      head: ["parameter", "share", "from", "to"],
      rows: bars.map((each) => [each.name, percent(each.share),
        percent(each.low), percent(each.high)]),
    };
  }

  hpopt.charts.importance = importance;
}
