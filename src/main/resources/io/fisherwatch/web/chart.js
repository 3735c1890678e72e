// A chart of lines over steps, with bands and marks: uPlot inside, and around it what uPlot lacks: a legend of
// buttons, a cursor for the keyboard, a table of the data. All charts share one cursor.
/* global uPlot */
import { dataTable, make, setText } from "./dom.js";
import { NONE, count, number } from "./format.js";
import { colour } from "./theme.js";

const HEIGHT = 300;
const MOST_ROWS = 200;

/** Pixels that an axis takes for its widest label; labels are null before the first layout. */
const room = (labels) => Math.max(62, 18 + 7 * Math.max(0, ...(labels ?? []).map((label) => label.length)));

export class LineChart {
  #plot = null;
  #key = "";
  #lines = [];
  #x = [];
  #marks = [];
  #hidden = new Set();
  #buttons = new Map();

  /** @param parent an empty element; title: what a screen reader hears; text: how a value is written */
  constructor(parent, title, text = (v) => number(v)) {
    this.title = title;
    this.text = text;
    this.legend = make("div", { className: "legend", role: "group", "aria-label": `${title}: lines shown` });
    this.where = make("span", { className: "where" });
    this.reset = make("button", { type: "button", className: "small", textContent: "Show all steps", hidden: true });
    this.reset.addEventListener("click", () => this.#unzoom());
    this.area = make("div", { className: "plot", tabIndex: 0, role: "img" });
    this.spoken = make("div", { className: "unseen", "aria-live": "polite" });
    this.data = dataTable(title, () => this.#table());
    parent.append(make("div", { className: "legendrow" }, this.legend, this.where, this.reset), this.area, this.spoken, this.data);
    this.area.addEventListener("keydown", (event) => this.#keys(event));
    this.area.addEventListener("dblclick", () => this.#unzoom());
    new ResizeObserver(() => this.#resize()).observe(this.area);
    addEventListener("themechange", () => { this.#key = ""; });
  }

  /**
   * @param x steps, ascending
   * @param lines {key, label, colour, values, low, high, width, dash} each; low and high may be missing
   * @param marks steps at which checkpoints came
   */
  draw(x, lines, { log = true, marks = [] } = {}) {
    const shown = lines.map((line) => (log ? positive(line) : line));
    this.#x = x;
    this.#lines = lines;
    this.#marks = marks;
    const data = [x];
    for (const line of shown) data.push(line.values, line.high ?? blank(x), line.low ?? blank(x));
    const key = JSON.stringify([log, lines.map((l) => [l.key, l.label, l.colour, l.width])]);
    if (key !== this.#key) {
      this.#key = key;
      this.#build(data, log);
    } else {
      this.#plot.setData(data, this.reset.hidden);
      if (!this.reset.hidden) this.#plot.redraw();
    }
    this.#readout(this.#plot.cursor.idx);
    this.#describe();
    this.data.refresh();
  }

  #build(data, log) {
    this.#plot?.destroy();
    this.reset.hidden = true;
    const axis = { stroke: colour("soft"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid") } };
    const series = [{}];
    const bands = [];
    this.#lines.forEach((line, i) => {
      const show = !this.#hidden.has(line.key);
      series.push({ stroke: line.colour, width: line.width ?? 2, dash: line.dash, show, points: { show: (u) => u.data[0].length === 1 } });
      series.push({ width: 0, show, points: { show: false } }, { width: 0, show, points: { show: false } });
      bands.push({ series: [3 * i + 2, 3 * i + 3], fill: `${line.colour}33` });
    });
    this.#plot = new uPlot({
      width: Math.max(200, this.area.clientWidth), height: HEIGHT, series, bands,
      legend: { show: false },
      scales: { x: { time: false }, y: log ? { distr: 3 } : {} },
      axes: [
        { ...axis, size: 34, values: (_, ticks) => ticks.map((t) => count(t)) },
        { ...axis, size: (_, labels) => room(labels), values: (_, ticks) => ticks.map((t) => (t === null ? "" : this.text(t))) },
      ],
      cursor: { sync: { key: "fisherwatch", setSeries: false }, points: { show: true, size: 6 } },
      hooks: {
        setCursor: [(u) => this.#readout(u.cursor.idx)],
        setSelect: [() => { this.reset.hidden = false; }],
        drawClear: [(u) => this.#drawMarks(u)],
      },
    }, data, this.area);
    this.#buttons.clear();
    this.legend.replaceChildren(...this.#lines.map((line, i) => this.#legendButton(line, i)));
  }

  #legendButton(line, i) {
    const swatch = make("span", { className: "swatch", "aria-hidden": "true" });
    swatch.style.background = line.colour;
    const figure = make("span", { className: "figure" });
    const button = make("button", { type: "button", "aria-pressed": String(!this.#hidden.has(line.key)) },
      swatch, make("span", { className: "name", textContent: line.label }), figure);
    button.addEventListener("click", () => {
      const show = this.#hidden.has(line.key);
      show ? this.#hidden.delete(line.key) : this.#hidden.add(line.key);
      button.setAttribute("aria-pressed", String(show));
      for (const s of [3 * i + 1, 3 * i + 2, 3 * i + 3]) this.#plot.setSeries(s, { show });
    });
    this.#buttons.set(line.key, figure);
    return button;
  }

  /** Shows the values under the cursor, or the latest. */
  #readout(index) {
    const i = index ?? this.#x.length - 1;
    setText(this.where, this.#x.length ? `step ${count(this.#x[i])}` : "");
    for (const line of this.#lines) {
      const figure = this.#buttons.get(line.key);
      if (figure) setText(figure, this.text(line.values[i]));
    }
  }

  #drawMarks(u) {
    const { ctx } = u;
    const { left, top, width, height } = u.bbox;
    const inside = this.#marks.filter((x) => x >= u.scales.x.min && x <= u.scales.x.max);
    const crowded = inside.length > width / 24; // then only a tick each, lest the marks hide the lines
    ctx.save();
    ctx.strokeStyle = colour("mark");
    ctx.lineWidth = devicePixelRatio;
    if (!crowded) ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    let last = -Infinity;
    for (const mark of inside) {
      const x = Math.round(u.valToPos(mark, "x", true));
      if (x < left || x > left + width || x - last < 2) continue;
      last = x;
      ctx.moveTo(x, crowded ? top + height - 5 * devicePixelRatio : top);
      ctx.lineTo(x, top + height);
    }
    ctx.stroke();
    ctx.restore();
  }

  #keys(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
    if (event.key === "Escape") this.#unzoom();
    if (!(event.key in steps) || !this.#plot || !this.#x.length) return;
    event.preventDefault();
    const at = this.#plot.cursor.idx ?? this.#x.length - 1;
    const i = Math.min(this.#x.length - 1, Math.max(0, at + steps[event.key]));
    this.#plot.setCursor({ left: this.#plot.valToPos(this.#x[i], "x"), top: HEIGHT / 2 });
    const shown = this.#lines.filter((l) => !this.#hidden.has(l.key));
    this.spoken.textContent = `step ${count(this.#x[i])}: ${shown.map((l) => `${l.label} ${this.text(l.values[i])}`).join(", ")}`;
  }

  #unzoom() {
    this.reset.hidden = true;
    if (this.#plot && this.#x.length) this.#plot.setScale("x", { min: this.#x[0], max: this.#x.at(-1) });
  }

  #resize() {
    const width = this.area.clientWidth;
    if (this.#plot && width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  #describe() {
    const n = this.#x.length;
    const ends = this.#lines.map((l) => `${l.label} ${this.text(l.values.at(-1))}`).join(", ");
    const label = n === 0 ? `${this.title}: no data yet`
      : `${this.title}, steps ${count(this.#x[0])} to ${count(this.#x[n - 1])}; at the end ${ends}. Arrow keys move along the steps.`;
    if (this.area.ariaLabel !== label) this.area.ariaLabel = label;
  }

  #table() {
    const every = Math.max(1, Math.ceil(this.#x.length / MOST_ROWS));
    const rows = [];
    for (let i = this.#x.length - 1; i >= 0; i -= every) {
      rows.push([count(this.#x[i]), ...this.#lines.flatMap((l) => {
        const band = l.low && l.high && l.low[i] !== null ? `${this.text(l.low[i])} to ${this.text(l.high[i])}` : NONE;
        return l.low ? [this.text(l.values[i]), band] : [this.text(l.values[i])];
      })]);
    }
    return { columns: ["step", ...this.#lines.flatMap((l) => (l.low ? [l.label, `${l.label}: band`] : [l.label]))], rows };
  }
}

const blank = (x) => new Array(x.length).fill(null);

/** What a logarithmic scale can show; a band that reaches to 0 or beyond is cut at a tenth of its value. */
function positive(line) {
  const above = (v) => (v > 0 ? v : null);
  return {
    ...line,
    values: line.values.map(above),
    high: line.high?.map(above),
    low: line.low?.map((v, i) => (v === null || !(line.values[i] > 0) ? null : Math.max(v, line.values[i] / 10))),
  };
}
