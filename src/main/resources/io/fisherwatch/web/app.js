// The live page: reads the API once, then follows the stream. Names of runs and layers come from outside and are only
// ever set as text.
const el = (id) => document.getElementById(id);
const TOTAL = "_total";
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#7f7fff"];
const query = new URLSearchParams(location.search);

const runs = new Map(); // name -> {latest, points}
let chosenRun = null;
let chosenLayer = null;
let sortBy = "share";
let descending = true;
let charts = {};
let shownLayers = "";
let lastHeard = 0;
let connected = false;

function theme(name) {
  document.documentElement.dataset.theme = name;
  charts = destroy(charts);
  shownLayers = "";
  draw();
}
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function destroy(all) {
  Object.values(all).forEach((chart) => chart.destroy());
  return {};
}

const number = (value, digits = 4) =>
  value === null || value === undefined ? "–"
    : Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(2)
      : Number(value.toPrecision(digits)).toString();
const count = (value) => value.toLocaleString("en");
const percent = (value) => (value === null || !isFinite(value) ? "–" : `${(100 * value).toPrecision(3)} %`);
const value = (figure) => (figure ? figure.value : null);

function point(snapshot) {
  const layers = {};
  for (const layer of snapshot.layers) {
    layers[layer.layer] = { trace: layer.trace, gap: layer.gap };
  }
  return { attempt: snapshot.attempt, step: snapshot.batchStep, layers };
}

async function load(name) {
  const answer = await fetch(`api/runs/${encodeURIComponent(name)}/history`);
  if (!answer.ok) return;
  const history = await answer.json();
  const run = runs.get(name);
  const points = history.points.map((p) => ({
    attempt: p.attempt, step: p.batchStep,
    layers: Object.fromEntries(p.layers.map((l) => [l.layer, l])),
  }));
  const last = points.length ? points[points.length - 1] : null;
  run.points = last ? points.concat(run.points.filter((p) => p.attempt === last.attempt && p.step > last.step)) : run.points;
  if (name === chosenRun) draw();
}

function heard(snapshot) {
  lastHeard = Date.now();
  let run = runs.get(snapshot.run);
  if (!run) {
    run = { latest: snapshot, points: [] };
    runs.set(snapshot.run, run);
    const option = document.createElement("option");
    option.value = option.textContent = snapshot.run;
    el("run").append(option);
    if (chosenRun === null || query.get("run") === snapshot.run) choose(snapshot.run);
    load(snapshot.run);
  }
  run.latest = snapshot;
  const last = run.points[run.points.length - 1];
  if (!last || last.attempt !== snapshot.attempt || last.step < snapshot.batchStep) run.points.push(point(snapshot));
  if (run.points.length > 4000) run.points = run.points.filter((_, i) => i > 2000 || i % 2 === 0);
  schedule();
}

function choose(name) {
  chosenRun = name;
  el("run").value = name;
  chosenLayer = null;
  charts = destroy(charts);
  shownLayers = "";
  draw();
}

let pending = false;
function schedule() {
  if (pending) return;
  pending = true;
  setTimeout(() => { pending = false; draw(); }, 150);
}

function connect() {
  const stream = new EventSource("api/stream");
  stream.addEventListener("snapshot", (event) => heard(JSON.parse(event.data)));
  stream.onopen = () => { connected = true; status(); };
  stream.onerror = () => {
    connected = false;
    status();
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  };
}

