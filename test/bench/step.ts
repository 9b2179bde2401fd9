import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { runCommand } from '../../src/handlers/program.ts';
import type { StepContext } from '../../src/handlers/step.ts';
import { ProcessRunner } from '../../src/system/child-process.ts';

/**
 * What a step costs that does nothing, over Node's spawn of the same program. Both in one process and in turn, so that
 * the ratio means the same on a slow machine.
 */
const { values } = parseArgs({
  options: { runs: { type: 'string', default: '300' }, json: { type: 'boolean', default: false } },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1)
  throw new Error(`--runs: expected a positive whole number, not ${values.runs}`);
const WARM_UP = 20;

const silent = () => undefined;
const context: StepContext = {
  job: { thingName: 'thing', jobId: 'job', executionNumber: 1, document: {} },
  stepIndex: 0,
  attempt: 1,
  signal: new AbortController().signal,
  log: { debug: silent, info: silent, warn: silent, error: silent },
  output: { write: silent },
  scratchDirectory: '/tmp',
  lastProgress: undefined,
  rebooted: false,
  saveProgress: silent,
  reportProgress: silent,
  refreshDocument: async () => ({}),
};
const settings = { processes: new ProcessRunner(), allowedDirectories: [] };

const step: number[] = [];
const bare: number[] = [];
for (let run = -WARM_UP; run < runs; run += 1) {
  const [ours, theirs] = [await timed(runStep), await timed(runBare)];
  if (run < 0) continue;
  step.push(ours);
  bare.push(theirs);
}
report();

async function runStep(): Promise<void> {
  const { outcome } = await runCommand(['true'], { environment: {}, includeStdOut: false }, context, settings);
  if (outcome !== 'succeeded') throw new Error(`the step ${outcome}`);
}

async function runBare(): Promise<void> {
  const child = spawn('true', { stdio: ['ignore', 'pipe', 'pipe'] });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`true ended with ${code}`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function report(): void {
  const [ours, theirs] = [spread(step), spread(bare)];
  const ratio = ours.median / theirs.median;
  const method = `Medians (5th–95th percentile) of ${runs} runs each, in turn, in one process: runCommand ["true"], and spawn("true") up to its close.`;
  if (values.json) {
    console.log(JSON.stringify({ node: process.version, runs, method, step: ours, bare: theirs, ratio }));
    return;
  }
  console.log(`Node ${process.version}, ${process.platform} ${process.arch}\n`);
  console.log(
    `no-op step (ms)   ${shown(ours)}\nbare spawn (ms)   ${shown(theirs)}\nratio             ${ratio.toFixed(2)}`,
  );
  console.log(`\n${method}`);
}

interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

function spread(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN;
  return { median: at(0.5), low: at(0.05), high: at(0.95) };
}

function shown({ median, low, high }: Spread): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}
