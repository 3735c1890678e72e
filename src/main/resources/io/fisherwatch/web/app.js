// The live page: joins what the agent tells (api, stream) with what the page shows. The way of the data: the stream's
// snapshots go into the store; once a second at most, every part of the page draws what the store holds.
import { AgentPanel } from "./agent.js";
import { AgentsPanel } from "./agents.js";
import * as api from "./api.js";
import { Density } from "./density.js";
import { byId, make, setOptions, setText } from "./dom.js";
import { Evolution } from "./evolution.js";
import { count, duration, errorOf, layerName, number, percent, ratio, valueOf } from "./format.js";
import { LayerTable } from "./layers.js";
import { LayerTime } from "./layertime.js";
import { RunList } from "./runs.js";
import { Store, TOTAL } from "./store.js";
import { Stream } from "./stream.js";
import { themeButton } from "./theme.js";
import { Trust } from "./trust.js";

const DRAW_MILLIS = 1000;
const AGENT_MILLIS = 5000;
const HISTORY_POINTS = 600;
const SPARK_POINTS = 120;

const query = new URLSearchParams(location.search);
const store = new Store();
let wanted = query.get("run"); // until it has been heard of
let chosen = null;
let layer = query.get("layer") ?? TOTAL;
let connected = false;
let activity = null;
let said = "";

const view = {
  runs: new RunList(byId("runs"), (name) => choose(name)),
  evolution: new Evolution(byId("traces"), byId("gaps")),
  table: new LayerTable(byId("layertable"), (name) => chooseLayer(name)),
  time: new LayerTime(byId("layerlines"), byId("layermap")),
  density: new Density(byId("bars"), byId("densitymap"), byId("densityfacts"), byId("densityof")),
  trust: new Trust(byId("trusttable"), byId("trustfacts")),
  agent: new AgentPanel(byId("agenttable"), byId("agentfacts")),
  agents: new AgentsPanel(byId("agents")),
};

const stream = new Stream({
  connected() {
    connected = true;
    if (chosen) { // what was missed while away
      loadHistory(chosen);
      loadTraces(chosen);
    }
    askAgent();
    schedule();
  },
  lost() {
    connected = false;
    schedule();
  },
  runs(names) {
    store.keep(names);
    if (wanted && !names.includes(wanted)) wanted = null;
    if (chosen && !names.includes(chosen)) chosen = null;
    schedule();
  },
  summary(summary) {
    hear(summary, (run) => run.hearSummary(summary));
  },
  snapshot(snapshot) {
    hear(snapshot, (run) => run.hearSnapshot(snapshot, layer));
  },
});

function hear(snapshot, take) {
  const isNew = !store.runs.has(snapshot.run);
  const run = store.run(snapshot.run);
  take(run);
  if (isNew) api.history(run.name, [TOTAL], SPARK_POINTS).then((h) => { if (h) run.takeOverview(h); schedule(); });
  if (!chosen && (!wanted || wanted === snapshot.run)) choose(snapshot.run);
  schedule();
}

/** Looks at a run from now on; at the same layer, if it has one of that name. */
function choose(name) {
  wanted = null;
  if (name === chosen) return;
  const old = store.runs.get(chosen);
  if (old) Object.assign(old, { latest: null, points: [] });
  chosen = name;
  stream.open(name);
  remember();
  schedule();
}

function chooseLayer(name) {
  layer = name;
  remember();
  loadHistory(chosen);
  drawSoon();
}

function remember() {
  const address = new URL(location.href);
  address.searchParams.set("run", chosen);
  layer === TOTAL ? address.searchParams.delete("layer") : address.searchParams.set("layer", layer);
  history.replaceState(null, "", address);
}

/** What went before, of the layer in view. */
async function loadHistory(name) {
  const wantedLayer = layer;
  const past = await api.history(name, [...new Set([TOTAL, wantedLayer])], HISTORY_POINTS);
  const run = store.runs.get(name);
  if (!past || !run || name !== chosen || layer !== wantedLayer) return; // chosen otherwise meanwhile
  run.takeHistory(past);
  drawSoon();
}

/** What went before, of all layers. */
async function loadTraces(name) {
  const traces = await api.traces(name, SPARK_POINTS);
  const run = store.runs.get(name);
  if (!traces || !run || name !== chosen) return;
  run.takeTraces(traces);
  drawSoon();
}

async function askAgent() {
  if (!connected || document.hidden) return;
  activity = await api.agent();
  view.agent.draw(activity);
  if (!view.agents.absent) view.agents.draw(await api.partitions());
}

let drawn = -Infinity;
let pending = null;
/** Draws soon: at once after a pause, but once a second at most. */
function schedule() {
  pending ??= setTimeout(() => {
    pending = null;
    drawn = performance.now();
    draw();
  }, Math.max(30, drawn + DRAW_MILLIS - performance.now()));
}

function drawSoon() {
  drawn = -Infinity;
  clearTimeout(pending);
  pending = null;
  schedule();
}

