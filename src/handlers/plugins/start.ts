import type { PluginChild, PluginChildOptions } from './child.ts';
import { endReason } from './end.ts';

export type StartedPlugin =
  | { readonly kind: 'started'; readonly child: PluginChild; readonly name: string }
  /** The process has been killed. `problem` is a whole phrase. */
  | { readonly kind: 'fault'; readonly problem: string };

/**
 * Waits for the first word of a plug-in's process: it has imported the module, or cannot.
 * @param deadlineMs milliseconds for both.
 */
export async function awaitPlugin(
  child: PluginChild,
  options: PluginChildOptions & { readonly deadlineMs: number },
  signal?: AbortSignal,
): Promise<StartedPlugin> {
  const { promise, resolve } = Promise.withResolvers<StartedPlugin>();
  const fault = (problem: string) => resolve({ kind: 'fault', problem });
  const timer = setTimeout(
    () => fault(`it was not loaded within ${options.deadlineMs} ms: its import does not end`),
    options.deadlineMs,
  );
  const onAbort = () => fault('the work was to end before it was loaded');
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  child.listen((message) => {
    if (message.type === 'loaded') resolve({ kind: 'started', child, name: message.name });
    else if (message.type === 'unusable') fault(message.problem);
  });
  void child.ended.then((end) => fault(endReason(end, options.memoryMegabytes)));
  const started = await promise;
  clearTimeout(timer);
  signal?.removeEventListener('abort', onAbort);
  if (started.kind === 'fault') child.signal('SIGKILL');
  return started;
}