function status() {
  const run = runs.get(chosenRun);
  const age = run ? Math.max(0, Date.now() / 1000 - run.latest.estimateTime) : null;
  const pill = el("state");
  const old = age !== null && age > 60;
  const ended = run && run.latest.ended;
  pill.className = `pill ${!connected ? "stale" : ended ? "" : old ? "stale" : "live"}`;
  pill.textContent = !connected ? "agent not reached, trying again"
    : ended ? "run has ended"
      : age === null ? "connected" : `updated ${age < 2 ? "just now" : duration(age) + " ago"}`;
}
const duration = (s) => (s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`);

function draw() {
  status();
  const run = runs.get(chosenRun);
  el("empty").hidden = Boolean(run);
  el("figures").hidden = !run;
  if (!run) return;
  const attempt = run.points.filter((p) => p.attempt === run.latest.attempt);
  tiles(run.latest);
  totalChart(attempt);
  table(run.latest, attempt);
  layerChart(run.latest, attempt);
  density(run.latest);
}

function tiles(s) {
  const total = s.layers[0];
  const f = total.trace.fisher;
  const ratio = (gap) => (f && total.gap[gap] && f.value > 0 ? total.gap[gap].value / f.value : null);
  const cv = f && f.probeCv !== null ? f.probeCv : null;
  const items = [
    ["trace of F", number(value(f)), f && f.standardError !== null ? `± ${number(f.standardError, 2)}` : ""],
    ["lower bound", number(value(total.trace.lower)), `gap ${percent(ratio("lower"))}`],
    ["upper bound", number(value(total.trace.upper)), `gap ${percent(ratio("upper"))}`],
    ["checkpoint step", count(s.step), s.attempt > 1 ? `attempt ${s.attempt}` : ""],
    ["examples", count(s.examples), `${number(s.effectiveBatches, 3)} batches in force`],
    ["mean top probability", number(s.core.maxProbability, 3), `entropy ${number(s.core.entropy, 3)}`],
    ["probe CV", number(cv, 3), "theory: below √2"],
    ["parameters covered", percent(total.covered / total.parameters), count(total.parameters)],
  ];
  const list = el("tiles");
  while (list.children.length < items.length) {
    const tile = document.createElement("div");
    tile.append(document.createElement("dt"), document.createElement("dd"));
    list.append(tile);
  }
  items.forEach(([name, text, note], i) => {
    const [dt, dd] = list.children[i].children;
    dt.textContent = name;
    dd.textContent = `${text} `;
    const small = document.createElement("small");
    small.textContent = note;
    dd.append(small);
  });
}

function band(points, layer, estimate) {
  const figures = points.map((p) => (p.layers[layer] ? p.layers[layer].trace[estimate] : null));
  const positive = (v) => (v > 0 || !el("log").checked ? v : null);
  return [
    figures.map((f) => (f ? positive(f.value) : null)),
    figures.map((f) => (f && f.standardError !== null ? positive(f.value + 2 * f.standardError) : null)),
    figures.map((f) => (f && f.standardError !== null ? positive(Math.max(f.value - 2 * f.standardError, f.value / 20)) : null)),
  ];
}

function options(parent, series, bands) {
  const log = el("log").checked;
  const axis = { stroke: css("--soft"), grid: { stroke: css("--grid"), width: 1 }, ticks: { stroke: css("--grid") } };
  return {
    width: Math.max(240, parent.clientWidth), height: 300, series, bands,
    scales: { x: { time: false }, y: log ? { distr: 3 } : {} },
    axes: [
      { ...axis, label: "step", labelSize: 20, size: 34 },
      { ...axis, size: 64, values: (_, ticks) => ticks.map((t) => (t === null ? "" : number(t, 3))) },
    ],
    legend: { live: true },
  };
}
const line = (label, color, width = 2) =>
  ({ label, stroke: color, width, points: { show: false }, value: (_, v) => number(v) });
const edge = (color) => ({ stroke: "transparent", points: { show: false }, width: 0, label: "", class: "edge", color });

function totalChart(points) {
  const parts = ["upper", "fisher", "lower"];
  const data = [points.map((p) => p.step)];
  parts.forEach((part) => data.push(...band(points, TOTAL, part)));
  if (!charts.total) {
    const series = [{ label: "step" }];
    const bands = [];
    parts.forEach((part, i) => {
      const color = css(`--${part}`);
      series.push(line(part === "fisher" ? "F" : part, color), edge(color), edge(color));
      bands.push({ series: [3 * i + 2, 3 * i + 3], fill: `${color}30` });
    });
    charts.total = new uPlot(options(el("total"), series, bands), data, el("total"));
    hideEdges(el("total"));
  } else charts.total.setData(data);
}

function layerChart(snapshot, points) {
  const names = snapshot.layers.slice(1).map((l) => l.layer);
  const shown = names.slice().sort((a, b) => share(snapshot, b) - share(snapshot, a)).slice(0, 8);
  if (chosenLayer && !shown.includes(chosenLayer)) shown[shown.length - 1] = chosenLayer;
  const ordered = names.filter((n) => shown.includes(n));
  const key = JSON.stringify([ordered, chosenLayer]);
  const data = [points.map((p) => p.step)];
  ordered.forEach((name) => data.push(band(points, name, "fisher")[0]));
  const chosen = chosenLayer || ordered[0];
  data.push(...band(points, chosen, "fisher").slice(1));
  if (key !== shownLayers) {
    if (charts.layers) charts.layers.destroy();
    shownLayers = key;
    const series = [{ label: "step" }];
    ordered.forEach((name, i) => series.push(line(name, PALETTE[i % PALETTE.length], name === chosen ? 3 : 1.5)));
    const color = PALETTE[ordered.indexOf(chosen) % PALETTE.length];
    series.push(edge(color), edge(color));
    const bands = [{ series: [ordered.length + 1, ordered.length + 2], fill: `${color}30` }];
    charts.layers = new uPlot(options(el("layers"), series, bands), data, el("layers"));
    hideEdges(el("layers"));
  } else charts.layers.setData(data);
}
function hideEdges(parent) {
  parent.querySelectorAll(".u-legend .edge").forEach((row) => { row.style.display = "none"; });
}

const layerOf = (snapshot, name) => snapshot.layers.find((l) => l.layer === name);
function share(snapshot, name) {
  const total = value(snapshot.layers[0].trace.fisher);
  const own = value(layerOf(snapshot, name).trace.fisher);
  return total > 0 && own !== null ? own / total : 0;
}

const COLUMNS = [
  ["layer", "layer", (l) => l.layer, (l) => l.layer],
  ["parameters", "parameters", (l) => l.parameters, (l) => count(l.parameters)],
  ["trace", "tr F", (l) => value(l.trace.fisher), (l) => number(value(l.trace.fisher))],
  ["error", "± SE", (l) => (l.trace.fisher ? l.trace.fisher.standardError : null),
    (l) => (l.trace.fisher ? number(l.trace.fisher.standardError, 2) : "–")],
  ["share", "share", (l, s) => share(s, l.layer), (l, s) => percent(share(s, l.layer))],
  ["below", "gap below", (l) => value(l.gap.lower), (l) => relative(l, "lower")],
  ["above", "gap above", (l) => value(l.gap.upper), (l) => relative(l, "upper")],
  ["small", "below 1e-5", (l) => (l.diagonal ? l.diagonal.smallShare["1e-05"] : null),
    (l) => (l.diagonal ? percent(l.diagonal.smallShare["1e-05"]) : "–")],
  ["covered", "covered", (l) => l.covered / l.parameters, (l) => percent(l.covered / l.parameters)],
  ["spark", "tr F over steps", null, null],
];
function relative(layer, side) {
  const f = value(layer.trace.fisher);
  const gap = value(layer.gap[side]);
  return f > 0 && gap !== null ? percent(gap / f) : "–";
}

function table(snapshot, points) {
  const head = el("table").tHead.rows[0];
  if (!head.cells.length) {
    COLUMNS.forEach(([key, title]) => {
      const cell = document.createElement("th");
      cell.scope = "col";
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = title;
      button.addEventListener("click", () => {
        if (key === "spark") return;
        descending = sortBy === key ? !descending : key !== "layer";
        sortBy = key;
        draw();
      });
      cell.append(button);
      head.append(cell);
    });
  }
  COLUMNS.forEach(([key], i) => {
    head.cells[i].ariaSort = key === sortBy ? (descending ? "descending" : "ascending") : "none";
  });
  const by = COLUMNS.find(([key]) => key === sortBy)[2];
  const layers = snapshot.layers.slice(1).sort((a, b) => {
    const [x, y] = [by(a, snapshot), by(b, snapshot)];
    const order = typeof x === "string" ? x.localeCompare(y) : (x ?? -1) - (y ?? -1);
    return descending ? -order : order;
  });
  const body = el("table").tBodies[0];
  const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.layer : null;
  body.replaceChildren(...layers.map((layer) => row(layer, snapshot, points)));
  if (focused) [...body.rows].filter((r) => r.dataset.layer === focused).forEach((r) => r.focus());
}

function row(layer, snapshot, points) {
  const tr = document.createElement("tr");
  tr.tabIndex = 0;
  tr.dataset.layer = layer.layer;
  tr.ariaSelected = String(layer.layer === chosenLayer);
  COLUMNS.forEach(([key, , , text]) => {
    const cell = tr.insertCell();
    if (key === "spark") cell.append(spark(points.map((p) => value(p.layers[layer.layer] && p.layers[layer.layer].trace.fisher))));
    else cell.textContent = text(layer, snapshot);
  });
  const pick = () => { chosenLayer = layer.layer; draw(); };
  tr.addEventListener("click", pick);
  tr.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(); }
  });
  return tr;
}

function spark(values) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 110 22");
  svg.setAttribute("aria-hidden", "true");
  const logs = values.map((v) => (v > 0 ? Math.log(v) : null));
  const known = logs.filter((v) => v !== null);
  if (known.length > 1) {
    const low = Math.min(...known);
    const span = Math.max(...known) - low || 1;
    let path = "";
    logs.forEach((v, i) => {
      if (v === null) return;
      path += `${path ? "L" : "M"}${((i / (logs.length - 1)) * 108 + 1).toFixed(1)} ${(20 - ((v - low) / span) * 18).toFixed(1)}`;
    });
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", path);
    svg.append(line);
  }
  return svg;
}

function density(snapshot) {
  const layer = (chosenLayer && layerOf(snapshot, chosenLayer)) || snapshot.layers[0];
  const place = (name) => ({ zero: -100, under: -99, over: 99 })[name] ?? Number(name);
  const shares = layer.diagonal
    ? Object.entries(layer.diagonal.density).sort(([a], [b]) => place(a) - place(b)) // integer keys come first otherwise
    : [];
  el("densityof").textContent = layer.layer === TOTAL ? "whole model" : layer.layer;
  const used = shares.map(([, s]) => s > 0);
  const first = Math.max(1, used.indexOf(true, 1) - 1);
  const last = Math.max(first, used.lastIndexOf(true) + 1);
  const visible = shares.filter(([name], i) => name === "zero" || (i >= first && i <= last));
  const most = Math.max(...visible.map(([, s]) => s), 1e-9);
  el("density").replaceChildren(...visible.map(([name, s]) => {
    const bar = document.createElement("div");
    bar.style.height = `${(100 * s) / most}%`;
    bar.title = `${name === "zero" || name === "under" || name === "over" ? name : `1e${name} to 1e${Number(name) + 1}`}: ${percent(s)}`;
    const label = document.createElement("span");
    label.textContent = /^-?\d+$/.test(name) ? `1e${name}` : name;
    bar.append(label);
    return bar;
  }));
  el("density").ariaLabel = visible.map(([name, s]) => `${name}: ${percent(s)}`).join(", ");
}

el("run").addEventListener("change", (event) => choose(event.target.value));
el("log").addEventListener("change", () => { charts = destroy(charts); shownLayers = ""; draw(); });
el("theme").addEventListener("click", () =>
  theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
addEventListener("resize", () => { charts = destroy(charts); shownLayers = ""; schedule(); });
setInterval(status, 1000);
theme(query.get("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
connect();
