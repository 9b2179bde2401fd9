import { describe, expect, test } from 'vitest';
import { ThingAgentError } from '../../src/errors.ts';
import { createDocumentParser } from '../../src/execution/document-parser.ts';
import { DocumentPlanner } from '../../src/execution/document-planner.ts';
import { TRIES_OF_A_BEGUN_ONE } from '../../src/execution/plugin-asking.ts';
import type { PlannedPlugin } from '../../src/execution/plugin-step.ts';
import type { Acceptance } from '../../src/handlers/contract.ts';
import { ProcessRunner } from '../../src/system/child-process.ts';
import type { Log } from '../../src/system/log.ts';
import { silentLog } from '../support/silent-log.ts';

const AWS = { version: '1.0', steps: [{ action: { name: 'A', type: 'runCommand', input: { command: 'true' } } }] };

const plugin = (name: string, accepts: (document: unknown) => Acceptance): PlannedPlugin => ({
  name,
  accepts: async (document) => accepts(document),
  run: async () => ({ outcome: 'succeeded', details: {} }),
});
const takes = (name: string, type: string) =>
  plugin(name, (document) => ({ kind: typeof document === type ? 'accepted' : 'declined' }));

/** Cannot be asked, as often as it says. */
function bad(name: string, times = Number.POSITIVE_INFINITY): PlannedPlugin {
  let left = times;
  return plugin(name, () => {
    left -= 1;
    if (left < 0) return { kind: 'accepted' };
    throw new ThingAgentError('PLUGIN_UNANSWERED', `plug-in "${name}" cannot be asked: why`, { retryable: true });
  });
}

function planner(plugins: readonly PlannedPlugin[], attributes?: ReadonlyMap<string, string>, log: Log = silentLog) {
  const programs = { processes: new ProcessRunner(), allowedDirectories: [] };
  const judge = { parse: createDocumentParser([]), builtIns: [], attributes };
  return new DocumentPlanner({ plugins, judge, builtIns: [], programs, log });
}

const UNANSWERED = { code: 'PLUGIN_UNANSWERED', retryable: true };
const job = { execution: 'job 1' };

test('conditions are asked about before a job begins, and not again: its steps may have changed what they ask', async () => {
  const planned = planner([], new Map([['ring', '2']]));
  const document = { ...AWS, conditions: [{ key: 'ring', value: ['1'], type: 'stringEqual' }] };
  expect(await planned.plan(document, job)).toMatchObject({ kind: 'rejected' });
  expect(await planned.plan(document, { ...job, begun: 'aws-document' })).toMatchObject({ kind: 'plan' });
});

test('the first plug-in that accepts gets the job, the built-in schema comes last, nobody is said by name', async () => {
  const first = plugin('first', (document) => ({ kind: document === 1 ? 'accepted' : 'declined' }));
  const planned = planner([first, takes('second', 'number')]);
  expect(await planned.plan(1, job)).toMatchObject({ plan: { handler: 'first' } });
  expect(await planned.plan(2, job)).toMatchObject({ plan: { handler: 'second', steps: [{ name: 'second' }] } });
  expect(await planned.plan(AWS, job)).toMatchObject({ plan: { handler: 'aws-document', steps: [{ name: 'A' }] } });
  expect(await planned.plan('x', job)).toMatchObject({
    reason: expect.stringMatching(/^no handler accepts this document: declined by first, second/),
  });
});

