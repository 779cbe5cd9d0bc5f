/**
 * Code says what kind of error it is. All but `unreachable` are the protocol's: see "Errors" in
 * docs/PROTOCOL.md. `unreachable` means that there was no answer: it is unknown whether the
 * request was executed.
 */
export type Code =
  | "invalid_request"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "timeout"
  | "conflict"
  | "lease_lost"
  | "too_large"
  | "quota_exceeded"
  | "overloaded"
  | "internal"
  | "unavailable"
  | "unreachable";

/** MissionControlError is why a request has failed. Match it by {@link code}. */
export class MissionControlError extends Error {
  override readonly name = "MissionControlError";
  readonly code: Code;
  /** The offending field of the request, if there is one. */
  readonly field?: string;
  /** With `unavailable` or `timeout`: the request certainly changed nothing. */
  readonly nothingDone: boolean;

  constructor(code: Code, message: string, more: { field?: string; nothingDone?: boolean; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    if (more.field !== undefined) this.field = more.field;
    this.nothingDone = more.nothingDone ?? false;
  }
}

/** hasCode returns whether an error is a {@link MissionControlError} with one of these codes. */
export function hasCode(error: unknown, ...codes: Code[]): error is MissionControlError {
  return error instanceof MissionControlError && codes.includes(error.code);
}

/**
 * passing returns whether a request may succeed if it is sent again, unchanged. Errors that are
 * no {@link MissionControlError} are mistakes of the program, which stay.
 */
export function passing(error: unknown): boolean {
  return hasCode(error, "unreachable", "unavailable", "overloaded", "timeout", "internal");
}

/** refusal returns the error that an error reply is, or undefined if the reply is none. */
export function refusal(reply: unknown): MissionControlError | undefined {
  const error = (reply as { error?: unknown } | null | undefined)?.error as
    | { code?: Code; message?: string; field?: string; nothing_done?: boolean }
    | undefined;
  if (typeof error !== "object" || error === null || typeof error.code !== "string") return undefined;
  return new MissionControlError(error.code, error.message ?? error.code, {
    ...(error.field === undefined ? {} : { field: error.field }),
    nothingDone: error.nothing_done ?? false,
  });
}

/** text returns what an error says. */
export function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Stopped is the reason with which {@link Task.signal} is aborted: the mission was `cancelled`; its
 * lease is `lost`, also because the supervisor could not be reached; or the agent is `stopping`,
 * and the mission goes back to the queue. What the handler returns or throws afterwards is not
 * reported.
 */
export class Stopped extends Error {
  override readonly name = "Stopped";
  readonly reason: "cancelled" | "lost" | "stopping";

  constructor(reason: "cancelled" | "lost" | "stopping", message: string) {
    super(message);
    this.reason = reason;
  }
}

/** PermanentError is what a handler throws if a retry cannot help: the mission fails at once. */
export class PermanentError extends Error {
  override readonly name = "PermanentError";
}

/**
 * RetryAfterError is what a handler throws to have the mission tried again after some time, rather
 * than after the usual backoff. It uses up an attempt like any failure.
 */
export class RetryAfterError extends Error {
  override readonly name = "RetryAfterError";
  /** 0 to 366 days. */
  readonly seconds: number;
  /** A limit under which no mission starts until then, because a provider said "429". */
  readonly limit?: string;

  constructor(message: string, seconds: number, options: { limit?: string } = {}) {
    super(message);
    if (!(seconds >= 0)) throw new RangeError(`seconds must be a number from 0 on, and is ${seconds}`);
    this.seconds = Math.min(seconds, 366 * 86_400);
    if (options.limit !== undefined) this.limit = options.limit;
  }
}
