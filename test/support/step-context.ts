import type { StepContext } from '../../src/handlers/step.ts';
import { silentLog } from './silent-log.ts';

/** What a step is given: nothing of it acts, but for what a test puts in its place. */
export function stepContext(change: Partial<StepContext> = {}): StepContext {
  return {
    job: { thingName: 'thing', jobId: 'job', executionNumber: 2, document: {} },
    stepIndex: 1,
    attempt: 3,
    signal: new AbortController().signal,
    log: silentLog,
    output: { write: () => undefined },
    scratchDirectory: '/tmp',
    lastProgress: undefined,
    rebooted: false,
    saveProgress: () => undefined,
    reportProgress: () => undefined,
    refreshDocument: async () => ({}),
    ...change,
  };
}
