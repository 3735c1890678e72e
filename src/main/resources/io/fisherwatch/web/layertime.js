// The trace of F by layer over steps: the largest as lines, all of them as a map.
import { LineChart } from "./chart.js";
import { dataTable } from "./dom.js";
import { count, number } from "./format.js";
import { Heatmap } from "./heatmap.js";
import { TOTAL } from "./store.js";
import { colour } from "./theme.js";

const MOST_LINES = 8;

export class LayerTime {
  #rows = [];
  #steps = [];

  constructor(lines, map) {
    this.lines = new LineChart(lines, "Trace of F by layer");
    this.map = new Heatmap(map, "Trace of F by layer and step");
    this.data = dataTable("Trace of F by layer, latest step", () => ({
      columns: ["layer", `trace at step ${count(this.#steps.at(-1))}`],
      rows: this.#rows.map(([name, values]) => [name, number(values.at(-1))]),
    }));
    map.append(this.data);
  }

  /** @param traces {steps, layers}; chosen: a layer that is always among the lines */
  draw({ steps, layers }, chosen, log) {
    this.#steps = steps;
    this.#rows = [...layers].filter(([name]) => name !== TOTAL);
    // The largest at their peaks, since those do not change places at every step.
    const peaks = this.#rows.map(([name, values]) => [values.reduce((a, b) => Math.max(a, b ?? 0), 0), name]);
    const largest = peaks.sort(([a], [b]) => b - a).slice(0, MOST_LINES).map(([, name]) => name);
    if (chosen !== TOTAL && layers.has(chosen) && !largest.includes(chosen)) largest[largest.length - 1] = chosen;
    const order = this.#rows.map(([name]) => name).filter((name) => largest.includes(name));
    this.lines.draw(steps, order.map((name, i) => (
      { key: name, label: name, colour: colour(`line${i}`), values: layers.get(name), width: name === chosen ? 3.5 : 1.5 }
    )), { log });
    this.#drawMap();
  }

  #drawMap() {
    const all = this.#rows.flatMap(([, values]) => values).filter((v) => v > 0);
    const low = Math.log(all.reduce((a, b) => Math.min(a, b), Infinity));
    const span = Math.log(all.reduce((a, b) => Math.max(a, b), 0)) - low || 1;
    const rows = this.#rows.map(([name, values]) =>
      ({ name, values: values.map((v) => (v > 0 ? (Math.log(v) - low) / span : null)) }));
    const note = all.length ? `dark ${number(Math.exp(low), 3)} to bright ${number(Math.exp(low + span), 3)}, logarithmic; layers in the model's order` : "no data yet";
    this.map.draw(this.#steps, rows, (y, x) => number(this.#rows[y][1][x]), note);
    this.data.refresh();
  }
}
