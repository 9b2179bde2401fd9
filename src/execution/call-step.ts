import { errorMessage } from '../errors.ts';
import type { StepContext, StepResult } from '../handlers/step.ts';
import type { StepRecord } from '../journal/step-record.ts';
import type { Step } from './plan.ts';
import type { RunOptions } from './run-options.ts';
import { statusDetails } from './status-details.ts';

/**
 * One call of a step's own code. A step that rejects has a fault of ours: it costs this job, not the agent.
 * @param onSaved what the step has saved is on disk.
 */
export async function callStep(
  step: Step,
  options: RunOptions,
  at: { readonly record: StepRecord; readonly lastProgress: unknown },
  signal: AbortSignal,
  onSaved: (progress: unknown) => void,
): Promise<StepResult> {
  const { job, log, workspace, writer, rebooter } = options;
  const { index, attempts, bootId } = at.record;
  let running = true;
  try {
    return await step.run({
      job,
      stepIndex: index,
      attempt: attempts,
      signal,
      log,
      output: workspace.output,
      scratchDirectory: workspace.scratchDirectory,
      lastProgress: at.lastProgress,
      rebooted: bootId !== undefined && bootId !== rebooter.bootId(),
      saveProgress: (value) => {
        if (!running) return;
        writer.saveProgress(value);
        onSaved(value);
      },
      reportProgress: (details) => {
        // What a plug-in left behind may still call: a step that is over makes no more progress.
        if (running) options.reportProgress(statusDetails(details));
      },
      refreshDocument: () => options.refreshDocument(),
    } satisfies StepContext);
  } catch (error) {
    log.error({ step: step.name, err: error }, 'a step rejected instead of giving a result');
    return { outcome: 'failed', reason: `internal error: ${errorMessage(error)}`, details: {} };
  } finally {
    running = false;
  }
}
