import { hasCode, MissionControlError, PermanentError, RetryAfterError, Stopped, text } from "./errors.js";
import { Park } from "./park.js";
import { Task } from "./task.js";
import type { Work } from "./work.js";

/**
 * Handler works on a mission. What it returns is the mission's result: any JSON of up to 512 KiB. What it throws fails
 * the attempt, which is tried again while attempts are left, unless it is a {@link PermanentError}.
 *
 * Handlers run concurrently in one thread, which also sends the heartbeats: a handler that computes for seconds without an
 * await costs the agent its leases. Compute in a worker thread or in another process.
 */
export type Handler<Data = any> = (task: Task<Data>) => unknown;

/** The bytes of an error that the supervisor accepts. */
const longestError = 16 << 10;

/** perform runs a handler and reports how it ended. It does not reject. */
export async function perform(work: Work, handler: Handler): Promise<void> {
  const { mission, logger } = work;
  let report: () => Promise<void>;
  try {
    const result = await handler(new Task(work));
    report = result instanceof Park ? () => wait(work, result) : () => complete(work, result);
  } catch (error) {
    report = error instanceof Park ? () => wait(work, error) : () => fail(work, error);
  }
  work.inbox.close();
  try {
    await acknowledge(work);
    if (work.signal.aborted && !work.over) report = () => release(work);
    await report();
  } catch (error) {
    if (error instanceof Stopped) logger.info(`stopped mission ${mission.id}: ${error.message}`);
    else logger.warn(`mission ${mission.id}: its end could not be reported: ${text(error)}`);
  }
}

async function complete(work: Work, result: unknown): Promise<void> {
  try {
    await work.insist("complete", { result: result ?? null, brief: true });
  } catch (error) {
    if (!badContent(error)) throw error;
    await fail(work, new PermanentError(`the result was refused: ${text(error)}`));
  }
}

async function fail(work: Work, error: unknown): Promise<void> {
  await work.insist("fail", {
    error: cut(text(error)),
    retryable: !(error instanceof PermanentError),
    ...(error instanceof RetryAfterError ? { retry_after_seconds: error.seconds, limit: error.limit } : {}),
    brief: true,
  });
}

async function wait(work: Work, { options }: Park): Promise<void> {
  const { after, seconds, checkpoint, preferSelfSeconds } = options;
  const prefers = preferSelfSeconds === undefined ? {} : { prefer_agent: work.agent, prefer_seconds: preferSelfSeconds };
  try {
    await work.insist("release", { after, after_timeout_seconds: seconds, checkpoint, ...prefers, brief: true });
  } catch (error) {
    if (!badContent(error)) throw error;
    await fail(work, new PermanentError(`the mission cannot wait: ${text(error)}`));
  }
}

async function release(work: Work): Promise<void> {
  await work.insist("release", { brief: true });
}

/** Signals that were taken are reported as seen before the mission's end, because nobody can afterwards. */
async function acknowledge(work: Work): Promise<void> {
  for (let tried = 0; tried < 3 && work.inbox.seen() !== undefined && !work.over; tried++) await work.beat();
  if (work.over) throw work.over;
}

/** A report of this content is never accepted. What cannot be encoded is no error of the protocol. */
function badContent(error: unknown): boolean {
  return hasCode(error, "invalid_request", "too_large") || !(error instanceof MissionControlError || error instanceof Stopped);
}

/** cut makes an error's text fit into a failure. */
function cut(message: string): string {
  const bytes = Buffer.from(message.replaceAll("\0", "\ufffd")); // half a surrogate pair becomes U+FFFD, too
  if (bytes.length === 0) return "failed without an error message";
  if (bytes.length <= longestError) return bytes.toString();
  return `${bytes.subarray(0, longestError - 3).toString().replace(/\ufffd+$/, "")}…`;
}
