import * as v from 'valibot';
import { afterAll, expect, test } from 'vitest';
import { documentStep } from '../../src/execution/document-step.ts';
import type { DocumentStep } from '../../src/execution/job-document.ts';
import { defineBuiltIn } from '../../src/handlers/built-ins/built-in.ts';
import type { StepResult } from '../../src/handlers/step.ts';
import { ProcessRunner } from '../../src/system/child-process.ts';
import { stepContext } from '../support/step-context.ts';

/** Runs these scripts, one after the other, and has this result whatever they do. */
const scripts = defineBuiltIn({
  action: 'scripts',
  script: 'scripts.sh',
  input: v.object({ run: v.array(v.string()), result: v.custom<StepResult>(() => true) }),
  fromArguments: () => undefined,
  run: async ({ run, result }, context) => {
    for (const script of run) await context.runProgram(['/bin/sh', '-c', script], { environment: { WORD: 'hello' } });
    return result;
  },
});

const processes = new ProcessRunner();
afterAll(() => processes.killAll());

const done: StepResult = { outcome: 'succeeded', details: { installed: 'a' } };
const failed: StepResult = { outcome: 'failed', reason: 'no such package', details: { stderr: 'E: none' } };

function run(programs: readonly string[], result: StepResult, keys: Partial<DocumentStep>): Promise<StepResult> {
  const step: DocumentStep = {
    ...{ path: 'steps[0].action', name: 'S', environment: {}, includeStdOut: false, ignoreStepFailure: false },
    ...{ onInterrupted: 'retry', pointOfNoReturn: false, ...keys },
    work: { type: 'builtIn', builtIn: scripts, input: { run: programs, result } },
  };
  const tools = { programs: { processes, allowedDirectories: [] }, builtIns: [], parse: () => expect.fail() };
  return documentStep(step, tools).run(stepContext());
}

const three = ['echo a >&2; printf b >&2', 'echo c >&2'];

test('more lines on stderr than allowStdErr, of all programs of a built-in together, fail its step', async () => {
  expect(await run(three, done, {})).toEqual(done);
  expect(await run(three, done, { allowStdErr: 3 })).toEqual(done);
  expect(await run(three, done, { allowStdErr: 2 })).toEqual({
    outcome: 'failed',
    reason: 'wrote more than 2 lines to stderr (allowStdErr)',
    details: { installed: 'a', stderr: 'c\n' },
  });
  expect(await run(three, failed, { allowStdErr: 0 })).toMatchObject({
    reason: 'no such package and wrote more than 0 lines to stderr (allowStdErr)',
  });
});

test('includeStdOut tells what the last program of a built-in wrote that wrote something', async () => {
  const programs = ['echo first', 'echo "$WORD"', 'true'];
  expect(await run(programs, done, {})).toEqual(done);
  const details = { installed: 'a', stdout: 'hello\n' };
  expect(await run(programs, done, { includeStdOut: true })).toEqual({ outcome: 'succeeded', details });
  expect(await run(programs, failed, { includeStdOut: true })).toMatchObject({
    details: { stderr: 'E: none', stdout: 'hello\n' },
  });
});

test('what is no end of the step stays what it is', async () => {
  const later: StepResult = { outcome: 'deferred', reason: 'locked' };
  expect(await run(three, later, { allowStdErr: 0, includeStdOut: true })).toEqual(later);
});

test('a failure says that a program of it was ended by a signal that was not ours', async () => {
  expect(await run(['kill -TERM $$', 'true'], failed, {})).toMatchObject({ killedBy: 'SIGTERM' });
  expect(await run(['kill -TERM $$'], done, {})).not.toHaveProperty('killedBy');
});
