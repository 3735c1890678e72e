// The agent itself: events by type and outcome, what waits, and whether it is ready.
import { fillTable, setText } from "./dom.js";
import { NONE, count, duration, number } from "./format.js";

const OUTCOMES = [["processed", "processed"], ["skipped", "skipped"], ["dead_lettered", "dead-lettered"]];

export class AgentPanel {
  constructor(table, facts) {
    this.table = table;
    this.facts = facts;
  }

  /** @param agent what /api/agent said, or null */
  draw(agent) {
    const types = Object.entries(agent?.events ?? {});
    fillTable(this.table, ["events", ...OUTCOMES.map(([, name]) => name)],
      types.map(([type, outcomes]) => [type, ...OUTCOMES.map(([key]) => count(outcomes[key]))]));
    const mean = agent?.meanHandleSeconds ?? null;
    const each = mean === null ? NONE : mean < 1 ? `${number(1000 * mean, 3)} ms` : duration(mean);
    setText(this.facts, agent
      ? `${agent.ready ? "Ready" : `Not ready: ${agent.reason}`}. ${count(agent.lag)} events wait; handling one took ${each} on average.`
      : `${NONE} not known`);
  }
}
