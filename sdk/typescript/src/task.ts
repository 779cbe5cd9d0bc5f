import { handled, pause } from "./async.js";
import { hasCode, MissionControlError, passing, Stopped, text } from "./errors.js";
import { newID } from "./id.js";
import type { Created, Input, Mission, MissionSpec, Signal } from "./wire.js";
import type { Work } from "./work.js";

/** For how long usage waits for another report to go with, in milliseconds. */
const usageDelay = 500;

/**
 * Task is a mission that a handler works on.
 *
 * The methods that send something reject with a {@link MissionControlError} if the supervisor refuses
 * what they send, and with a {@link Stopped} if the mission is to stop, so that a handler that awaits
 * them stops by itself. You may also ignore what they return: a rejection that nobody awaits
 * does no harm.
 */
export class Task<Data = any> {
  /** The mission as it was claimed. */
  readonly mission: Mission<Data>;
  /** Is aborted, with a {@link Stopped} as its reason, when the handler is to stop. Hand it on to what you call. */
  readonly signal: AbortSignal;
  readonly #work: Work;
  #saving: Promise<unknown> = Promise.resolve();
  #flushing: Promise<void> | undefined;

  /** Agents make tasks. */
  constructor(work: Work) {
    this.#work = work;
    this.mission = work.mission;
    this.signal = work.signal;
  }

  /** The mission's id. */
  get id(): string {
    return this.mission.id;
  }

  /** The mission's data. */
  get data(): Data {
    return this.mission.data;
  }

  /** The fencing token: hand it to other systems that should refuse a stale holder. It increases with every lease. */
  get lease(): number {
    return this.#work.lease;
  }

  /** Which attempt this is, from 1. */
  get attempt(): number {
    return this.mission.attempt;
  }

  /** How often the mission was claimed, this time included; {@link attempt} counts only turns that use up an attempt. */
  get turn(): number {
    return this.mission.turn ?? 1;
  }

  /** Whether the mission's latest wait ended because its time was up. */
  get timedOut(): boolean {
    return this.mission.timed_out ?? false;
  }

  /**
   * The outcomes of the missions and batches that the mission has waited for, by id. The claim may
   * have had no room for some; {@link input} gets them.
   */
  get inputs(): Record<string, Input> {
    return this.mission.inputs ?? {};
  }

  /** Gets the outcome of a mission or batch that the mission has waited for, also if the claim had no room for it. */
  input(source: string): Promise<Input> {
    const input = this.inputs[source];
    const leftOut = input?.result == null && this.mission.trimmed?.includes("inputs");
    if (input && !leftOut) return Promise.resolve(input);
    return handled(this.#work.insist("inputs", { source }) as Promise<Input>);
  }

  /** Reports the progress, from 0 to 100 percent, and what is being done. It does not reject if the supervisor does not answer. */
  progress(percent: number, message?: string): Promise<void> {
    return handled(this.#tell("progress", { percent, message }));
  }

  /**
   * Appends a line of up to 8 KiB to the mission's log. level is a word, by default info. It does not
   * reject if the supervisor does not answer, or if the log is full.
   */
  log(message: string, { level, data }: { level?: string; data?: unknown } = {}): Promise<void> {
    return handled(this.#tell("log", { message, level, data }));
  }

  async #tell(verb: string, body: object): Promise<void> {
    this.signal.throwIfAborted();
    try {
      await this.#work.send(verb, body);
    } catch (error) {
      const full = verb === "log" && hasCode(error, "too_large");
      if (!passing(error) && !full) throw error;
      this.#work.logger.warn(`mission ${this.id}: no ${verb}: ${text(error)}`);
    }
  }

  /**
   * Stores what the mission's next turn needs to go on: any JSON of up to 64 KiB, in place of the checkpoint
   * before. It survives a failure, the death of the agent and parking. It resolves once it is stored,
   * and sends it until then, also while the agent is stopping.
   */
  checkpoint(value: unknown): Promise<void> {
    // Of two checkpoints, the later one stays.
    const saved = this.#saving.then(() => this.#work.insist("progress", { checkpoint: value ?? null }));
    this.#saving = saved.catch(() => {});
    return handled(saved.then(() => {}));
  }

  /** Returns the checkpoint that the mission was claimed with, undefined if there is none. */
  restore<T = any>(): T | undefined {
    return (this.mission.checkpoint as T | null | undefined) ?? undefined;
  }

  /**
   * Adds to what the mission has used: an amount from 0 on of a unit such as usd or input_tokens. The sums of
   * this turn go with the next report, and half a second later at the latest. If they exceed the mission's
   * max_usage, it is stopped. It throws a RangeError if the unit or the amount breaks a rule.
   */
  usage(unit: string, amount: number): void {
    this.#work.spending.add(unit, amount);
    this.#flushing ??= this.#flush().finally(() => (this.#flushing = undefined));
  }

  async #flush(): Promise<void> {
    await pause(usageDelay, this.signal);
    if (this.#work.spending.untold() === undefined || this.signal.aborted) return;
    await this.#work.send("progress", {}).catch((error: unknown) => {
      if (error instanceof Stopped) return;
      this.#work.logger.warn(`mission ${this.id}: its usage was not reported, and goes with the next report: ${text(error)}`);
    });
  }

  /**
   * Yields the signals to the mission: first those that no agent has taken yet, then those that arrive. What
   * was yielded is reported as seen, at once. It ends when the handler has returned or is to stop.
   */
  async *signals(): AsyncGenerator<Signal, void, undefined> {
    for (;;) {
      const signal = await this.#work.inbox.next();
      if (!signal) return;
      yield signal;
    }
  }

  /** Takes the signals that have arrived, without waiting for more. They are reported as seen, at once. */
  takeSignals(): Promise<Signal[]> {
    return handled(this.#work.inbox.take());
  }

  /**
   * Creates up to 1000 missions that are children of this one: if this one is cancelled or fails for good, so are
   * they, unless they are detached. To wait for them, return {@link park} with their ids. It asks until it is
   * answered, which creates nothing twice. But a handler that runs once more creates others, unless it gives
   * them ids of its own, such as the mission's with a number.
   *
   * It rejects if one was refused. The missions of the others exist then.
   */
  create(...specs: MissionSpec[]): Promise<Mission[]> {
    return handled(this.#create(specs.map((spec) => ({ id: newID(), ...spec }))));
  }

  async #create(missions: MissionSpec[]): Promise<Mission[]> {
    const { results } = (await this.#work.insist("create", { missions })) as { results: Created[] };
    return created(results, missions);
  }
}

/** created returns the missions of a reply. It throws the first refusal. */
export function created(results: Created[], specs: MissionSpec[]): Mission[] {
  return results.map(({ mission, error }, i) => {
    if (mission) return mission;
    const code = (error?.code ?? "internal") as MissionControlError["code"];
    throw new MissionControlError(code, `mission ${i + 1}, ${specs[i]?.name}: ${error?.message}`, error?.field === undefined ? {} : { field: error.field });
  });
}
