// A map of values by row and step, as colours. One pixel each, blown up by the canvas: thousands of cells cost little.
import { make } from "./dom.js";
import { count } from "./format.js";

// Dark blue to yellow in even steps of lightness (after cividis), which the colour-blind see as well.
const SCALE = [[0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [200, 184, 102], [254, 232, 56]];

function shade(t) {
  const at = Math.min(0.9999, Math.max(0, t)) * (SCALE.length - 1);
  const [a, b] = [SCALE[Math.floor(at)], SCALE[Math.floor(at) + 1]];
  return a.map((v, i) => v + (b[i] - v) * (at % 1));
}

export class Heatmap {
  constructor(parent, title) {
    this.title = title;
    this.canvas = make("canvas", { className: "map", role: "img" });
    this.rows = make("div", { className: "maprows", "aria-hidden": "true" });
    this.from = make("span");
    this.to = make("span");
    this.readout = make("p", { className: "readout" });
    const steps = make("div", { className: "mapsteps", "aria-hidden": "true" }, this.from, this.to);
    parent.append(make("div", { className: "mapgrid" }, this.rows, this.canvas, steps), this.readout);
    this.canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.canvas.addEventListener("pointerleave", () => { this.readout.textContent = this.note; });
  }

  /**
   * @param steps of the columns
   * @param rows {name, values} each, from top to bottom; a value is null, or 0 (dark) to 1 (bright)
   * @param text a cell's value in words, by row and column
   * @param note what stands beneath while nothing is pointed at
   */
  draw(steps, rows, text, note) {
    this.last = { steps, rows, text };
    this.note = note;
    this.canvas.width = Math.max(1, steps.length);
    this.canvas.height = Math.max(1, rows.length);
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(this.canvas.width, this.canvas.height);
    rows.forEach((row, y) => row.values.forEach((value, x) => {
      if (value === null) return; // stays transparent
      const at = 4 * (y * image.width + x);
      image.data.set([...shade(value), 255], at);
    }));
    context.putImageData(image, 0, 0);
    this.from.textContent = steps.length ? `step ${count(steps[0])}` : "";
    this.to.textContent = steps.length ? count(steps.at(-1)) : "";
    this.canvas.ariaLabel = `${this.title}: ${rows.length} rows, ${steps.length} columns`;
    const most = 14;
    const every = Math.ceil(rows.length / most);
    const key = JSON.stringify(rows.map((row) => row.name));
    if (this.key !== key) {
      this.key = key;
      this.rows.replaceChildren();
      for (let i = 0; i < rows.length; i += every) {
        const label = make("span", { textContent: rows[i].name, title: rows[i].name });
        label.style.flexGrow = Math.min(every, rows.length - i); // as high as the rows that it stands for
        this.rows.append(label);
      }
    }
    if (!this.canvas.matches(":hover")) this.readout.textContent = note;
  }

  #point(event) {
    const { steps, rows, text } = this.last;
    const box = this.canvas.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * steps.length);
    const y = Math.floor(((event.clientY - box.top) / box.height) * rows.length);
    if (rows[y] && steps[x] !== undefined) this.readout.textContent = `${rows[y].name}, step ${count(steps[x])}: ${text(y, x)}`;
  }
}
