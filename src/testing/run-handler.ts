import { setTimeout as pause } from 'node:timers/promises';
import type { JobContext, JobHandler } from '../handlers/contract.ts';
import { askHandler, handlerProblem, performHandler } from '../handlers/plugins/handler.ts';
import { toDetails, toSavedValue } from '../handlers/plugins/values.ts';
import type { StepContext, StepResult } from '../handlers/step.ts';
import { type HandlerRun, type JobOptions, record } from './recording.ts';

export interface RunHandlerOptions extends JobOptions {
  readonly document: unknown;
  /** What an earlier attempt saved. */
  readonly lastProgress?: unknown;
  /** Milliseconds that the handler may go on after the abort; default 5,000, as in the agent. */
  readonly stopGraceMs?: number;
}

/**
 * Runs a plug-in's handler as the agent would, in this process: asks it whether it accepts the document, holds that
 * against its schema, and runs it. No broker, no agent, any test runner. Rejects only when it is no handler at all.
 * @throws TypeError naming what the handler lacks.
 */
export async function runHandler(handler: JobHandler, options: RunHandlerOptions): Promise<HandlerRun> {
  const problem = handlerProblem(handler);
  if (problem !== undefined) throw new TypeError(problem.replace(/^its default export/, 'the handler'));
  const document = asJson(options.document);
  return record(document, options, async (context) => {
    const acceptance = await askHandler(handler, document);
    if (acceptance.kind !== 'accepted') return acceptance;
    if (context.signal.aborted) return { outcome: 'interrupted' };
    return Promise.race([
      performHandler(handler, jobContext(context)),
      interruption(context.signal, options.stopGraceMs ?? 5_000),
    ]);
  });
}

/** The service sends JSON: what a test passes is what would come out of it. */
function asJson(document: unknown): unknown {
  return document === undefined ? null : JSON.parse(JSON.stringify(document));
}

function jobContext(context: StepContext): JobContext {
  const { job, attempt, lastProgress, rebooted, scratchDirectory, signal, log } = context;
  return {
    ...{ job, attempt, lastProgress, rebooted, scratchDirectory, signal, log },
    saveProgress: async (value) => context.saveProgress(toSavedValue(value)),
    reportProgress: (value) => {
      const details = toDetails(value);
      if (details === undefined) {
        throw new TypeError('reportProgress: expected an object of texts, numbers and booleans');
      }
      context.reportProgress(details);
    },
  };
}

/** The agent would have killed it by then. */
async function interruption(signal: AbortSignal, graceMs: number): Promise<StepResult> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await pause(graceMs, undefined, { ref: false });
  return { outcome: 'interrupted' };
}
