import * as v from 'valibot';
import { errorMessage, ThingAgentError } from '../errors.ts';
import type { JobHandler } from '../handlers/contract.ts';
import type { StepContext, StepResult } from '../handlers/step.ts';
import type { Log } from '../system/log.ts';
import type { Step } from './plan.ts';

/** Milliseconds that a plug-in may take to say whether it wants a job. */
const ACCEPT_DEADLINE_MS = 10_000;
/** Milliseconds that a plug-in may go on after its signal. */
const STOP_GRACE_MS = 5_000;

const ResultSchema = v.optional(
  v.object({
    status: v.picklist(['SUCCEEDED', 'FAILED']),
    statusDetails: v.optional(v.record(v.string(), v.string()), {}),
  }),
);

/**
 * Asks a plug-in; one that throws or answers anything but true does not accept, and the log says so. One that does not
 * answer in time has not declined: PLUGIN_UNANSWERED, and the job is asked about again later.
 */
export async function pluginAccepts(
  plugin: JobHandler,
  document: unknown,
  log: Log,
  deadlineMs = ACCEPT_DEADLINE_MS,
): Promise<boolean> {
  const deadline = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      deadline.reject(
        new ThingAgentError(
          'PLUGIN_UNANSWERED',
          `plug-in "${plugin.name}" did not say within ${deadlineMs} ms whether it accepts`,
          {
            retryable: true,
          },
        ),
      ),
    deadlineMs,
  );
  try {
    const asked = Promise.resolve().then(() => plugin.accepts(document));
    return (await Promise.race([asked, deadline.promise])) === true;
  } catch (error) {
    if (error instanceof ThingAgentError && error.code === 'PLUGIN_UNANSWERED') throw error;
    log.warn(
      { plugin: plugin.name, err: error },
      `plug-in "${plugin.name}" could not be asked: ${errorMessage(error)}`,
    );
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** The one step of a plug-in's plan. */
export function pluginStep(plugin: JobHandler, stopGraceMs = STOP_GRACE_MS): Step {
  return {
    name: plugin.name,
    ignoreFailure: false,
    onInterrupted: 'retry',
    run: (context) => runPlugin(plugin, context, stopGraceMs),
  };
}

async function runPlugin(plugin: JobHandler, context: StepContext, stopGraceMs: number): Promise<StepResult> {
  const { job, signal, log, reportProgress } = context;
  const givenUp = Promise.withResolvers<StepResult>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(() => givenUp.resolve({ outcome: 'interrupted' }), stopGraceMs);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const work = Promise.resolve()
    .then(() => plugin.run({ job, signal, log, reportProgress }))
    .then(
      (returned: unknown) => toStepResult(returned),
      (error: unknown): StepResult =>
        signal.aborted && isAbort(error, signal)
          ? { outcome: 'interrupted' }
          : { outcome: 'failed', reason: errorMessage(error) || 'it threw an error without a message', details: {} },
    );
  try {
    return await Promise.race([work, givenUp.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function toStepResult(returned: unknown): StepResult {
  const parsed = v.safeParse(ResultSchema, returned);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return { outcome: 'failed', reason: `it returned an invalid result: ${issue.message}`, details: {} };
  }
  const result = parsed.output;
  const details = result?.statusDetails ?? {};
  if (result?.status !== 'FAILED') return { outcome: 'succeeded', details };
  return { outcome: 'failed', reason: details['reason'] ?? 'it reported FAILED', details };
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}
