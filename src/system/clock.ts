/**
 * Time that waits are measured in: monotonic, so that a clock that is set (a Raspberry Pi starts in 1970) ends no wait
 * early or late. Injected wherever something waits.
 */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** Calls once after `ms`; a wait keeps the process alive. */
  setTimer(ms: number, onDue: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/** setTimeout counts in a signed 32-bit integer: what is longer would be due at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(ms, onDue) {
    const due = performance.now() + ms;
    let timeout: NodeJS.Timeout;
    const wait = (): void => {
      const left = due - performance.now();
      timeout = setTimeout(left > LONGEST_TIMEOUT_MS ? wait : onDue, Math.min(left, LONGEST_TIMEOUT_MS));
    };
    wait();
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** Resolves after `ms` or, early, when the signal is aborted. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = (): void => resolve();
  const timer = clock.setTimer(signal?.aborted ? 0 : ms, wake);
  signal?.addEventListener('abort', wake, { once: true });
  return promise.finally(() => {
    timer.cancel();
    signal?.removeEventListener('abort', wake);
  });
}
