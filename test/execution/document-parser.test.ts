import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createDocumentParser, parseJobDocument } from '../../src/execution/document-parser.ts';
import { problemText, reasonOf } from '../../src/execution/document-problems.ts';
import { substituteParameters } from '../../src/simulator/jobs/document-substitution.ts';
import { managedTemplates } from '../../src/simulator/jobs/templates/managed-template-data.ts';
import { corpus, testBuiltIns } from './documents/corpus.ts';
import { anyDocument, FUZZ } from './documents/generated.ts';

const parse = createDocumentParser(testBuiltIns());

/** A built-in is its action, and what is absent is not there. */
function plain(document: object): unknown {
  return JSON.parse(
    JSON.stringify(document, (key, value: unknown) =>
      key === 'builtIn' && typeof value === 'object' && value !== null && 'action' in value ? value.action : value,
    ),
  );
}

test.each(corpus().map((one) => [one.title, one] as const))('%s', (_title, one) => {
  const parsed = parse(one.document);
  expect(parsed.kind === 'invalid' ? parsed.problems.map(problemText) : []).toEqual(one.problems);
  expect(parsed.warnings.map(problemText)).toEqual(one.warnings);
  if (parsed.kind === 'invalid') return;
  if (one.exactly) expect(plain(parsed.document)).toEqual(one.means);
  else if (one.means) expect(plain(parsed.document)).toMatchObject(one.means);
});

describe('the managed templates of AWS', () => {
  const cases = managedTemplates().flatMap((template) =>
    [false, true].map((optional) => [template.templateName, optional ? 'all' : 'only its required'] as const),
  );

  test.each(cases)('%s with %s parameters', (name, which) => {
    const template = managedTemplates().find(({ templateName }) => templateName === name);
    const { document = '', documentParameters = [] } = template ?? {};
    const given = documentParameters.filter(({ optional }) => which === 'all' || !optional);
    const values = Object.fromEntries(given.map(({ key, example }) => [key, example]));
    const parsed = parse(JSON.parse(substituteParameters(document, values, documentParameters)));
    expect(parsed).toMatchObject({ kind: 'parsed', warnings: [] });
    if (parsed.kind === 'invalid') return;
    const [step] = parsed.document.steps;
    expect(parsed.document.steps).toHaveLength(1);
    expect(step).toMatchObject({ name: name.slice('AWS-'.length), ignoreStepFailure: false, includeStdOut: false });
    expect(step?.runAsUser).toBe(which === 'all' ? 'user1' : undefined);
    if (step?.work.type === 'runHandler') {
      expect(step.work.path).toBe(which === 'all' ? '/path/to/handler/script' : undefined);
      const required = documentParameters.filter(({ optional }) => !optional);
      expect(step.work.args).toEqual(required.map(({ example }) => example));
    } else expect(step?.work).toEqual({ type: 'runCommand', words: ['echo', 'hello world'] });
  });
});

describe('whatever a document is', () => {
  test('it is parsed, or invalid with problems that have a path and a phrase; nothing throws', () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        const parsed = parse(document);
        const problems = parsed.kind === 'invalid' ? parsed.problems : [];
        expect(parsed.kind === 'parsed' ? parsed.document.steps.length : problems.length).toBeGreaterThan(0);
        for (const problem of [...problems, ...parsed.warnings]) {
          expect(problem.path).toMatch(/./);
          expect(problemText(problem)).toMatch(/^\P{C}+$/u);
        }
      }),
      FUZZ,
    );
  });

  test('parsing does not change it', () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        const before = structuredClone(document);
        parse(document);
        expect(document).toEqual(before);
      }),
      { ...FUZZ, numRuns: 200 },
    );
  });

  test('unknown keys never make a valid one invalid, and change nothing of what it means', () => {
    const known = JSON.stringify(corpus().map(({ document }) => document));
    const unknown = fc.dictionary(
      fc.string().filter((key) => !known.includes(JSON.stringify(key))),
      fc.jsonValue(),
    );
    const valid = corpus().filter(({ problems }) => problems.length === 0);
    fc.assert(
      fc.property(fc.constantFrom(...valid), unknown, ({ document }, keys) => {
        const extended = { ...(document as object), ...keys };
        const [without, having] = [parse(document), parse(extended)];
        expect(having.kind === 'parsed' && plain(having.document)).toEqual(
          without.kind === 'parsed' && plain(without.document),
        );
        expect(having.warnings).toHaveLength(without.warnings.length + Object.keys(keys).length);
      }),
      { ...FUZZ, numRuns: 300 },
    );
  });
});

