// What charts are drawn with: axes, points, lines.
{
  const { short } = hpopt;
  const LETTER = 6.2; // pixels of a letter of an axis, about
  const SIZE = 12; // of letters, in pixels
  const MANY = 8000; // points, from which on a point is a square

  class Pen {
    constructor(ctx, width, height, colours) {
      Object.assign(this, { ctx, width, height, colours });
      this.box = { left: 56, right: width - 14, top: 12, bottom: height - 34 };
      ctx.font = `${SIZE}px ${colours.font}`;
      ctx.lineJoin = ctx.lineCap = "round";
    }

    x(share) { return this.box.left + share * (this.box.right - this.box.left); }
    y(share) { return this.box.bottom - share * (this.box.bottom - this.box.top); }

    /** Draw both axes with their grid; `below` is room between the box and the numbers under it. */
    axes(across, up, { xTitle = "", yTitle = "", below = 0 } = {}) {
      const { ctx, box, colours } = this;
      const widest = Math.max(0, ...this.ticksOf(up, "y").map((each) => ctx.measureText(short(each.text, 14)).width));
      box.left = 14 + widest + (yTitle ? 16 : 0);
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
      const floor = box.bottom + below;
      for (const { value, text } of this.ticksOf(across, "x")) {
        const x = this.x(across.share(value));
        if (x < box.left - 1 || x > box.right + 1) continue;
        if (across.kind !== "names") this.line([[Math.round(x) + 0.5, floor], [Math.round(x) + 0.5, floor + 4]]);
        const wide = ctx.measureText(text).width / 2;
        ctx.fillText(text, Math.max(wide, Math.min(this.width - wide, x)), floor + 7);
      }
      this.titles(xTitle, yTitle);
    }

    ticksOf(scale, side) {
      const { box } = this;
      if (side === "y") return scale.ticks(Math.max(2, (box.bottom - box.top) / (scale.kind === "names" ? 18 : 48)));
      const longest = scale.kind === "names" ? Math.max(...scale.ticks(99).map((each) => each.text.length)) : 9;
      return scale.ticks(Math.max(2, (box.right - box.left) / (longest * LETTER + 14)));
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

    /** Draw points of one colour, as squares where they are many; `among` says which. */
    dots(points, colour, { size = 5, alpha = 1, hollow = false, among = null } = {}) {
      if (points.n > MANY) return this.pixels(points, () => this.rgb(colour), { size, alpha, among });
      const { ctx } = this, radius = size / 2;
      ctx.globalAlpha = alpha;
      ctx.fillStyle = ctx.strokeStyle = colour;
      ctx.lineWidth = 1.4;
      ctx.beginPath();
      for (let k = 0; k < points.n; k++) {
        if (among && !among[k]) continue;
        ctx.moveTo(points.x[k] + radius, points.y[k]);
        ctx.arc(points.x[k], points.y[k], radius, 0, 6.2832);
      }
      if (hollow) ctx.stroke();
      else ctx.fill();
      ctx.globalAlpha = 1;
    }

    /** Draw squares of [red, green, blue] each into an image at once: paths of so many take seconds. */
    pixels(points, colourOf, { size = 2, alpha = 1, among = null } = {}) {
      const { ctx } = this, ratio = ctx.getTransform().a, side = Math.max(1, Math.round(size * ratio));
      const wide = Math.ceil(this.width * ratio), high = Math.ceil(this.height * ratio);
      const image = new ImageData(wide, high), cells = new Uint32Array(image.data.buffer);
      const opaque = Math.round(alpha * 255) << 24;
      let last = null, code = 0;
      for (let k = 0; k < points.n; k++) {
        if (among && !among[k]) continue;
        const rgb = colourOf(k);
        if (rgb !== last) [last, code] = [rgb, opaque | (rgb[2] << 16) | (rgb[1] << 8) | rgb[0]];
        const left = Math.round(points.x[k] * ratio - side / 2), top = Math.round(points.y[k] * ratio - side / 2);
        for (let y = Math.max(0, top); y < Math.min(high, top + side); y++) {
          for (let x = Math.max(0, left); x < Math.min(wide, left + side); x++) cells[y * wide + x] = code;
        }
      }
      const layer = new OffscreenCanvas(wide, high);
      layer.getContext("2d").putImageData(image, 0, 0);
      ctx.drawImage(layer, 0, 0, this.width, this.height);
    }

    /** The parts of a colour as #rrggbb; the same array for the same colour. */
    rgb(colour) {
      this.known ||= new Map();
      if (!this.known.has(colour)) this.known.set(colour, [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
      return this.known.get(colour);
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

    /** Say why there is nothing. */
    nothing(text) {
      const { ctx } = this;
      this.isEmpty = true;
      ctx.fillStyle = this.colours.faint;
      ctx.textAlign = "left";
      ctx.textBaseline = "middle";
      ctx.fillText(text, 0, 20);
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