describe('a plug-in that cannot be asked', () => {
  test('is asked again at two later tries of the execution, each execution by itself, and may then accept', async () => {
    const planned = planner([bad('p', 4)]);
    await expect(planned.plan(1, job)).rejects.toMatchObject(UNANSWERED);
    await expect(planned.plan(1, { execution: 'other 1' })).rejects.toMatchObject(UNANSWERED);
    await expect(planned.plan(1, job)).rejects.toMatchObject(UNANSWERED);
    await expect(planned.plan(1, { execution: 'other 1' })).rejects.toMatchObject(UNANSWERED);
    expect(await planned.plan(1, job)).toMatchObject({ plan: { handler: 'p' } });
  });

  test('then counts as declined: what others take runs, with a warning in the log', async () => {
    const warnings: object[] = [];
    const log: Log = { ...silentLog, warn: (fields) => void warnings.push(fields) };
    const planned = planner([bad('p'), takes('second', 'number')], undefined, log);
    for (const document of [AWS, 2]) {
      const execution = JSON.stringify(document);
      await expect(planned.plan(document, { execution })).rejects.toMatchObject(UNANSWERED);
      await expect(planned.plan(document, { execution })).rejects.toMatchObject(UNANSWERED);
    }
    const aws = { execution: JSON.stringify(AWS) };
    expect(await planned.plan(AWS, aws)).toMatchObject({ plan: { handler: 'aws-document' } });
    expect(await planned.plan(2, { execution: '2' })).toMatchObject({ plan: { handler: 'second' } });
    expect(warnings).toEqual([
      { faults: ['plug-in "p" cannot be asked: why'], handler: 'aws-document' },
      { faults: ['plug-in "p" cannot be asked: why'], handler: 'second' },
    ]);
    // Whatever else is planned meanwhile, its tries are not begun anew.
    expect(await planned.plan(AWS, aws)).toMatchObject({ kind: 'plan' });
  });

  test('has its tries anew once it has answered', async () => {
    let asked = 0;
    const planned = planner([
      plugin('p', (document) => {
        asked += 1;
        if (asked % 3 === 0) return { kind: 'accepted' };
        return bad('p').accepts(document) as never;
      }),
    ]);
    for (const _round of [1, 2, 3]) {
      await expect(planned.plan(1, job)).rejects.toMatchObject(UNANSWERED);
      await expect(planned.plan(1, job)).rejects.toMatchObject(UNANSWERED);
      expect(await planned.plan(1, job)).toMatchObject({ plan: { handler: 'p' } });
    }
  });

  test('and what nobody takes is rejected with its fault', async () => {
    const planned = planner([bad('p'), takes('second', 'number')]);
    for (const _try of [1, 2]) await expect(planned.plan('x', job)).rejects.toMatchObject(UNANSWERED);
    expect(await planned.plan('x', job)).toEqual({
      kind: 'rejected',
      reason:
        'no handler accepts this document: plug-in "p" cannot be asked: why; declined by all others, and it is not an AWS document (no version, steps or operation)',
    });
    expect(await planned.plan({ version: '1.0' }, job)).toEqual({
      kind: 'rejected',
      reason: 'plug-in "p" cannot be asked: why; steps: expected an array of steps, got nothing',
    });
  });
});

describe('an execution that has begun', () => {
  test('goes on under its handler, and nobody else is asked', async () => {
    const planned = planner([bad('p'), takes('greedy', 'object'), takes('second', 'number')]);
    expect(await planned.plan(AWS, { ...job, begun: 'aws-document' })).toMatchObject({
      plan: { handler: 'aws-document' },
    });
    expect(await planned.plan(2, { ...job, begun: 'second' })).toMatchObject({ plan: { handler: 'second' } });
  });

  test('is given up when its handler is gone, declines now, or cannot be asked', async () => {
    const planned = planner([takes('second', 'number'), bad('p')]);
    const reason = async (begun: string, document: unknown = 'x') => planned.plan(document, { ...job, begun });
    expect(await reason('gone')).toMatchObject({
      kind: 'rejected',
      reason: 'interrupted under the handler gone: this agent has it no longer (handlers.plugins)',
    });
    expect(await reason('second')).toMatchObject({
      reason: 'interrupted under the handler second: it no longer accepts the document',
    });
    for (let tries = 0; tries < TRIES_OF_A_BEGUN_ONE; tries += 1) {
      await expect(reason('p', 1)).rejects.toMatchObject(UNANSWERED);
    }
    expect(await reason('p', 1)).toMatchObject({
      reason: 'interrupted under the handler p: plug-in "p" cannot be asked: why',
    });
  });
});
