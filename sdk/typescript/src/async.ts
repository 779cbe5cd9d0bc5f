/** pause resolves after some milliseconds, or at once when signal is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}

/** aborted resolves when signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** handled returns a promise whose rejection does not end the process if nobody awaits it. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Wakeup wakes those that wait for it. What nobody waits for is forgotten. */
export class Wakeup {
  #resolve: () => void = () => {};
  #next = new Promise<void>((resolve) => (this.#resolve = resolve));

  /** next resolves at the next {@link wake}. */
  next(): Promise<void> {
    return this.#next;
  }

  wake(): void {
    const resolve = this.#resolve;
    this.#next = new Promise((renewed) => (this.#resolve = renewed));
    resolve();
  }
}

/** now is the time in milliseconds by a clock that is never set. */
export function now(): number {
  return performance.now();
}
