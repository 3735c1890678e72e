// What the page knows: of every run its latest summary and its cadence; of the run in view its layers, and its
// evolution for the whole model and the layer in view. Bounded, however long the page stays open.
export const TOTAL = "_total";
const MOST_POINTS = 1200;
const MOST_COLUMNS = 256;
const LEAST_STALE_SECONDS = 60;
const STALE_INTERVALS = 10;

/** Leaves out every second entry of the older half. */
const thinned = (list) => list.filter((_, i) => i >= list.length / 2 || i % 2 === 0);

export class Run {
  constructor(name) {
    this.name = name;
    this.summary = null; // as the stream sent it; layers[0] is the whole model
    this.latest = null; // with all layers, while in view
    this.overview = []; // {attempt, step, time, trace}
    this.points = []; // {attempt, step, batchStep, time, figures: {layer: {trace, gap, density}}}
    this.traces = { steps: [], layers: new Map() };
  }

  get total() { return this.summary.layers[0]; }

  /** "live", "ended", or "stale": silent for ten times its usual interval, and for a minute at least. */
  status(now) {
    if (this.summary.ended) return "ended";
    return now - this.summary.estimateTime > this.staleAfter() ? "stale" : "live";
  }

  staleAfter() {
    const times = this.overview.slice(-20).map((p) => p.time);
    const gaps = times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b);
    const usual = gaps.length ? gaps[gaps.length >> 1] : 0;
    return Math.max(LEAST_STALE_SECONDS, STALE_INTERVALS * usual);
  }

  hearSummary(summary) {
    this.summary = summary;
    const last = this.overview.at(-1);
    if (!last || summary.estimateTime > last.time) this.overview.push(overview(summary, summary.layers));
    if (this.overview.length > MOST_COLUMNS) this.overview = thinned(this.overview);
  }

  hearSnapshot(snapshot, layer) {
    const began = this.summary && snapshot.attempt !== this.summary.attempt;
    this.latest = snapshot;
    this.hearSummary(snapshot);
    const last = this.points.at(-1);
    if (!last || snapshot.estimateTime > last.time) {
      const shown = snapshot.layers.filter((l) => l.layer === TOTAL || l.layer === layer);
      this.points.push(point(snapshot, shown, snapshot.estimateTime));
      if (this.points.length > MOST_POINTS) this.points = thinned(this.points);
      if (began) this.traces = { steps: [], layers: new Map() };
      this.#addTraces(snapshot);
    }
  }

  #addTraces(snapshot) {
    const { steps, layers } = this.traces;
    for (const layer of snapshot.layers) {
      if (!layers.has(layer.layer)) layers.set(layer.layer, steps.map(() => null));
      layers.get(layer.layer).push(layer.trace.fisher ? layer.trace.fisher.value : null);
    }
    steps.push(snapshot.batchStep);
    for (const column of layers.values()) if (column.length < steps.length) column.push(null);
    if (steps.length > MOST_COLUMNS) {
      this.traces = { steps: thinned(steps), layers: new Map([...layers].map(([n, column]) => [n, thinned(column)])) };
    }
  }

  takeOverview(history) {
    const latest = this.overview.at(-1);
    this.overview = history.points.map((p) => overview(p, p.layers));
    if (latest && !(latest.time <= this.overview.at(-1)?.time)) this.overview.push(latest);
  }

  takeHistory(history) {
    const points = history.points.map((p) => point(p, p.layers, p.time));
    const last = points.at(-1);
    this.points = points.concat(this.points.filter((p) => !last || p.time > last.time));
  }

  takeTraces(traces) {
    this.traces = { steps: traces.steps, layers: new Map(Object.entries(traces.layers)) };
  }

  attempts() { return [...new Set(this.points.map((p) => p.attempt))].sort((a, b) => b - a); }

  /** The points of an attempt, by step. */
  attempt(number) {
    return this.points.filter((p) => p.attempt === number).sort((a, b) => a.batchStep - b.batchStep);
  }
}

function overview(p, layers) {
  const fisher = layers.length ? layers[0].trace.fisher : null;
  return { attempt: p.attempt, step: p.batchStep, time: p.time ?? p.estimateTime, trace: fisher ? fisher.value : null };
}

function point(p, layers, time) {
  const figures = {};
  for (const l of layers) {
    figures[l.layer] = { trace: l.trace, gap: l.gap, density: l.density ?? (l.layer === TOTAL ? l.diagonal?.density : null) };
  }
  return { attempt: p.attempt, step: p.step, batchStep: p.batchStep, time, figures };
}

export class Store {
  runs = new Map();

  run(name) {
    if (!this.runs.has(name)) this.runs.set(name, new Run(name));
    return this.runs.get(name);
  }

  /** Forgets the runs that the agent has forgotten. */
  keep(names) {
    for (const name of this.runs.keys()) if (!names.includes(name)) this.runs.delete(name);
  }

  /** Runs by name. */
  list() { return [...this.runs.values()].filter((r) => r.summary).sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true })); }
}
