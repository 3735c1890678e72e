// The list of runs: a button each, with status, attempt, step and the age of the figures.
import { make, setText } from "./dom.js";
import { count, duration, number, valueOf } from "./format.js";
import { sparkline } from "./layers.js";

const WORDS = { live: "live", stale: "stale", ended: "ended" };

export class RunList {
  #items = new Map();
  #shown = null;

  constructor(list, choose) {
    this.list = list;
    this.choose = choose;
  }

  draw(runs, chosen, now) {
    const names = new Set(runs.map((r) => r.name));
    for (const [name, item] of this.#items) {
      if (!names.has(name)) {
        item.li.remove();
        this.#items.delete(name);
      }
    }
    const seen = this.#items.get(chosen);
    runs.forEach((run, i) => {
      const item = this.#items.get(run.name) ?? this.#add(run.name);
      if (this.list.children[i] !== item.li) this.list.insertBefore(item.li, this.list.children[i] ?? null);
      this.#fill(item, run, run.name === chosen, now);
    });
    if (seen && this.#shown !== chosen) {
      this.#shown = chosen;
      this.#reveal(seen.li);
    }
  }

  /** Scrolls the list, and only the list, to an item. */
  #reveal(li) {
    const [item, list] = [li.getBoundingClientRect(), this.list.getBoundingClientRect()];
    if (item.top < list.top || item.bottom > list.bottom) this.list.scrollTop += item.top - list.top;
  }

  #add(name) {
    const item = {
      name: make("span", { className: "name", textContent: name }),
      state: make("span", { className: "state" }),
      facts: make("span", { className: "facts" }),
      spark: sparkline(),
    };
    item.button = make("button", { type: "button", className: "run", title: name }, item.name, item.state, item.facts, item.spark.svg);
    item.button.addEventListener("click", () => this.choose(name));
    item.li = make("li", {}, item.button);
    this.#items.set(name, item);
    return item;
  }

  #fill(item, run, chosen, now) {
    const status = run.status(now);
    const { summary } = run;
    item.button.setAttribute("aria-current", String(chosen));
    item.state.className = `state ${status}`;
    setText(item.state, WORDS[status]);
    setText(item.facts, `tr F ${number(valueOf(run.total.trace.fisher), 3)} · step ${count(summary.step)}`
      + `${summary.attempt > 1 ? ` · attempt ${summary.attempt}` : ""} · ${duration(now - summary.estimateTime)} ago`);
    item.spark.draw(run.overview.filter((p) => p.attempt === summary.attempt).map((p) => p.trace));
  }
}
