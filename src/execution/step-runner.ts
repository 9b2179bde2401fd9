import { errorMessage } from '../errors.ts';
import type { Job } from '../handlers/contract.ts';
import type { OutputSink, StepContext, StepResult } from '../handlers/step.ts';
import type { StatusDetails } from '../jobs/model.ts';
import type { Log } from '../system/log.ts';
import type { Plan, Step } from './plan.ts';
import { statusDetails } from './status-details.ts';

export type ExecutionResult =
  | { readonly kind: 'finished'; readonly status: 'SUCCEEDED' | 'FAILED'; readonly statusDetails: StatusDetails }
  | { readonly kind: 'interrupted' };

const nowhere: OutputSink = { write: () => undefined };

export interface RunPlanOptions {
  readonly plan: Plan;
  /** Zero-based: the first step that has not finished yet. */
  readonly firstStep: number;
  readonly job: Job;
  /** Aborted: the running step is to end now. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Called before a step acts: what it writes must be durable when it returns. A throw ends the run. */
  onStepStarted(index: number): void;
  /** Called after a step, before anything else happens; never for one that was interrupted. A throw ends the run. */
  onStepFinished(index: number, result: StepResult): Promise<void>;
  reportProgress(details: StatusDetails): void;
  /** Asked between steps: true leaves the rest for a later run. */
  readonly stopRequested?: () => boolean;
}

/** Runs a plan's steps in order, up to the first that fails. */
export async function runPlan(options: RunPlanOptions): Promise<ExecutionResult> {
  const { plan, firstStep, job, signal, log } = options;
  const total = plan.steps.length;
  let details: StatusDetails = {};
  for (const [stepIndex, step] of plan.steps.entries()) {
    if (stepIndex < firstStep) continue;
    if (signal.aborted || options.stopRequested?.() === true) return { kind: 'interrupted' };
    options.onStepStarted(stepIndex);
    let running = true;
    const reportProgress = (progress: StatusDetails) => {
      // What a plug-in left behind may still call: an execution with a result makes no more progress.
      if (running) options.reportProgress(statusDetails(progress));
    };
    const result = await runStep(step, {
      job,
      stepIndex,
      attempt: 1,
      signal,
      log,
      output: nowhere,
      scratchDirectory: '/tmp',
      lastProgress: undefined,
      rebooted: false,
      saveProgress: () => undefined,
      reportProgress,
      refreshDocument: async () => job.document,
    });
    running = false;
    if (result.outcome === 'interrupted' || result.outcome === 'deferred' || result.outcome === 'reboot')
      return { kind: 'interrupted' };
    await options.onStepFinished(stepIndex, result);
    log.info(
      { jobId: job.jobId, executionNumber: job.executionNumber, step: step.name, outcome: result.outcome },
      `step ${stepIndex + 1} of ${total} ${result.outcome}`,
    );
    if (result.outcome === 'failed') {
      const reason = `step ${stepIndex + 1} "${step.name}": ${result.reason}`;
      const place = total === 1 ? {} : { step: `${stepIndex + 1}/${total}` };
      return finished('FAILED', reason, { ...place, ...result.details });
    }
    details = { ...details, ...result.details };
  }
  return finished('SUCCEEDED', `${total} of ${total} steps succeeded`, details);
}

/** A step that rejects has a fault of ours: it costs this job, not the agent. */
async function runStep(step: Step, context: StepContext): Promise<StepResult> {
  try {
    return await step.run(context);
  } catch (error) {
    context.log.error({ step: step.name, err: error }, 'a step rejected instead of giving a result');
    return { outcome: 'failed', reason: `internal error: ${errorMessage(error)}`, details: {} };
  }
}

/** The reason comes first, so that it is there whatever else is cut; a handler's own reason is kept verbatim. */
function finished(status: 'SUCCEEDED' | 'FAILED', reason: string, details: StatusDetails): ExecutionResult {
  const { reason: own, ...rest } = statusDetails(details);
  return { kind: 'finished', status, statusDetails: statusDetails({ reason: own ?? reason, ...rest }) };
}
