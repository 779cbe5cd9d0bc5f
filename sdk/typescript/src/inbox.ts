import { Wakeup } from "./async.js";
import type { Mission, Signal } from "./wire.js";

/** Fetch reads the signals after a number. */
type Fetch = (after: number) => Promise<{ signals: Signal[]; more?: boolean }>;

/** Inbox is the signals of a task. They are read from the supervisor when somebody asks for them. */
export class Inbox {
  readonly #arrived = new Wakeup();
  readonly #fetch: Fetch;
  readonly #onTaken: () => void;
  #queue: Signal[] = [];
  #told: number; // the number of the last one that we know of
  #fetched: number; // of the last one that is or was in the queue
  #taken = 0; // of the last one that the handler has
  #acknowledged = 0; // of the last one that the supervisor knows to be taken
  #reading: Promise<void> | undefined;
  #closed = false;

  /** onTaken is called when the handler has taken some, which the next heartbeat reports. */
  constructor(mission: Mission, fetch: Fetch, onTaken: () => void) {
    this.#fetch = fetch;
    this.#onTaken = onTaken;
    const carried = mission.signals ?? [];
    this.#told = carried.at(-1)?.seq ?? 0;
    this.#fetched = (carried[0]?.seq ?? 1) - 1;
    if (mission.trimmed?.includes("signals") || carried.some((signal) => signal.data_left_out)) return;
    this.#queue = [...carried];
    this.#fetched = this.#told;
  }

  /** There are signals up to a number. */
  tell(seq: number): void {
    if (seq <= this.#told) return;
    this.#told = seq;
    this.#arrived.wake();
  }

  /** Ends those that wait. */
  close(): void {
    this.#closed = true;
    this.#arrived.wake();
  }

  /** Returns the signals that have arrived. */
  async take(): Promise<Signal[]> {
    await this.#read();
    return this.#have(this.#queue.splice(0));
  }

  /** Waits for the next signal; undefined once the inbox is closed. */
  async next(): Promise<Signal | undefined> {
    while (!this.#closed) {
      const arrived = this.#arrived.next();
      await this.#read();
      const [signal] = this.#have(this.#queue.splice(0, 1));
      if (signal) return signal;
      if (!this.#closed) await arrived;
    }
    return undefined;
  }

  #have(signals: Signal[]): Signal[] {
    const last = signals.at(-1);
    if (last) {
      this.#taken = last.seq;
      this.#onTaken();
    }
    return signals;
  }

  /** Reads what we know of and do not have yet. */
  #read(): Promise<void> {
    this.#reading ??= this.#readAll().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    while (this.#fetched < this.#told && !this.#closed) {
      const told = this.#told;
      const { signals, more } = await this.#fetch(this.#fetched);
      this.#queue.push(...signals.filter(({ seq, seen_at }) => seq > this.#fetched && !seen_at));
      this.#fetched = Math.max(this.#fetched, signals.at(-1)?.seq ?? 0, more ? 0 : told);
    }
  }

  /** What a heartbeat has to report as seen. */
  seen(): number | undefined {
    return this.#taken > this.#acknowledged ? this.#taken : undefined;
  }

  /** A heartbeat has reported it. */
  acknowledge(seq: number | undefined): void {
    this.#acknowledged = Math.max(this.#acknowledged, seq ?? 0);
  }
}
