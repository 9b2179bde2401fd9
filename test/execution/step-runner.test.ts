import { expect, test } from 'vitest';
import type { Step, StepResult } from '../../src/execution/plan.ts';
import { type RunPlanOptions, runPlan } from '../../src/execution/step-runner.ts';
import { silentLog } from '../support/silent-log.ts';

const job = { thingName: 't', jobId: 'j', executionNumber: 1, document: {} };

function fixture(results: Record<string, StepResult | Error>, change: Partial<RunPlanOptions> = {}) {
  const events: string[] = [];
  const steps: Step[] = Object.entries(results).map(([name, result]) => ({
    name,
    run: async () => {
      events.push(`run ${name}`);
      if (result instanceof Error) throw result;
      return result;
    },
  }));
  const run = () =>
    runPlan({
      plan: { handler: 'test', steps },
      firstStep: 0,
      job,
      signal: new AbortController().signal,
      log: silentLog,
      onStepStarted: (index) => events.push(`started ${index}`),
      onStepFinished: async (index) => void events.push(`finished ${index}`),
      reportProgress: () => undefined,
      ...change,
    });
  return { events, run };
}

const ok: StepResult = { outcome: 'succeeded', details: {} };
const bad: StepResult = { outcome: 'failed', reason: 'exited with code 3', details: { exitCode: '3', stderr: 'no\n' } };

test('each step is journalled before and after, and the result says how many succeeded', async () => {
  const { events, run } = fixture({ A: ok, B: ok });
  expect(await run()).toEqual({
    kind: 'finished',
    status: 'SUCCEEDED',
    statusDetails: { reason: '2 of 2 steps succeeded' },
  });
  expect(events).toEqual(['started 0', 'run A', 'finished 0', 'started 1', 'run B', 'finished 1']);
});

test('the first failure ends the plan, with the step and the true reason', async () => {
  const { events, run } = fixture({ A: ok, Install: bad, C: ok });
  expect(await run()).toEqual({
    kind: 'finished',
    status: 'FAILED',
    statusDetails: { reason: 'step 2 "Install": exited with code 3', step: '2/3', exitCode: '3', stderr: 'no' },
  });
  expect(events).not.toContain('run C');
});

test('finished steps are not run again', async () => {
  const { events, run } = fixture({ A: ok, B: ok }, { firstStep: 1 });
  await run();
  expect(events).toEqual(['started 1', 'run B', 'finished 1']);
});

test('a stop between steps leaves the rest for later', async () => {
  const finished: number[] = [];
  const { events, run } = fixture(
    { A: ok, B: ok },
    { onStepFinished: async (index) => void finished.push(index), stopRequested: () => finished.length === 1 },
  );
  expect(await run()).toEqual({ kind: 'interrupted' });
  expect(events).not.toContain('started 1');
});

test('an interrupted step is not finished', async () => {
  const { events, run } = fixture({ A: { outcome: 'interrupted' } });
  expect(await run()).toEqual({ kind: 'interrupted' });
  expect(events).toEqual(['started 0', 'run A']);
});

test('a step does not run when the journal cannot be written', async () => {
  const { events, run } = fixture(
    { A: ok },
    {
      onStepStarted: () => {
        throw new Error('disk full');
      },
    },
  );
  await expect(run()).rejects.toThrow('disk full');
  expect(events).toEqual([]);
});

test('the details of a handler are kept, its own reason verbatim and first among ten', async () => {
  const details = { ...Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`k${index}`, 'v'])) };
  const { run } = fixture({ A: { outcome: 'succeeded', details } });
  const result = await run();
  expect(result.kind === 'finished' && Object.keys(result.statusDetails)).toHaveLength(10);
  expect(result).toMatchObject({ statusDetails: { reason: '1 of 1 steps succeeded', k0: 'v' } });
  const own = fixture({ A: { outcome: 'succeeded', details: { reason: 'done' } } });
  expect(await own.run()).toMatchObject({ statusDetails: { reason: 'done' } });
});

test('a step that rejects costs the job, not the agent', async () => {
  const { run } = fixture({ A: new Error('boom') });
  expect(await run()).toMatchObject({
    status: 'FAILED',
    statusDetails: { reason: 'step 1 "A": internal error: boom' },
  });
});
