// The evolution of one layer, or of the whole model: F between its bounds with their bands, and the gaps relative to F.
import { LineChart } from "./chart.js";
import { percent, ratio, valueOf } from "./format.js";
import { colour } from "./theme.js";

const TRACES = [
  ["upper", "upper bound"], ["fisher", "F"], ["lower", "lower bound"], ["empirical", "empirical (labels)"],
];

/** Ends of the band: the interval of 95 %, else two standard errors. */
function band(figure, side) {
  if (!figure) return null;
  if (figure.interval) return figure.interval[side < 0 ? 0 : 1];
  return figure.standardError === null || figure.standardError === undefined ? null : figure.value + 2 * side * figure.standardError;
}

/** Steps at which another checkpoint came into force. */
export function checkpoints(points) {
  return points.filter((p, i) => i > 0 && p.step !== points[i - 1].step).map((p) => p.batchStep);
}

export class Evolution {
  constructor(traces, gaps) {
    this.traces = new LineChart(traces, "Trace of the Fisher matrix between its bounds");
    this.gaps = new LineChart(gaps, "Gaps of the bounds relative to the trace of F", (v) => percent(v));
  }

  draw(points, layer, log) {
    const x = points.map((p) => p.batchStep);
    const marks = checkpoints(points);
    const figures = points.map((p) => p.figures[layer] ?? null);
    const lines = TRACES.map(([key, label]) => {
      const own = figures.map((f) => f?.trace[key] ?? null);
      return {
        key, label, colour: colour(key), values: own.map(valueOf), dash: key === "empirical" ? [6, 4] : undefined,
        low: own.map((f) => band(f, -1)), high: own.map((f) => band(f, 1)),
      };
    }).filter((line) => line.key === "fisher" || line.values.some((v) => v !== null));
    this.traces.draw(x, lines, { log, marks });
    const relative = (side) => figures.map((f) => ratio(valueOf(f?.gap[side]), valueOf(f?.trace.fisher)));
    this.gaps.draw(x, [
      { key: "upper", label: "(upper − F) / F", colour: colour("upper"), values: relative("upper") },
      { key: "lower", label: "(F − lower) / F", colour: colour("lower"), values: relative("lower") },
    ], { log, marks });
  }
}
