import { expect, test } from 'vitest';
import { createDocumentParser } from '../../src/execution/document-parser.ts';
import { DocumentPlanner } from '../../src/execution/document-planner.ts';
import { type PlannedPlugin, pluginStep, pluginVerdict } from '../../src/execution/plugin-step.ts';
import type { Acceptance } from '../../src/handlers/contract.ts';
import { ProcessRunner } from '../../src/system/child-process.ts';
import type { Log } from '../../src/system/log.ts';
import { silentLog } from '../support/silent-log.ts';

const plugin = (name: string, accepts: (document: unknown) => Acceptance): PlannedPlugin => ({
  name,
  accepts: async (document) => accepts(document),
  run: async () => ({ outcome: 'succeeded', details: {} }),
});
const takes = (name: string, type: string) =>
  plugin(name, (document) => ({ kind: typeof document === type ? 'accepted' : 'declined' }));

test('a plug-in’s plan is one step, which runs again after an interruption', () => {
  expect(pluginStep(takes('p', 'number'))).toMatchObject({ name: 'p', ignoreFailure: false, onInterrupted: 'retry' });
});

test('what a plug-in wants and is wrong is rejected, every problem with its path', async () => {
  const picky = plugin('resize', () => ({ kind: 'invalid', problems: ['width: expected a number', 'x[1]: unknown'] }));
  expect(await pluginVerdict(picky, {}, silentLog)).toEqual({
    kind: 'rejected',
    reason: 'not valid for "resize": width: expected a number; x[1]: unknown',
  });
});

test('why a plug-in declined is in the log, and in the verdict', async () => {
  const lines: object[] = [];
  const log: Log = { ...silentLog, warn: (fields) => void lines.push(fields) };
  const thrower = plugin('p', () => ({ kind: 'declined', why: 'accepts() threw: no' }));
  expect(await pluginVerdict(thrower, {}, log)).toEqual({ kind: 'declined', why: 'accepts() threw: no' });
  expect(lines).toEqual([{ plugin: 'p', why: 'accepts() threw: no' }]);
});

test('conditions are asked about before a job begins, and not again: its steps may have changed what they ask', async () => {
  const programs = { processes: new ProcessRunner(), allowedDirectories: [] };
  const judge = { parse: createDocumentParser([]), builtIns: [], attributes: new Map([['ring', '2']]) };
  const planner = new DocumentPlanner({ plugins: [], judge, builtIns: [], programs, log: silentLog });
  const document = {
    version: '1.0',
    conditions: [{ key: 'ring', value: ['1'], type: 'stringEqual' }],
    steps: [{ action: { name: 'A', type: 'runCommand', input: { command: 'true' } } }],
  };
  expect(await planner.plan(document)).toMatchObject({ kind: 'rejected' });
  expect(await planner.plan(document, { begun: true })).toMatchObject({ kind: 'plan' });
});

test('the first plug-in that accepts gets the job, the built-in schema comes last, nobody is said by name', async () => {
  const first = plugin('first', (document) => ({ kind: document === 1 ? 'accepted' : 'declined' }));
  const plugins = [first, takes('second', 'number')];
  const programs = { processes: new ProcessRunner(), allowedDirectories: [] };
  const judge = { parse: createDocumentParser([]), builtIns: [] };
  const planner = new DocumentPlanner({ plugins, judge, builtIns: [], programs, log: silentLog });
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
