// The diagonal of F: share of entries by decade, now as bars, and for the whole model over steps as a map.
import { dataTable, make, setText } from "./dom.js";
import { NONE, count, layerName, number, percent } from "./format.js";
import { Heatmap } from "./heatmap.js";
import { TOTAL } from "./store.js";

const DECADES = Array.from({ length: 25 }, (_, i) => String(i - 20));
const MOST_ROWS = 100;
const BUCKETS = ["zero", "under", ...DECADES, "over"];

/** A bucket's name in words. */
function words(bucket) {
  if (bucket === "zero") return "exactly 0";
  if (bucket === "under") return "below 1e−20";
  if (bucket === "over") return "1e5 and more";
  const power = (n) => `1e${String(n).replace("-", "−")}`;
  return `${power(bucket)} to ${power(Number(bucket) + 1)}`;
}

const short = (bucket) => (/\d/.test(bucket) ? bucket.replace("-", "−") : bucket);

/** The decades between the first and the last that are filled anywhere, and one more at each end; and what is 0. */
function span(densities) {
  const sized = BUCKETS.slice(1);
  const filled = sized.map((b) => densities.some((d) => d[b] > 0));
  const first = Math.max(0, filled.indexOf(true) - 1);
  return ["zero", ...sized.slice(first, filled.lastIndexOf(true) + 2)];
}

export class Density {
  #now = {};
  #past = [];

  constructor(bars, map, facts, caption) {
    this.bars = bars;
    this.facts = facts;
    this.caption = caption;
    this.data = dataTable("Share of diagonal entries by decade", () => ({
      columns: ["decade", "share of entries"],
      rows: BUCKETS.filter((b) => b in this.#now).map((b) => [words(b), percent(this.#now[b])]),
    }));
    bars.after(this.data);
    this.map = new Heatmap(map, "Share of diagonal entries by decade and step, whole model");
    this.past = dataTable("Share of diagonal entries by decade and step", () => this.#pastTable());
    map.append(this.past);
  }

  draw(snapshot, points, layer) {
    const shown = snapshot.layers.find((l) => l.layer === layer) ?? snapshot.layers[0];
    setText(this.caption, layerName(shown.layer));
    this.#now = shown.diagonal?.density ?? {};
    this.#drawBars();
    this.#drawFacts(shown.diagonal);
    this.#drawMap(points.filter((p) => p.figures[TOTAL]?.density));
    this.data.refresh();
    this.past.refresh();
  }

  #drawBars() {
    const buckets = span([this.#now]);
    const most = Math.max(...buckets.map((b) => this.#now[b] ?? 0), 1e-9);
    while (this.bars.children.length > buckets.length) this.bars.lastChild.remove();
    while (this.bars.children.length < buckets.length) this.bars.append(make("div", {}, make("div", { className: "bar" }), make("span")));
    buckets.forEach((bucket, i) => {
      const column = this.bars.children[i];
      column.firstChild.style.height = `${(100 * (this.#now[bucket] ?? 0)) / most}%`;
      column.title = `${words(bucket)}: ${percent(this.#now[bucket])}`;
      setText(column.lastChild, short(bucket));
    });
    const filled = buckets.filter((b) => this.#now[b] > 0);
    this.bars.ariaLabel = filled.length ? filled.map((b) => `${words(b)}: ${percent(this.#now[b])}`).join(", ") : "no diagonal is kept";
  }

  #drawFacts(diagonal) {
    const open = diagonal?.undeterminedShare["1e-05"];
    const quantile = (q) => number(diagonal?.quantiles[q], 3);
    setText(this.facts, diagonal
      ? `median ${quantile("0.5")}, 1 % to 99 %: ${quantile("0.01")} to ${quantile("0.99")}; below 1e-5: ${percent(diagonal.smallShare["1e-05"])}`
        + ` (the noise leaves ${percent(open)} open); below a thousandth of the model's mean: ${percent(diagonal.smallShare.relative)}`
      : `${NONE} no diagonal is kept`);
  }

  #pastTable() {
    const buckets = span(this.#past.map((p) => p.figures[TOTAL].density));
    const every = Math.max(1, Math.ceil(this.#past.length / MOST_ROWS));
    return {
      columns: ["step", ...buckets.map(words)],
      rows: this.#past.filter((_, i) => (this.#past.length - 1 - i) % every === 0).reverse()
        .map((p) => [count(p.batchStep), ...buckets.map((b) => percent(p.figures[TOTAL].density[b]))]),
    };
  }

  #drawMap(points) {
    this.#past = points;
    const densities = points.map((p) => p.figures[TOTAL].density);
    const buckets = span(densities).reverse();
    const most = densities.reduce((a, d) => Math.max(a, ...Object.values(d)), 1e-9);
    const rows = buckets.map((bucket) => ({
      name: short(bucket),
      values: densities.map((d) => (d[bucket] > 0 ? Math.sqrt(d[bucket] / most) : null)),
    }));
    this.map.draw(points.map((p) => p.batchStep), rows, (y, x) => percent(densities[x][buckets[y]]),
      points.length ? `whole model; bright ${percent(most)} of the entries, empty 0` : "no history of the diagonal yet");
  }
}
