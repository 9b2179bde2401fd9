import { errorMessage } from '../../errors.ts';
import type { StepContext, StepResult } from '../step.ts';
import type { PluginChild } from './child.ts';
import { endResult, type PluginEnd, withStderr } from './end.ts';
import type { ChildMessage } from './messages.ts';
import { publicDetails, publicResult } from './redaction.ts';

export interface RunLimits {
  readonly memoryMegabytes: number;
  /** Milliseconds between the abort that the plug-in is told of and TERM to its group; and from its result to KILL. */
  readonly stopGraceMs: number;
  /** Milliseconds between TERM and KILL. */
  readonly killGraceMs: number;
}

/**
 * Runs the plug-in in its process, once, and resolves when the process has ended: nothing of the work goes on behind a
 * result. Never rejects. After an abort it settles within the graces, whatever the plug-in does.
 */
export async function runInChild(child: PluginChild, context: StepContext, limits: RunLimits): Promise<StepResult> {
  const { signal } = context;
  const timers: NodeJS.Timeout[] = [];
  const after = (milliseconds: number, act: () => void) => timers.push(setTimeout(act, milliseconds));
  let result: StepResult | undefined;
  const givenUp = Promise.withResolvers<undefined>();
  const kill = () => {
    child.signal('SIGKILL');
    // A process in uninterruptible sleep does not go: it must not hold the agent.
    after(limits.killGraceMs, () => givenUp.resolve(undefined));
  };
  const onAbort = () => {
    child.abort(abortReason(signal));
    after(limits.stopGraceMs, () => child.signal('SIGTERM'));
    after(limits.stopGraceMs + limits.killGraceMs, kill);
  };
  child.listen((message) => {
    try {
      if (message.type !== 'result') tell(message, child, context);
      else if (result === undefined) {
        result = message.result;
        after(limits.stopGraceMs, kill);
      }
    } catch (error) {
      // Not the plug-in's doing: it costs this job all the same, and not the agent.
      context.log.error({ err: error }, 'what a plug-in reported cannot be taken');
      result ??= { outcome: 'failed', reason: `internal error: ${errorMessage(error)}`, details: {} };
      kill();
    }
  });
  child.send(runMessage(context));
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const end = await Promise.race([child.ended, givenUp.promise]);
  signal.removeEventListener('abort', onAbort);
  for (const timer of timers) clearTimeout(timer);
  // Whatever of an interrupted group outlived its leader; what a plug-in leaves behind otherwise is left alone.
  if (end !== undefined && signal.aborted) await child.endRest(limits.killGraceMs);
  return publicResult(conclude(result, end, signal.aborted, limits.memoryMegabytes));
}

function conclude(
  result: StepResult | undefined,
  end: PluginEnd | undefined,
  aborted: boolean,
  memoryMegabytes: number,
): StepResult {
  if (result?.outcome === 'interrupted' && !aborted) {
    return { outcome: 'failed', reason: 'it said that it was interrupted, and was not', details: {} };
  }
  if (result !== undefined) return withStderr(result, end?.stderrTail ?? '');
  if (aborted) return { outcome: 'interrupted' };
  if (end !== undefined) return endResult(end, memoryMegabytes);
  return { outcome: 'failed', reason: 'its process cannot be ended', details: {} };
}

/** Answers and passes on what a running plug-in says. */
function tell(message: ChildMessage, child: PluginChild, context: StepContext): void {
  switch (message.type) {
    case 'log':
      context.log[message.level](message.fields, message.message);
      return;
    case 'progress':
      context.reportProgress(publicDetails(message.details));
      return;
    case 'save':
      child.send({ type: 'saved', id: message.id, problem: save(message.value, context) });
  }
}

/** What keeps the value from being on disk; undefined when it is there. */
function save(value: unknown, context: StepContext): string | undefined {
  try {
    context.saveProgress(value);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

function runMessage({ job, attempt, lastProgress, rebooted, scratchDirectory }: StepContext) {
  const { thingName, jobId, executionNumber, document } = job;
  return {
    type: 'run' as const,
    job: { thingName, jobId, executionNumber, document: document ?? null },
    attempt,
    lastProgress,
    rebooted,
    scratchDirectory,
  };
}

function abortReason({ reason }: AbortSignal): string {
  return reason === undefined ? 'the work is to end' : errorMessage(reason);
}
