// The group's agents: which of them has which partition of the topic, how much waits there, and the runs of ours.
import { byId, fillTable, setText } from "./dom.js";
import { NONE, count, duration } from "./format.js";

const STALE_SECONDS = 10;
const TAIL = 6;

/** An agent's name for people: with the end of the coordinator's name for it where another looks the same. */
function names(owners) {
  const plain = (owner) => `${owner.instanceId ?? owner.clientId} at ${owner.host}`;
  const alike = new Map();
  for (const owner of owners) alike.set(plain(owner), (alike.get(plain(owner)) ?? new Set()).add(owner.memberId));
  return (owner) => plain(owner) + (alike.get(plain(owner)).size > 1 ? ` …${owner.memberId.slice(-TAIL)}` : "")
    + (owner.thisAgent ? " (this agent)" : "");
}

/** The runs in a partition; those of other agents are not known here. */
function runsOf({ owner, runs }) {
  if (runs.length === 0) return owner?.thisAgent ? "none yet" : NONE;
  return runs.map(({ run, step, ended }) =>
    `${run}${step === null ? "" : ` at step ${count(step)}`}${ended ? " (ended)" : ""}`).join(", ");
}

const many = (n, what) => `${count(n)} ${what}${n === 1 ? "" : "s"}`;

export class AgentsPanel {
  /** Set once the server has said that it tells of no partitions. */
  absent = false;

  constructor(section) {
    this.section = section;
    this.table = byId("ownertable");
    this.facts = byId("ownerfacts");
    this.said = byId("ownersaid");
  }

  /** @param told what /api/partitions said: partitions, a problem, or null for a server without any */
  draw(told) {
    this.absent = told === null;
    this.section.hidden = this.absent;
    if (this.absent) return;
    if (told.problem) {
      setText(this.facts, `${NONE} not known: ${told.problem}`);
      fillTable(this.table, [], []);
      return;
    }
    const owners = told.partitions.map((p) => p.owner).filter((owner) => owner !== null);
    const name = names(owners);
    fillTable(this.table, ["partition", "agent", "events waiting", "runs here"], told.partitions.map((p) =>
      [String(p.partition), p.owner ? name(p.owner) : "nobody", count(p.lag), runsOf(p)]));
    const n = new Set(owners.map((owner) => owner.memberId)).size;
    const shared = `${many(n, "agent")} ${n === 1 ? "has" : "share"} `
      + `${many(told.partitions.length, "partition")} of ${told.topic}`;
    const idle = told.partitions.length - owners.length;
    const unowned = idle ? `; nobody has ${count(idle)} of them` : "";
    setText(this.said, shared + unowned); // read out when it changes
    const old = told.trouble || told.ageSeconds > STALE_SECONDS ? ` As of ${duration(told.ageSeconds)} ago` : "";
    setText(this.facts, `${shared}${unowned}. Group ${told.group}: ${told.state}.`
      + `${old}${old && told.trouble ? `: ${told.trouble}` : ""}${old ? "." : ""}`);
  }
}
