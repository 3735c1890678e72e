// The JSON API, and the agent's clock: ages are told by it, since the reader's own clock may be wrong.
let ahead = 0; // milliseconds that the agent's clock is ahead of ours

/** Seconds of the agent's clock. */
export const now = () => (Date.now() + ahead) / 1000;

/** Asks the agent; null if it cannot be reached. */
async function ask(path) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store" });
  } catch {
    return null; // the stream tells of a lost connection
  }
  const date = Date.parse(answer.headers.get("Date") ?? "");
  if (Number.isFinite(date)) {
    const difference = date - Date.now();
    ahead = Math.abs(difference) > 3000 ? difference : 0; // the header has whole seconds
  }
  return answer;
}

/** Reads JSON; null if the agent does not know what was asked for or cannot be reached. */
async function get(path) {
  const answer = await ask(path);
  return answer?.ok ? answer.json() : null;
}

const run = (name) => `api/runs/${encodeURIComponent(name)}`;

export const agent = () => get("api/agent");
/** Who has which partition: a `problem` instead while nobody knows, null where there are no partitions to tell of. */
export async function partitions() {
  const answer = await ask("api/partitions");
  if (answer?.status === 404) return null;
  return answer?.ok ? answer.json() : { problem: answer ? (await answer.json()).detail : "the agent is not reached" };
}
export const history = (name, layers, points) =>
  get(`${run(name)}/history?points=${points}${layers.map((l) => `&layer=${encodeURIComponent(l)}`).join("")}`);
export const traces = (name, points) => get(`${run(name)}/traces?points=${points}`);
