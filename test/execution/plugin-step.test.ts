import { expect, test } from 'vitest';
import { DocumentPlanner } from '../../src/execution/document-planner.ts';
import { pluginAccepts, pluginStep } from '../../src/execution/plugin-step.ts';
import type { JobHandler } from '../../src/handlers/contract.ts';
import { ProcessRunner } from '../../src/system/child-process.ts';
import { silentLog } from '../support/silent-log.ts';

const handler = (change: object): JobHandler => ({ name: 'p', accepts: () => true, run: () => undefined, ...change });

function run(body: object, signal = new AbortController().signal, graceMs = 20) {
  const job = { thingName: 't', jobId: 'j', executionNumber: 1, document: {} };
  const context = { job, stepIndex: 0, signal, log: silentLog, reportProgress: () => undefined };
  return pluginStep(handler(body), graceMs).run(context);
}

test('only a plain yes within the deadline accepts', async () => {
  const ask = (accepts: unknown) => pluginAccepts(handler({ accepts }), {}, silentLog, 20);
  expect(await ask(() => true)).toBe(true);
  expect(await ask(async () => true)).toBe(true);
  expect(await ask(() => 'yes')).toBe(false);
  // It has not declined: the job must not be REJECTED for that.
  await expect(ask(() => new Promise(() => undefined))).rejects.toMatchObject({ code: 'PLUGIN_UNANSWERED' });
  const thrower = () => {
    throw new Error('no');
  };
  expect(await ask(thrower)).toBe(false);
});

test('returning nothing succeeds; a throw, FAILED and nonsense fail with the reason', async () => {
  expect(await run({ run: () => undefined })).toEqual({ outcome: 'succeeded', details: {} });
  expect(await run({ run: async () => Promise.reject(new Error('disk full')) })).toMatchObject({ reason: 'disk full' });
  expect(await run({ run: () => ({ status: 'FAILED' }) })).toMatchObject({ outcome: 'failed' });
  expect(await run({ run: () => ({ status: 'DONE' }) })).toMatchObject({
    outcome: 'failed',
    reason: expect.stringContaining('invalid result'),
  });
});

test('after the abort: a result counts, an AbortError and a silence are interruptions', async () => {
  const aborted = AbortSignal.abort();
  expect(await run({ run: () => ({ status: 'SUCCEEDED' }) }, aborted)).toMatchObject({ outcome: 'succeeded' });
  const heeds = ({ signal }: { signal: AbortSignal }) => signal.throwIfAborted();
  expect(await run({ run: heeds }, aborted)).toEqual({ outcome: 'interrupted' });
  expect(await run({ run: () => new Promise(() => undefined) }, aborted)).toEqual({ outcome: 'interrupted' });
});

test('the first plug-in that accepts gets the job, the built-in schema comes last, nobody is said by name', async () => {
  const first = handler({ name: 'first', accepts: (document: unknown) => document === 1 });
  const second = handler({ name: 'second', accepts: (document: unknown) => typeof document === 'number' });
  const planner = new DocumentPlanner({ plugins: [first, second], processes: new ProcessRunner(), log: silentLog });
  expect(await planner.plan(1)).toMatchObject({ plan: { handler: 'first' } });
  expect(await planner.plan(2)).toMatchObject({ plan: { handler: 'second', steps: [{ name: 'second' }] } });
  const document = {
    version: '1.0',
    steps: [{ action: { name: 'A', type: 'runCommand', input: { command: 'true' } } }],
  };
  expect(await planner.plan(document)).toMatchObject({ plan: { handler: 'aws-document', steps: [{ name: 'A' }] } });
  expect(await planner.plan('x')).toMatchObject({
    reason: expect.stringMatching(/^no handler accepts this document: declined by first, second/),
  });
});
