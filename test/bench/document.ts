import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { plainBuiltIns } from '../../src/agent/device.ts';
import { createDocumentParser } from '../../src/execution/document-parser.ts';

// What it costs to parse and check a job document, beside JSON.parse of the same text: the largest documents that AWS
// IoT Jobs takes, of several kinds. A device does this once for a job, so the first time is told too.

/** Characters (service model, JobDocument). */
const LARGEST = 32_768;

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '300' }, json: { type: 'boolean', default: false } },
});
const runs = Number(values.runs);

/** As many items as the largest document has room for, and a comment that fills it to the last character. */
function largest(document: (items: readonly object[]) => object, item: (index: number) => object): string {
  const items: object[] = [];
  const text = () => JSON.stringify({ ...document(items), _comment: '' });
  do items.push(item(items.length));
  while (text().length <= LARGEST);
  items.pop();
  return JSON.stringify({ ...document(items), _comment: 'x'.repeat(LARGEST - text().length) });
}

const steps = (items: readonly object[]) => ({ version: '1.0', steps: items });
const DOCUMENTS: readonly (readonly [title: string, text: string])[] = [
  [
    'commands, least keys',
    largest(steps, (index) => ({
      action: { name: `Step ${index}`, type: 'runCommand', input: { command: 'echo,hello\\, world' } },
    })),
  ],
  [
    'handlers, every key',
    largest(steps, (index) => ({
      action: {
        name: `Step ${index}`,
        type: 'runHandler',
        input: { handler: 'install-packages.sh', args: ['lftp', 'dos2unix'], path: 'default' },
        runAsUser: 'user1',
        allowStdErr: 2,
        ignoreStepFailure: 'true',
        includeStdOut: true,
        timeoutSeconds: 600,
        retry: { attempts: 3, delaySeconds: 10 },
        environment: { LANG: 'C.UTF-8' },
        workingDirectory: '/var/tmp',
        onInterrupted: 'fail',
      },
    })),
  ],
  [
    'one step, many arguments',
    largest(
      (items) => ({
        version: '1.0',
        steps: [
          { action: { name: 'A', type: 'runHandler', input: { handler: 'a.sh', args: items.map((_, i) => `a${i}`) } } },
        ],
      }),
      () => ({}),
    ),
  ],
  ['every step wrong', largest(steps, () => ({ action: { nmae: 1, type: 'runHandler', input: { handler: 42 } } }))],
];

const started = performance.now();
const parse = createDocumentParser(plainBuiltIns());
// The schemas are made with the first document.
parse({});
const createMs = performance.now() - started;

const rows = DOCUMENTS.map(([title, text]) => {
  if (text.length !== LARGEST) throw new Error(`${title}: ${text.length} characters`);
  const document: unknown = JSON.parse(text);
  const first = timed(() => parse(document));
  const parsed = parse(document);
  const outcome =
    parsed.kind === 'parsed' ? `${parsed.document.steps.length} steps` : `${parsed.problems.length} problems`;
  for (let run = 0; run < runs; run += 1) parse(document);
  const json: number[] = [];
  const ours: number[] = [];
  // In turn, so that what else the machine does is shared.
  for (let run = 0; run < runs; run += 1) {
    json.push(timed(() => JSON.parse(text)));
    ours.push(timed(() => parse(document)));
  }
  const [jsonMs, parseMs] = [median(json), median(ours)];
  return { title, outcome, firstMs: first, jsonMs, parseMs, ratio: parseMs / jsonMs };
});

const method = `Documents of ${LARGEST} characters; medians of ${runs} runs, JSON.parse and parse + validate in turn, after as many to warm up; "first" is the first of its kind in the process.`;
if (values.json) console.log(JSON.stringify({ node: process.version, runs, createMs, method, rows }));
else {
  console.log(
    `Node ${process.version}, ${process.platform} ${process.arch}; a parser is made in ${createMs.toFixed(2)} ms\n`,
  );
  const header = ['', '', 'first (ms)', 'JSON.parse (ms)', 'ours (ms)', 'ratio'];
  const cells = rows.map(({ title, outcome, firstMs, jsonMs, parseMs, ratio }) => [
    title,
    outcome,
    ...[firstMs, jsonMs, parseMs].map((ms) => ms.toFixed(3)),
    ratio.toFixed(1),
  ]);
  for (const row of [header, ...cells])
    console.log(
      row
        .map((cell, i) => cell.padEnd(i === 0 ? 26 : 16))
        .join('')
        .trimEnd(),
    );
  console.log(`\n${method}`);
}

function timed(work: () => unknown): number {
  const from = performance.now();
  work();
  return performance.now() - from;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
