// A chart in a figure: a canvas that fits it, drawn when it is seen, with a legend, a tooltip, and
// its numbers as a table.
{
  const { el, announce } = hpopt;
  const NAMES = ["ground", "text", "faint", "grid", "trial", "best", "stopped", "failed",
    ...Array.from({ length: 8 }, (_, k) => `series-${k}`)];
  const plots = new Set();
  const REACH = 14; // pixels from a point at which it is meant
  const EMPTY = 44; // pixels of a chart that says why there is nothing
  const MOST_ROWS = 200; // of a table beside a chart

  let colours = null;

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    colours = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    colours.series = NAMES.filter((name) => name.startsWith("series-")).map((name) => colours[name]);
    colours.font = getComputedStyle(document.body).fontFamily;
    colours.isDark = !matchMedia("print").matches && matchMedia("(prefers-color-scheme: dark)").matches;
  }

  /** The colour of a place from the best (0) to the worst (1): the best stands out of the ground. */
  function colourOfRank(share) {
    return `rgb(${rankInRgb(share).join(",")})`;
  }

  function rankInRgb(share) {
    return hpopt.ramp(colours.isDark ? 1 - share : share * 0.92); // yellow is next to nothing on white
  }

  const onSight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      target.plot.isSeen = isIntersecting;
      if (isIntersecting) target.plot.later();
    }
  }, { rootMargin: "300px" });

  const onSize = new ResizeObserver((entries) => {
    for (const { target } of entries) target.plot.redraw();
  });

  class Plot {
    /**
     * In an element: label says what it shows, draw(pen) draws it and may return Points;
     * table() returns {head, rows}, made when it is opened.
     */
    constructor(parent, { label, height = 320, draw, table }) {
      Object.assign(this, { label, height, draw, points: null, at: -1, isDirty: true, isSeen: false });
      this.legendRow = el("div", { class: "legend", "aria-hidden": "true" });
      this.canvas = el("canvas", { tabindex: 0, role: "img", "aria-label": label });
      this.tip = el("div", { class: "tip", hidden: true });
      this.frame = el("div", { class: "canvas" }, this.canvas, this.tip);
      this.frame.style.height = `${height}px`;
      this.frame.plot = this;
      parent.append(this.legendRow, this.frame);
      if (table) parent.append(tableBeside(table));
      this.listen();
      plots.add(this);
      onSight.observe(this.frame);
      onSize.observe(this.frame);
    }

    remove() {
      plots.delete(this);
      onSight.unobserve(this.frame);
      onSize.unobserve(this.frame);
    }

    /** Draw again, when it is seen; in another height, where one is given. */
    redraw(height = this.height) {
      if (height !== this.height) this.frame.style.height = `${height}px`;
      this.height = height;
      this.isDirty = true;
      this.later();
    }

    later() {
      if (!this.isDirty || !this.isSeen || this.isWaiting) return;
      this.isWaiting = true;
      requestAnimationFrame(() => {
        this.isWaiting = false;
        this.now();
      });
    }

    now() {
      const { clientWidth: width, clientHeight: height } = this.frame;
      if (!this.isDirty || !width) return;
      this.isDirty = false;
      if (!colours) readColours();
      const ratio = window.devicePixelRatio || 1, { canvas } = this;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      const ctx = canvas.getContext("2d");
      ctx.scale(ratio, ratio);
      const pen = new hpopt.Pen(ctx, width, height, colours);
      this.points = this.draw(pen) || null;
      this.frame.style.height = `${pen.isEmpty ? EMPTY : this.height}px`; // another one has it drawn again
      canvas.dataset.drawn = "yes";
    }

    /** Say what the marks are: pairs of a mark ("dot trial", "line best") and a text. */
    legend(marks) {
      this.legendRow.replaceChildren(...marks.map(([mark, text, colour]) => {
        const key = el("i", { class: mark });
        key.style.setProperty("--mark", colour || `var(--${mark.split(" ")[1]})`);
        return el("span", {}, key, text);
      }));
    }

    listen() {
      const { canvas } = this;
      canvas.addEventListener("pointermove", (event) => this.point(event));
      canvas.addEventListener("pointerleave", () => this.show(-1));
      canvas.addEventListener("blur", () => this.show(-1));
      canvas.addEventListener("click", (event) => {
        this.point(event);
        this.open();
      });
      canvas.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (step && this.points) {
          this.show(this.points.next(this.at, step));
          event.preventDefault();
        } else if (event.key === "Enter") this.open();
        else if (event.key === "Escape") this.show(-1);
      });
    }

    point(event) {
      if (!this.points) return;
      const box = this.canvas.getBoundingClientRect();
      this.show(this.points.nearest(event.clientX - box.left, event.clientY - box.top, REACH));
    }

    show(at) {
      const { tip, points } = this;
      this.at = at;
      tip.hidden = at < 0 || !points;
      this.canvas.classList.toggle("points", !tip.hidden);
      if (tip.hidden) return;
      const { x, y, text } = points.tell(at);
      tip.textContent = hpopt.legible(text);
      announce(text);
      const left = x > this.frame.clientWidth / 2;
      tip.style.left = left ? "" : `${x + 12}px`;
      tip.style.right = left ? `${this.frame.clientWidth - x + 12}px` : "";
      tip.style.top = `${Math.max(0, y - 12)}px`;
    }

    open() {
      if (this.at >= 0 && this.points) this.points.open(this.at);
    }
  }

  function tableBeside(table) {
    const details = el("details", { class: "data" }, el("summary", {}, "As a table"));
    details.addEventListener("toggle", () => {
      if (!details.open) return;
      const { head, rows } = table();
      const more = rows.length - MOST_ROWS;
      details.replaceChildren(details.firstChild, hpopt.tableOf(head, rows.slice(0, MOST_ROWS)),
        more > 0 ? el("p", { class: "note" }, `${hpopt.counted(more, "more row")}.`) : "");
    });
    return details;
  }

  function redrawAll() {
    readColours();
    for (const plot of plots) plot.redraw();
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
  matchMedia("print").addEventListener("change", () => {
    readColours();
    for (const plot of plots) { // also those that were never seen
      plot.isDirty = true;
      plot.now();
    }
  });

  Object.assign(hpopt, { Plot, colourOfRank, rankInRgb, redrawAll });
}
