import { loadavg, tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import type { Window } from './agent-process.ts';
import { isInMemory, QueueLab } from './queue-lab.ts';

/**
 * The window that no journal closes: from the word that a step's process has ended to its end on disk. Over a bare write
 * and fdatasync of as many bytes to a file beside it, after each: the least that any journal can take. Measured within a
 * whole agent; the word is node:child_process's `exit` event.
 */
const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '20' },
    steps: { type: 'string', default: '25' },
    directory: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
});
/** Windows at the start, which are not counted: code is compiled then. */
const WARM_UP = 20;

const [jobs, steps] = [number('jobs'), number('steps')];
const { directory } = values;
if (isInMemory(directory)) throw new Error(`--directory: ${directory} is in memory, where a sync does nothing`);

const lab = new QueueLab();
await lab.start();
try {
  const action = { name: 'True', type: 'runCommand', input: { command: 'true' } };
  const document = { version: '1.0', steps: Array.from({ length: steps }, () => ({ action })) };
  const { windows } = await lab.drain({
    ...{ kind: 'program', jobs, document, concurrency: 1, window: true, place: directory },
  });
  report(windows.slice(WARM_UP));
} finally {
  await lab.stop();
}

function report(windows: readonly Window[]): void {
  const spread = (numbers: readonly number[]) => ({ median: at(numbers, 0.5), p99: at(numbers, 0.99) });
  const ours = spread(windows.map(({ ms }) => ms));
  const bare = spread(windows.map(({ bareMs }) => bareMs));
  const ratio = { median: ours.median / bare.median, p99: ours.p99 / bare.p99 };
  const bytes = at(
    windows.map((window) => window.bytes),
    0.5,
  );
  const load = loadavg()[0] ?? Number.NaN;
  const method = `${windows.length} steps of ${jobs} jobs, each the program true, in one agent: from its exit event to the return of the journal's write; after each a bare write and fdatasync of as many bytes (median ${bytes}).`;
  if (values.json) {
    console.log(JSON.stringify({ node: process.version, load, method, bytes, window: ours, bare, ratio, windows }));
    return;
  }
  const line = (title: string, { median, p99 }: { median: number; p99: number }): string =>
    `${title.padEnd(26)}${median.toFixed(2).padStart(8)}${p99.toFixed(2).padStart(10)}`;
  console.log(`Node ${process.version}, ${process.platform} ${process.arch}, load ${load.toFixed(1)}\n`);
  console.log(`${''.padEnd(26)}${'median'.padStart(8)}${'p99'.padStart(10)}`);
  console.log(line('window (ms)', ours));
  console.log(line('write + fdatasync (ms)', bare));
  console.log(line('ratio', ratio));
  console.log(`\n${method}`);
}

function at(numbers: readonly number[], share: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.round((numbers.length - 1) * share)] ?? Number.NaN;
}

function number(name: 'jobs' | 'steps'): number {
  const text = values[name];
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name}: expected a positive whole number, not ${text}`);
  return Number(text);
}
