import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { agentJsonSchema, documentJsonSchema } from '../../scripts/json-schemas.ts';
import { plainBuiltIns } from '../../src/agent/device.ts';
import { createDocumentParser } from '../../src/execution/document-parser.ts';
import { problemText } from '../../src/execution/document-problems.ts';
import { substituteParameters } from '../../src/simulator/jobs/document-substitution.ts';
import { managedTemplates } from '../../src/simulator/jobs/templates/managed-template-data.ts';
import { corpus, testBuiltIns } from './documents/corpus.ts';

const parse = createDocumentParser(testBuiltIns());
const { schema, unsaid } = documentJsonSchema(testBuiltIns());
const isTaken = new Ajv({ allErrors: true, strictTypes: false }).compile(schema);

const action = (fields: object) => ({
  version: '1.0',
  steps: [{ action: { name: 'A', type: 'runCommand', input: { command: 'true' }, ...fields } }],
});

test.each([
  ['agent.schema.json', agentJsonSchema()],
  ['job-document.schema.json', documentJsonSchema(plainBuiltIns()).schema],
])('config/%s is what npm run schema writes', (name, generated) => {
  expect(JSON.parse(readFileSync(`config/${name}`, 'utf8'))).toEqual(JSON.parse(JSON.stringify(generated)));
});

describe('the JSON Schema of job documents', () => {
  test('takes every valid document of the corpus', () => {
    for (const { title, document, problems } of corpus()) {
      if (problems.length === 0) expect([title, isTaken(document), isTaken.errors]).toEqual([title, true, null]);
    }
  });

  test('takes the managed templates of AWS, with and without what is optional', () => {
    for (const { document, documentParameters } of managedTemplates()) {
      for (const all of [true, false]) {
        const given = documentParameters.filter(({ optional }) => all || !optional);
        const values = Object.fromEntries(given.map(({ key, example }) => [key, example]));
        expect(isTaken(JSON.parse(substituteParameters(document, values, documentParameters)))).toBe(true);
      }
    }
  });

  test('refuses every invalid document of the corpus but those that are wrong only in what it cannot say', () => {
    const taken = corpus().filter(({ document, problems }) => problems.length > 0 && isTaken(document));
    expect(taken.map(({ title }) => title)).toEqual([
      'commands.json: a first word with white space was written for a shell',
      'keys.json: names with a meaning to JavaScript are names like others, or refused where they would be lost',
      'mistakes.json: an absolute handler of the form without a version has no path beside it',
    ]);
  });

  /** What it cannot say: a transformation, or a check, and a document that it takes and the parser refuses. */
  const CANNOT_SAY: readonly (readonly [what: string, document: unknown, problem: string])[] = [
    [
      'that a command in a text has a word',
      action({ input: { command: ' , ' } }),
      'steps[0].action.input.command: expected at least one word, got " , "',
    ],
    [
      'that its first word has no white space',
      action({ input: { command: 'echo a,b' } }),
      'steps[0].action.input.command: expected a first word without white space, got "echo a,b"',
    ],
    [
      'that the first word of an array is not empty',
      action({ input: { command: ['', 'a'] } }),
      'steps[0].action.input.command: expected a first word that is not empty, got an array',
    ],
    [
      'the range of a number in a text',
      action({ timeoutSeconds: '0' }),
      'steps[0].action.timeoutSeconds: expected a whole number from 1 to 604800, got 0',
    ],
    [
      'which names JavaScript would lose',
      action({ environment: JSON.parse('{"__proto__":"x"}') }),
      'steps[0].action.environment.__proto__: cannot be a name here: JavaScript has a meaning of its own for it',
    ],
    [
      'what stands beside an absolute handler',
      action({ type: 'runHandler', input: { handler: '/opt/x.sh', path: '/opt' } }),
      'steps[0].action.input.path: has no meaning beside the absolute path of a handler: leave it out',
    ],
    [
      'what a built-in checks of its input',
      action({ type: 'fetchFile', input: { url: 'ftp://a.example/x', path: '/x' } }),
      'steps[0].action.input.url: ftp: is not a protocol that this device can use',
    ],
  ];

  test.each(CANNOT_SAY)('cannot say %s', (_what, document, problem) => {
    expect(isTaken(document)).toBe(true);
    const parsed = parse(document);
    expect(parsed.kind === 'invalid' && parsed.problems.map(problemText)).toEqual([problem]);
  });

  test('leaves no check out that is not in that list', () => {
    const told = CANNOT_SAY.map(([, , problem]) => problem);
    expect(unsaid.filter((message) => !told.some((problem) => problem.includes(message)))).toEqual([]);
  });

  test('says what each key is for', () => {
    const text = JSON.stringify(schema);
    for (const key of ['timeoutSeconds', 'cleanup', 'onInterrupted', 'workingDirectory', 'allowStdErr']) {
      expect(text).toMatch(new RegExp(`"${key}":\\{"(description|type|anyOf)":`));
    }
  });
});
