// The table of layers: sortable, filtered by name, with a sparkline each. Rows are kept and refilled, so that hundreds
// of layers cost little. One row is a tab stop; arrow keys go on from there.
import { byId, make, setText } from "./dom.js";
import { count, errorOf, number, percent, ratio, valueOf } from "./format.js";
import { TOTAL } from "./store.js";

const SVG = "http://www.w3.org/2000/svg";

/** A line of a hundred pixels, logarithmic where it can be. */
export function sparkline() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 110 22");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  svg.append(path);
  return { svg, draw: (values) => path.setAttribute("d", outline(values)) };
}

function outline(values) {
  const logs = values.map((v) => (v > 0 ? Math.log(v) : null));
  const known = logs.filter((v) => v !== null);
  if (known.length < 2) return "";
  const low = known.reduce((a, b) => Math.min(a, b));
  const span = known.reduce((a, b) => Math.max(a, b)) - low || 1;
  let path = "";
  let pen = "M";
  logs.forEach((v, i) => {
    if (v === null) {
      pen = "M";
      return;
    }
    path += `${pen}${((i / (logs.length - 1)) * 108 + 1).toFixed(1)} ${(20 - ((v - low) / span) * 18).toFixed(1)}`;
    pen = "L";
  });
  return path;
}

const figure = (name, title, help, value, text = (v) => number(v)) => ({ name, title, help, value, text });
const fisher = (l) => l.trace.fisher;
const COLUMNS = [
  figure("trace", "tr F", "trace of the Fisher matrix over the layer", (l) => valueOf(fisher(l))),
  figure("error", "± SE", "standard error of the trace", (l) => errorOf(fisher(l)), (v) => number(v, 2)),
  figure("share", "share", "share of the whole model's trace", (l, total) => ratio(valueOf(fisher(l)), valueOf(fisher(total))), percent),
  figure("rank", "eff. rank", "effective rank: tr(F)² / tr(F²)", (l) => valueOf(l.effectiveRank), (v) => number(v, 3)),
  figure("top", "top eigenvalue", "largest eigenvalue of F", (l) => valueOf(l.topEigenvalue), (v) => number(v, 3)),
  figure("small", "below 1e-5", "share of diagonal entries below 1e-5", (l) => l.diagonal?.smallShare["1e-05"] ?? null, percent),
  figure("lower", "gap below", "(F − lower) / F", (l) => ratio(valueOf(l.gap.lower), valueOf(fisher(l))), percent),
  figure("upper", "gap above", "(upper − F) / F", (l) => ratio(valueOf(l.gap.upper), valueOf(fisher(l))), percent),
  figure("covered", "covered", "share of parameters that a gradient reaches", (l) => ratio(l.covered, l.parameters), percent),
  figure("parameters", "parameters", "scalar parameters", (l) => l.parameters, count),
];

export class LayerTable {
  #rows = new Map();
  #sort = "trace";
  #down = true;
  #filter = "";
  #order = "";

  constructor(table, choose) {
    this.choose = choose;
    this.head = make("tr", {}, this.#heading("layer", "layer", "name of the layer"),
      make("th", { scope: "col", textContent: "over steps" }),
      ...COLUMNS.map((c) => this.#heading(c.name, c.title, c.help)));
    this.body = make("tbody");
    table.append(make("thead", {}, this.head), this.body);
    this.body.addEventListener("keydown", (event) => this.#keys(event));
    byId("filter").addEventListener("input", (event) => {
      this.#filter = event.target.value.toLowerCase();
      this.#again();
    });
  }

  #heading(name, title, help) {
    const button = make("button", { type: "button", textContent: title, title: help });
    button.addEventListener("click", () => {
      this.#down = this.#sort === name ? !this.#down : name !== "layer";
      this.#sort = name;
      this.#again();
    });
    return make("th", { scope: "col" }, button);
  }

  #again() {
    if (this.last) this.draw(...this.last);
  }

  draw(snapshot, traces, chosen) {
    this.last = [snapshot, traces, chosen];
    const total = snapshot.layers[0];
    const all = snapshot.layers.slice(1);
    const names = new Set(all.map((l) => l.layer));
    for (const [name, row] of this.#rows) {
      if (!names.has(name)) {
        row.tr.remove();
        this.#rows.delete(name);
      }
    }
    for (const layer of all) this.#fill(this.#rows.get(layer.layer) ?? this.#add(layer.layer), layer, total, traces, chosen);
    const shown = this.#sorted(all.filter((l) => l.layer.toLowerCase().includes(this.#filter)), total);
    this.#place(shown.map((l) => l.layer), chosen);
    this.#marks();
    setText(byId("layercount"), shown.length === all.length ? `${count(all.length)} layers` : `${count(shown.length)} of ${count(all.length)} layers`);
  }

  #add(name) {
    const button = make("button", { type: "button", className: "layer", textContent: name, title: name, tabIndex: -1 });
    const spark = sparkline();
    const cells = COLUMNS.map(() => make("td"));
    const tr = make("tr", {}, make("th", { scope: "row" }, button), make("td", {}, spark.svg), ...cells);
    tr.addEventListener("click", () => this.choose(this.last[2] === name ? TOTAL : name));
    const row = { tr, button, cells, spark };
    this.#rows.set(name, row);
    return row;
  }

  #fill(row, layer, total, traces, chosen) {
    COLUMNS.forEach((c, i) => setText(row.cells[i], c.text(c.value(layer, total))));
    const picked = String(layer.layer === chosen);
    if (row.button.ariaPressed !== picked) row.button.ariaPressed = picked;
    row.tr.classList.toggle("chosen", layer.layer === chosen);
    row.spark.draw(traces.layers.get(layer.layer) ?? []);
  }

  /** What is unknown comes last, whichever way the rest goes. */
  #sorted(layers, total) {
    if (this.#sort === "layer") {
      const sorted = layers.sort((a, b) => a.layer.localeCompare(b.layer, "en", { numeric: true }));
      return this.#down ? sorted.reverse() : sorted;
    }
    const { value } = COLUMNS.find((c) => c.name === this.#sort);
    const keyed = layers.map((layer) => ({ layer, key: value(layer, total) }));
    keyed.sort((a, b) => (a.key === null ? 1 : 0) - (b.key === null ? 1 : 0) || (this.#down ? b.key - a.key : a.key - b.key));
    return keyed.map((k) => k.layer);
  }

  #place(names, chosen) {
    const order = JSON.stringify(names);
    if (order === this.#order) return;
    const within = this.body.contains(document.activeElement) ? document.activeElement : null;
    this.#order = order;
    this.body.replaceChildren(...names.map((name) => this.#rows.get(name).tr));
    within?.focus({ preventScroll: true });
    const stop = names.includes(chosen) ? chosen : names[0];
    for (const [name, row] of this.#rows) row.button.tabIndex = name === stop ? 0 : -1;
  }

  #marks() {
    ["layer", null, ...COLUMNS.map((c) => c.name)].forEach((name, i) => {
      const sort = name === this.#sort ? (this.#down ? "descending" : "ascending") : null;
      const cell = this.head.cells[i];
      if (cell.getAttribute("aria-sort") === sort) return;
      sort ? cell.setAttribute("aria-sort", sort) : cell.removeAttribute("aria-sort");
    });
  }

  #keys(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    const buttons = [...this.body.querySelectorAll("button.layer")];
    const at = buttons.indexOf(document.activeElement);
    if (at < 0) return;
    event.preventDefault();
    const next = buttons[Math.min(buttons.length - 1, Math.max(0, at + steps[event.key]))];
    buttons[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}
