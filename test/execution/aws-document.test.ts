import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commandWords } from '../../src/execution/aws-document.ts';
import { parseAwsDocument } from '../../src/execution/aws-document-parser.ts';
import { DocumentPlanner } from '../../src/execution/document-planner.ts';
import { ProcessRunner } from '../../src/system/child-process.ts';
import { silentLog } from '../support/silent-log.ts';

const step = (action: object) => ({ version: '1.0', steps: [{ action }] });
const command = (value: unknown) => step({ name: 'A', type: 'runCommand', input: { command: value } });

test.each<[string, unknown, string]>([
  [
    'a wrong version',
    { version: '2.0', steps: [] },
    'version: expected "1.0", got "2.0"; steps: expected at least one step, got an empty array',
  ],
  ['no steps', { version: '1.0' }, 'steps: missing'],
  [
    'steps without a version',
    { steps: [{ action: { name: 'A', type: 'runCommand', input: { command: 'true' } } }] },
    'version: missing',
  ],
  ['a step without an action', { version: '1.0', steps: [{}] }, 'steps[0].action: missing'],
  ['a step that is null', { version: '1.0', steps: [null] }, 'steps[0]: expected an object, got null'],
  ['no input', step({ name: 'A', type: 'runHandler' }), 'steps[0].action.input: missing'],
  [
    'a handler of the wrong type',
    step({ name: 'A', type: 'runHandler', input: { handler: 42 } }),
    'steps[0].action.input.handler: expected a non-empty string, got 42',
  ],
  [
    'an unknown type and no name',
    step({ type: 'runScript' }),
    'steps[0].action.name: missing; steps[0].action.type: expected "runHandler" or "runCommand", got "runScript"',
  ],
  [
    'an argument that is no string',
    step({ name: 'A', type: 'runHandler', input: { handler: 'a', args: ['x', 1] } }),
    'steps[0].action.input.args[1]: expected a string, got 1',
  ],
  ['a command as array', command(['echo']), 'steps[0].action.input.command: expected a non-empty string, got an array'],
  ['a command without words', command(' , '), 'steps[0].action.input.command: expected at least one word, got " , "'],
  [
    'a first word with white space',
    command('echo a,b'),
    'steps[0].action.input.command: expected a first word without white space, got "echo a,b"',
  ],
  [
    'runAsUser',
    step({ name: 'A', type: 'runCommand', input: { command: 'id' }, runAsUser: 'root' }),
    'not supported yet: steps[0].action.runAsUser',
  ],
  [
    'every other field',
    {
      version: '1.0',
      includeStdOut: 'true',
      conditions: [{}],
      finalStep: {},
      steps: [
        {
          action: {
            name: 'A',
            type: 'runCommand',
            input: { command: 'id' },
            allowStdErr: 0,
            ignoreStepFailure: 'true',
          },
        },
      ],
    },
    'not supported yet: includeStdOut, conditions, finalStep, steps[0].action.allowStdErr, steps[0].action.ignoreStepFailure',
  ],
  [
    'arguments beside a command',
    step({ name: 'A', type: 'runCommand', input: { command: 'id', args: ['x'] } }),
    'not supported yet: steps[0].action.input.args with runCommand',
  ],
  [
    'the legacy form',
    { operation: 'reboot.sh', args: [] },
    'not supported yet: operation (the form without a version)',
  ],
])('rejects %s with the precise reason', (_title, document, reason) => {
  expect(parseAwsDocument(document)).toEqual({ kind: 'rejected', reason });
});

test('reads both actions, and ignores keys that the schema does not have', () => {
  const document = {
    version: '1.0',
    comment: 'fleet note',
    steps: [
      { action: { name: 'A', type: 'runCommand', input: { command: 'echo,a\\,b' }, runAsUser: '', note: 1 } },
      { action: { name: 'B', type: 'runHandler', input: { handler: 'reboot.sh', path: '' } } },
    ],
  };
  expect(parseAwsDocument(document)).toEqual({
    kind: 'steps',
    steps: [
      { type: 'runCommand', name: 'A', words: ['echo', 'a,b'] },
      { type: 'runHandler', name: 'B', handler: 'reboot.sh', args: [], path: '' },
    ],
  });
});

test.each([
  ['a,,b', ['a', 'b']],
  [' a , b c ,', ['a', 'b c']],
  ['a\\,b\\,,c', ['a,b,', 'c']],
  ['a\\b', ['a\\b']],
])('splits the command %j as the AWS agent does', (text, words) => {
  expect(commandWords(text)).toEqual(words);
});

test('no document makes the planner throw, and a rejection always has a reason', async () => {
  const planner = new DocumentPlanner({ plugins: [], processes: new ProcessRunner(), log: silentLog });
  const action = fc.record(
    {
      name: fc.jsonValue(),
      type: fc.oneof(fc.constantFrom('runCommand', 'runHandler'), fc.jsonValue()),
      input: fc.oneof(
        fc.jsonValue(),
        fc.dictionary(fc.constantFrom('command', 'handler', 'args', 'path'), fc.jsonValue()),
      ),
      runAsUser: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const nearly = fc.record(
    {
      version: fc.oneof(fc.constant('1.0'), fc.jsonValue()),
      steps: fc.oneof(fc.jsonValue(), fc.array(fc.oneof(fc.jsonValue(), fc.record({ action })))),
      operation: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.anything(), fc.jsonValue(), nearly), async (document) => {
      const verdict = await planner.plan(document);
      expect(verdict.kind === 'plan' ? verdict.plan.steps.length : verdict.reason.length).toBeGreaterThan(0);
    }),
    { numRuns: 1000 },
  );
});
