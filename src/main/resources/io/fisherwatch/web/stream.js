// The stream of snapshots of one run, with summaries of the others. Comes back by itself: after an error, after a
// silence (a laptop that slept hears no error), and when a tab that was put away for a while is looked at again.
const SILENCE_MILLIS = 25_000; // the agent shows a sign of life every 10 s
const HIDDEN_MILLIS = 60_000;
const SLOWEST_RETRY_MILLIS = 30_000;

export class Stream {
  #source = null;
  #run = "";
  #retry = 1000;
  #timer = null;
  #watchdog = null;
  #away = null;
  #listener;

  /** The listener's methods: snapshot, summary, runs, connected, lost. */
  constructor(listener) {
    this.#listener = listener;
    document.addEventListener("visibilitychange", () => this.#visibility());
  }

  /** Looks at a run, or at none of them. */
  open(run) {
    this.#run = run ?? "";
    this.#connect();
  }

  #connect() {
    this.#close();
    const source = new EventSource(`api/stream?run=${encodeURIComponent(this.#run)}`);
    this.#source = source;
    this.#alive();
    source.onopen = () => {
      this.#retry = 1000;
      this.#listener.connected();
    };
    source.onerror = () => {
      this.#listener.lost();
      this.#close();
      this.#timer = setTimeout(() => this.#connect(), this.#retry);
      this.#retry = Math.min(2 * this.#retry, SLOWEST_RETRY_MILLIS);
    };
    for (const name of ["snapshot", "summary", "runs"]) {
      source.addEventListener(name, (event) => {
        this.#alive();
        this.#listener[name](JSON.parse(event.data));
      });
    }
  }

  #alive() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#listener.lost();
      this.#connect();
    }, SILENCE_MILLIS);
  }

  #close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    this.#source?.close();
    this.#source = null;
  }

  #visibility() {
    clearTimeout(this.#away);
    if (document.hidden) {
      this.#away = setTimeout(() => this.#close(), HIDDEN_MILLIS); // browsers allow six connections to a server
    } else if (!this.#source) {
      this.#connect();
    }
  }
}
