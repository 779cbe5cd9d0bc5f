import type { Condition } from "./wire.js";

/** How a mission waits. */
export interface ParkOptions {
  /** All of these must be met, at most 100. Without any, the mission just waits for {@link seconds}. */
  after?: Condition[];
  /**
   * The longest wait, up to ten years. Once it is over, the mission can be claimed, and
   * {@link Task.timedOut} is true.
   */
  seconds?: number;
  /** What the next turn needs: see {@link Task.checkpoint}. */
  checkpoint?: unknown;
  /** For how long other agents leave the mission to this one once it can be claimed again, up to a day. */
  preferSelfSeconds?: number;
}

/** Park is what {@link park} returns. */
export class Park {
  constructor(readonly options: ParkOptions) {}
}

/**
 * park hands a mission back until all conditions are met. Return it from the handler, or throw it.
 * It costs no attempt, and while the mission waits, neither a lease nor a slot. Then an agent claims the
 * mission again, with its latest checkpoint, its signals and its inputs, and the handler runs from the start.
 * Without conditions and seconds, the mission goes back to the queue at once.
 *
 *     return park({ after: [{ signal: "approved", prompt: "Deploy?", choices: ["yes", "no"] }], seconds: 86_400 });
 */
export function park(options: ParkOptions): Park {
  return new Park(options);
}