function draw() {
  const runs = store.list();
  const run = store.runs.get(chosen);
  view.runs.draw(runs, chosen, api.now());
  setText(byId("runcount"), runs.length ? count(runs.length) : "");
  status(run);
  byId("empty").hidden = runs.length > 0;
  byId("figures").hidden = !run?.latest;
  document.body.classList.toggle("lost", !connected);
  if (!run?.latest) return;
  const { latest } = run;
  if (layer !== TOTAL && !latest.layers.some((l) => l.layer === layer)) {
    layer = TOTAL;
    remember();
  }
  tiles(latest);
  const log = byId("log").checked;
  const points = controls(run);
  view.evolution.draw(points, layer, log);
  view.table.draw(latest, run.traces, layer);
  view.time.draw(run.traces, layer, log);
  view.density.draw(latest, points, layer);
  view.trust.draw(latest, layer);
  for (const part of document.querySelectorAll("[data-of=layer]")) setText(part, layerName(layer));
}

/** Fills the choices above the charts; the points that they leave. */
function controls(run) {
  setText(byId("runname"), run.name);
  setOptions(byId("layer"), run.latest.layers.map((l) => [l.layer, layerName(l.layer)]), layer);
  const attempts = run.attempts();
  const attempt = attempts.includes(Number(byId("attempt").value)) && byId("attempt").dataset.picked === run.name
    ? Number(byId("attempt").value) : run.latest.attempt;
  setOptions(byId("attempt"), attempts.map((a) => [String(a), a === run.latest.attempt ? `${a} (latest)` : String(a)]), String(attempt));
  byId("attempt").parentElement.hidden = attempts.length < 2;
  const points = run.attempt(attempt);
  const last = points.at(-1)?.batchStep ?? 0;
  const from = last - (last - (points[0]?.batchStep ?? 0)) * Number(byId("range").value);
  return points.filter((p) => p.batchStep >= from);
}

/** The pill that everybody sees, and the line that is read out when something changes. */
function status(run) {
  const age = run?.summary ? api.now() - run.summary.estimateTime : null;
  const state = !connected ? "lost" : run?.summary ? run.status(api.now()) : "waiting";
  const ago = age === null ? "" : age < 2 ? "updated just now" : `updated ${duration(age)} ago`;
  const pill = byId("state");
  pill.className = `state ${state}`;
  setText(pill, {
    lost: `agent not reached, trying again${ago ? `; ${ago}` : ""}`,
    waiting: "connected, no run yet", live: ago, ended: `run has ended, ${ago}`, stale: `stale: ${ago}`,
  }[state]);
  const words = {
    lost: "Connection to the agent lost, trying again", waiting: "Connected, no run yet",
    live: `Run ${chosen} is live`, ended: `Run ${chosen} has ended`, stale: `Run ${chosen} is stale`,
  }[state];
  if (words !== said) {
    said = words;
    byId("announce").textContent = words;
  }
}

function tiles(s) {
  const total = s.layers[0];
  const f = total.trace.fisher;
  const small = total.diagonal?.smallShare["1e-05"];
  const gap = (side) => `gap ${percent(ratio(valueOf(total.gap[side]), valueOf(f)))}`;
  const items = [
    ["trace of F", number(valueOf(f)), `± ${number(errorOf(f), 2)}`],
    ["lower bound", number(valueOf(total.trace.lower)), gap("lower")],
    ["upper bound", number(valueOf(total.trace.upper)), gap("upper")],
    ["effective rank", number(valueOf(total.effectiveRank), 3), `± ${number(errorOf(total.effectiveRank), 2)}`],
    ["top eigenvalue", number(valueOf(total.topEigenvalue), 3), `± ${number(errorOf(total.topEigenvalue), 2)}`],
    ["diagonal below 1e-5", percent(small), "of the entries"],
    ["mean top probability", number(s.core.maxProbability, 3), `entropy ${number(s.core.entropy, 3)}`],
    ["checkpoint step", count(s.step), `attempt ${s.attempt}`],
  ];
  const list = byId("tiles");
  while (list.children.length < items.length) list.append(make("div", {}, make("dt"), make("dd"), make("dd", { className: "note" })));
  items.forEach((texts, i) => texts.forEach((text, j) => setText(list.children[i].children[j], text)));
}

byId("log").addEventListener("change", drawSoon);
byId("range").addEventListener("change", drawSoon);
byId("attempt").addEventListener("change", (event) => {
  event.target.dataset.picked = chosen;
  drawSoon();
});
byId("layer").addEventListener("change", (event) => chooseLayer(event.target.value));
addEventListener("themechange", drawSoon);
themeButton(byId("theme"));
setInterval(askAgent, AGENT_MILLIS);
setInterval(() => { // ages grow while nothing comes
  if (!document.hidden) {
    view.runs.draw(store.list(), chosen, api.now());
    status(store.runs.get(chosen));
  }
}, 1000);
stream.open(null);
