import type { StatusDetails } from '../jobs/model.ts';
import type { Outcome } from '../journal/journal.ts';
import { freshStep } from '../journal/step-record.ts';
import type { Step } from './plan.ts';
import type { RunEnd, RunOptions } from './run-options.ts';
import { StepRun } from './run-step.ts';
import { statusDetails } from './status-details.ts';
import { Stopwatch } from './time-limit.ts';

/** The steps' end: an outcome, or the wish to go on another time. */
type StepsEnd = { readonly outcome: Outcome } | Extract<RunEnd, { kind: 'stopped' | 'deferred' }>;

/** Runs a plan from where the journal says it stands: its steps in order up to the first failure, then its cleanup. */
export async function runExecution(options: RunOptions): Promise<RunEnd> {
  const { plan, execution, writer } = options;
  const watch = new Stopwatch(options.clock, execution.elapsedMs);
  if (execution.state === 'cleaning') return cleanUp(options, execution.outcome ?? 'unwanted', watch);
  const end = await runSteps(options, watch);
  if ('kind' in end) return end;
  if (plan.cleanup.length === 0) return over(end.outcome);
  await writer.conclude(end.outcome);
  return cleanUp(
    { ...options, execution: { ...execution, state: 'cleaning', step: freshStep(0), progress: undefined } },
    end.outcome,
    watch,
  );
}

async function runSteps(options: RunOptions, watch: Stopwatch): Promise<StepsEnd> {
  const { plan, execution, writer } = options;
  const total = plan.steps.length;
  const run = new StepRun(options, watch);
  let details: StatusDetails = execution.details;
  for (let step = plan.steps[run.index]; step !== undefined; step = plan.steps[run.index]) {
    if (run.isUnwanted) return { outcome: 'unwanted' };
    if (options.stopping.aborted) return { kind: 'stopped' };
    const number = run.index + 1;
    const end = await run.run(step, placeOf(number, step));
    if (end.kind === 'stopped' || end.kind === 'deferred') return end;
    if (end.kind === 'unwanted') return { outcome: 'unwanted' };
    if (end.kind === 'skipped') continue;
    const failed = end.kind === 'failed';
    if (failed && (!step.ignoreFailure || end.isWhole === true)) {
      const place = total === 1 ? {} : { step: `${number}/${total}` };
      return { outcome: result('FAILED', end.reason, { ...place, ...end.details }) };
    }
    details = statusDetails({ ...details, ...(failed ? {} : end.details) });
    // The end of the last step is the outcome's own write.
    if (number < total) await writer.after(run.finished({ details, ignoredFailure: failed }));
    else run.finished({ details, ignoredFailure: failed });
  }
  return { outcome: result('SUCCEEDED', summary(total, run.ignored, run.skipped), details) };
}

/** Steps that always run, whatever came before, and whose own failures change no outcome. */
async function cleanUp(options: RunOptions, outcome: Outcome, watch: Stopwatch): Promise<RunEnd> {
  const { plan, writer } = options;
  const total = plan.cleanup.length;
  if (outcome !== 'unwanted') options.noStepRuns();
  const run = new StepRun(options, watch);
  let lastFailure = '';
  for (let step = plan.cleanup[run.index]; step !== undefined; step = plan.cleanup[run.index]) {
    if (options.stopping.aborted) return { kind: 'stopped' };
    const end = await run.run(step, `cleanup ${placeOf(run.index + 1, step)}`);
    if (end.kind === 'stopped') return end;
    if (end.kind === 'skipped') continue;
    const failed = end.kind !== 'succeeded';
    if (failed) lastFailure = `: ${end.kind === 'unwanted' ? 'ended' : end.reason}`;
    const event = run.finished({ details: {}, ignoredFailure: failed });
    if (run.index < total) await writer.after(event);
  }
  if (run.ignored === 0 || outcome === 'unwanted') return over(outcome);
  const cleanup = `${run.ignored} of ${total} cleanup steps failed${lastFailure}`;
  const { reason, ...details } = outcome.statusDetails;
  return over({ ...outcome, statusDetails: statusDetails({ reason, cleanup, ...details }) });
}

function over(outcome: Outcome): RunEnd {
  return outcome === 'unwanted' ? { kind: 'unwanted' } : { kind: 'finished', ...outcome };
}

function placeOf(number: number, step: Step): string {
  return `step ${number} "${step.name}"`;
}

function summary(total: number, ignored: number, skipped: number): string {
  const rest = [
    ...(ignored > 0 ? [`${ignored} failed and ${ignored === 1 ? 'was' : 'were'} ignored`] : []),
    ...(skipped > 0 ? [`${skipped} ${skipped === 1 ? 'was' : 'were'} interrupted and skipped`] : []),
  ];
  return [`${total - ignored - skipped} of ${total} steps succeeded`, ...rest].join(', ');
}

/** The reason comes first, so that it is there whatever else is cut; a handler's own reason is kept verbatim. */
function result(status: 'SUCCEEDED' | 'FAILED', reason: string, details: StatusDetails): Outcome {
  const { reason: own, ...rest } = statusDetails(details);
  return { status, statusDetails: statusDetails({ reason: own ?? reason, ...rest }) };
}
