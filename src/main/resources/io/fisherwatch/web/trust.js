// How far to trust the figures: errors and where they come from, the probes' variation against its bound, what is
// covered, and what the estimator chose and why.
import { fillTable, make, setText } from "./dom.js";
import { NONE, count, errorOf, number, percent, ratio, valueOf } from "./format.js";

const ESTIMATES = [["upper", "upper bound"], ["fisher", "F"], ["lower", "lower bound"], ["empirical", "empirical"]];

/** The coefficient of variation of one probe, with its own error, against the √2 that theory allows. */
function variation(figure) {
  if (!figure || figure.probeCv === null) return NONE;
  const error = figure.probeCvStandardError;
  const beyond = error === null ? 0 : (figure.probeCv - Math.SQRT2) / error;
  const verdict = figure.probeCv <= Math.SQRT2 ? "below √2" : beyond > 4 ? "above √2" : "√2 within its error";
  return `${number(figure.probeCv, 3)} ± ${number(error, 2)} (${verdict})`;
}

const interval = (figure) => (figure?.interval ? figure.interval.map((v) => number(v, 3)).join(" to ") : NONE);

export class Trust {
  constructor(table, facts) {
    this.table = table;
    this.facts = facts;
  }

  draw(snapshot, layer) {
    const figures = snapshot.layers.find((l) => l.layer === layer) ?? snapshot.layers[0];
    fillTable(this.table, ["trace of", "value", "± standard error", "relative", "95 % interval", "probes' share of variance", "CV of one probe"],
      ESTIMATES.map(([key, name]) => {
        const f = figures.trace[key];
        return [name, number(valueOf(f)), number(errorOf(f), 3), percent(ratio(errorOf(f), valueOf(f))), interval(f),
          percent(f?.probeShare), variation(f)];
      }));
    this.#list(snapshot, figures);
  }

  #list(s, layer) {
    const items = [
      ["parameters covered", `${count(layer.covered)} of ${count(layer.parameters)} (${percent(ratio(layer.covered, layer.parameters))})`],
      ["non-finite gradient values", count(layer.nonFinite)],
      ["estimator", `${s.estimator}, ${s.distribution} probes, ${s.path ?? NONE} path${s.pathReason ? `: ${s.pathReason}` : ""}`],
      ["probes per batch", count(s.probes)],
      ["rank split off", count(s.rank)],
      ["micro-batch", `${count(s.microBatch)} examples`],
      ["why", s.reason || NONE],
      ["running figures", `worth ${number(s.effectiveBatches, 3)} batches, looking back ${number(s.lagSteps, 3)} steps`],
      ["examples", count(s.examples)],
    ];
    while (this.facts.children.length < items.length) this.facts.append(make("div", {}, make("dt"), make("dd")));
    items.forEach(([name, text], i) => {
      const [dt, dd] = this.facts.children[i].children;
      setText(dt, name);
      setText(dd, text);
    });
  }
}
