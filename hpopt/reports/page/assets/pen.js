// What charts are drawn with: axes, points, lines.
{
  const { short } = hpopt;
  const LETTER = 6.2; // pixels of a letter of an axis, about
  const SIZE = 12; // of letters, in pixels

  class Pen {
    constructor(ctx, width, height, colours) {
      Object.assign(this, { ctx, width, height, colours });
      this.box = { left: 56, right: width - 14, top: 12, bottom: height - 34 };
      ctx.font = `${SIZE}px ${colours.font}`;
      ctx.lineJoin = ctx.lineCap = "round";
    }

    x(share) { return this.box.left + share * (this.box.right - this.box.left); }
    y(share) { return this.box.bottom - share * (this.box.bottom - this.box.top); }

    /** Draw both axes with their grid; what is outside of them is drawn at the edge. */
    axes(across, up, { xTitle = "", yTitle = "" } = {}) {
      const { ctx, box, colours } = this;
      const widest = this.ticksOf(up, "y").reduce((most, each) => Math.max(most, each.text.length), 1);
      box.left = Math.min(110, 18 + widest * LETTER + (yTitle ? 16 : 0));
      ctx.fillStyle = colours.faint;
      ctx.strokeStyle = colours.grid;
      ctx.lineWidth = 1;
      ctx.textAlign = "right";
      ctx.textBaseline = "middle";
      for (const { value, text } of this.ticksOf(up, "y")) {
        const y = Math.round(this.y(up.share(value))) + 0.5;
        if (y < box.top - 1 || y > box.bottom + 1) continue;
        this.line([[box.left, y], [box.right, y]]);
        ctx.fillText(short(text, 14), box.left - 8, y);
      }
      ctx.textAlign = "center";
      ctx.textBaseline = "top";
      for (const { value, text } of this.ticksOf(across, "x")) {
        const x = this.x(across.share(value));
        if (x < box.left - 1 || x > box.right + 1) continue;
        if (across.kind !== "names") this.line([[Math.round(x) + 0.5, box.bottom], [Math.round(x) + 0.5, box.bottom + 4]]);
        const wide = ctx.measureText(text).width / 2;
        ctx.fillText(text, Math.max(wide, Math.min(this.width - wide, x)), box.bottom + 7);
      }
      this.titles(xTitle, yTitle);
    }

    ticksOf(scale, side) {
      const { box } = this;
      if (side === "y") return scale.ticks(Math.max(2, (box.bottom - box.top) / (scale.kind === "names" ? 18 : 48)));
      return scale.ticks(Math.max(2, (box.right - box.left) / 80));
    }

    titles(xTitle, yTitle) {
      const { ctx, box, colours } = this;
      ctx.fillStyle = colours.faint;
      if (xTitle) {
        ctx.textAlign = "right";
        ctx.textBaseline = "bottom";
        ctx.fillText(short(xTitle, Math.floor((box.right - box.left) / LETTER)), box.right, this.height - 1);
      }
      if (yTitle) {
        ctx.save();
        ctx.translate(10, box.top);
        ctx.rotate(-Math.PI / 2);
        ctx.textAlign = "right";
        ctx.textBaseline = "middle";
        ctx.fillText(short(yTitle, Math.floor((box.bottom - box.top) / LETTER)), 0, 0);
        ctx.restore();
      }
    }

    line(points) {
      const { ctx } = this;
      ctx.beginPath();
      points.forEach(([x, y], k) => (k ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
      ctx.stroke();
    }

    /** Draw points of one colour; those that would cover another to the pixel are left out. */
    dots(points, colour, { size = 5, alpha = 1, hollow = false, among = null } = {}) {
      const { ctx, width, height } = this, drawn = new Uint8Array(width * height);
      ctx.globalAlpha = alpha;
      ctx.fillStyle = ctx.strokeStyle = colour;
      ctx.lineWidth = 1.4;
      const radius = size / 2, isRound = points.n < 20000;
      ctx.beginPath();
      for (let k = 0; k < points.n; k++) {
        if (among && !among[k]) continue;
        const x = points.x[k], y = points.y[k], place = (y | 0) * width + (x | 0);
        if (!(x >= 0 && y >= 0 && x <= width && y <= height) || (drawn[place] && !isRound)) continue;
        drawn[place] = 1;
        if (isRound) {
          ctx.moveTo(x + radius, y);
          ctx.arc(x, y, radius, 0, 6.2832);
        } else ctx.rect(x - radius, y - radius, size, size);
      }
      if (hollow) ctx.stroke();
      else ctx.fill();
      ctx.globalAlpha = 1;
    }

    /** Draw a star-like mark on the best: a ring around a dot. */
    ring(x, y, colour) {
      const { ctx } = this;
      for (const [radius, isFilled] of [[4, true], [8, false]]) {
        ctx.beginPath();
        ctx.arc(x, y, radius, 0, 6.2832);
        ctx.fillStyle = ctx.strokeStyle = colour;
        ctx.lineWidth = 2;
        if (isFilled) ctx.fill();
        else ctx.stroke();
      }
    }

    /** Say in the middle why there is nothing. */
    nothing(text) {
      const { ctx } = this;
      ctx.fillStyle = this.colours.faint;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(text, this.width / 2, this.height / 2);
    }
  }

  /** Points of trials in a chart: where each is, and of which row of the study. */
  class Points {
    constructor(study, most, tell) {
      Object.assign(this, { study, n: 0, say: tell });
      this.x = new Float32Array(most);
      this.y = new Float32Array(most);
      this.rows = new Uint32Array(most);
    }

    add(x, y, row) {
      const k = this.n++;
      this.x[k] = x;
      this.y[k] = y;
      this.rows[k] = row;
    }

    nearest(x, y, reach) {
      let found = -1, least = reach * reach;
      for (let k = 0; k < this.n; k++) {
        const dx = this.x[k] - x, dy = this.y[k] - y, far = dx * dx + dy * dy;
        if (far <= least) [found, least] = [k, far];
      }
      return found;
    }

    /** The next point to the right or left. */
    next(at, step) {
      this.sorted ||= Uint32Array.from({ length: this.n }, (_, k) => k)
        .sort((a, b) => this.x[a] - this.x[b] || a - b);
      if (!this.n) return -1;
      const place = at < 0 ? (step > 0 ? -1 : this.n) : this.sorted.indexOf(at);
      return this.sorted[Math.max(0, Math.min(this.n - 1, place + step))];
    }

    tell(at) {
      const row = this.rows[at];
      return { x: this.x[at], y: this.y[at], text: this.say ? this.say(row) : hpopt.saidOf(this.study, row) };
    }

    open(at) { hpopt.openTrial(this.study, this.rows[at]); }
  }

  /** Say a trial in some lines. */
  function saidOf(study, row, keys = []) {
    const lines = [`trial ${study.numbers[row]}: ${study.statusName(row)}`];
    for (const key of [...study.objectives.map((_, k) => `value ${k}`), ...keys]) {
      const field = study.field(key), text = field && study.text(field, row);
      if (text) lines.push(`${short(field.text, 40)}: ${short(text, 60)}`);
    }
    return lines.join("\n");
  }

  Object.assign(hpopt, { Pen, Points, saidOf });
}
