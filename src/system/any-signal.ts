/**
 * Does work under a signal that is aborted as soon as one of these is, with its reason. `AbortSignal.any` would do, but
 * leaves a trace at its sources for ever, some 180 bytes for each call on Node 22.13 and in cases on every later one
 * (nodejs/node issues 55351, 64476): with a source that lives as long as the agent that is a leak with every step.
 */
export async function underAnySignal<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = (): void => controller.abort(signals.find(({ aborted }) => aborted)?.reason);
  for (const signal of signals) signal.addEventListener('abort', abort, { once: true });
  if (signals.some(({ aborted }) => aborted)) abort();
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', abort);
  }
}