describe('a document of no sane size', () => {
  const step = { action: { name: 'A', type: 'runCommand', input: { command: 'true' } } };
  const deep = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);

  test.each<[string, unknown]>([
    ['a hundred thousand steps', { version: '1.0', steps: Array.from({ length: 100_000 }, () => step) }],
    ['a hundred thousand wrong steps', { version: '1.0', steps: Array.from({ length: 100_000 }, () => null) }],
    ['a hundred thousand arrays for steps', { version: '1.0', steps: Array.from({ length: 100_000 }, () => []) }],
    ['deep nesting for a text', { version: deep(5000), steps: deep(5000), operation: deep(5000) }],
    [
      'deep nesting under a key that nobody reads',
      { version: '1.0', steps: [{ ...step, x: JSON.parse(`${'{"x":'.repeat(5000)}1${'}'.repeat(5000)}`) }] },
    ],
    [
      'white space without end',
      { version: '1.0', steps: [{ action: { ...step.action, input: { command: `a,${' '.repeat(200_000)}b` } } }] },
    ],
    [
      'commas without end',
      { version: '1.0', steps: [{ action: { ...step.action, input: { command: `a${'\\,'.repeat(100_000)},` } } }] },
    ],
    [
      'a very long name',
      {
        version: '1.0',
        steps: [{ action: { ...step.action, name: 'x'.repeat(1_000_000), type: 'y'.repeat(1_000_000) } }],
      },
    ],
  ])('is answered: %s', (_title, document) => {
    const parsed = parse(document);
    if (parsed.kind === 'invalid') expect(reasonOf(parsed.problems.map(problemText)).length).toBeLessThanOrEqual(1024);
  });

  test.each<[string, unknown]>([
    ['NaN', Number.NaN],
    ['a bigint', 1n],
    ['a symbol', Symbol('x')],
    ['a function', () => 1],
    ['undefined', undefined],
    ['a date', new Date(Number.NaN)],
    ['a map', new Map()],
  ])('or of what JSON has not is answered: %s', (_title, value) => {
    const action = { name: value, type: value, input: value, allowStdErr: value, environment: { A: value } };
    for (const document of [value, { version: value, steps: value }, { version: '1.0', steps: [value, { action }] }]) {
      expect(parse(document).kind).toBe('invalid');
    }
  });
});

test('a reason has as many whole problems as the cloud takes, and the number of those left out', () => {
  const problems = Array.from({ length: 100 }, (_, index) => `steps[${index}].action: expected an object, got nothing`);
  const reason = reasonOf(problems);
  expect(reason.length).toBeLessThanOrEqual(1024);
  const [, left] = /^.*nothing; and (\d+) more$/.exec(reason) ?? [];
  expect(reason.split('; ').length - 1 + Number(left)).toBe(100);
  expect(reasonOf(['a: x', 'b: y'])).toBe('a: x; b: y');
  expect(reasonOf(['x'.repeat(2000), 'y'])).toMatch(/^x+; and 1 more$/);
});

test('parsing one document is the same as making a parser for it', () => {
  for (const { document } of corpus()) {
    expect(parseJobDocument(document, testBuiltIns()).warnings).toEqual(parse(document).warnings);
  }
});
