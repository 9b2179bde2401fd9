import type { StepResult } from './fleet-step.ts';

/** A step's medians, over its repeats. */
export type StepRow = { readonly [K in keyof StepResult]: number };

/** What is less than this factor is no growth to speak of. */
const LEAST_GROWTH = 1.1;
/** By this factor dearer than the cheapest: something grows with the fleet. */
const DEARER = 1.25;

const COLUMNS: readonly (readonly [title: string, cell: (row: StepRow, first: StepRow) => string])[] = [
  ['devices', (row) => String(row.devices)],
  ['connections/s', (row) => row.connectionsPerSecond.toFixed(0)],
  ['CPU ms/conn', (row) => row.cpuMsPerConnection.toFixed(1)],
  ['RSS MiB', (row) => row.rssMiB.toFixed(0)],
  ['KiB/conn', (row) => row.rssKiBPerConnection.toFixed(0)],
  ['executions/s', (row) => row.executionsPerSecond.toFixed(0)],
  ['× first', (row, first) => (row.executionsPerSecond / first.executionsPerSecond).toFixed(2)],
  ['p50 ms', (row) => row.p50Ms.toFixed(0)],
  ['p95 ms', (row) => row.p95Ms.toFixed(0)],
  ['p99 ms', (row) => row.p99Ms.toFixed(0)],
  ['CPU ms/exec', (row) => row.cpuMsPerExecution.toFixed(2)],
  ['load ms/exec', (row) => row.loadCpuMsPerExecution.toFixed(2)],
  ['cores', (row) => row.simulatorCores.toFixed(2)],
  ['loop busy', (row) => `${(row.loopUtilization * 100).toFixed(0)} %`],
  ['loop p99 ms', (row) => row.loopDelayP99Ms.toFixed(0)],
];

/** Each measure's median over the repeats of one step. */
export function medians(repeats: readonly StepResult[]): StepRow {
  const [first] = repeats;
  if (!first) throw new Error('nothing was measured');
  const entries = Object.keys(first).map((name) => [
    name,
    median(repeats.map((result) => result[name as keyof StepResult])),
  ]);
  return Object.fromEntries(entries) as StepRow;
}

export function table(rows: readonly StepRow[]): string {
  const [first] = rows;
  if (!first) return '';
  const titles = COLUMNS.map(([title]) => title);
  const lines = [titles, ...rows.map((row) => COLUMNS.map(([, cell]) => cell(row, first)))];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) => line.map((text, column) => text.padStart(widths[column] ?? 0)).join('  ')).join('\n');
}

/**
 * Where the curve bends, in one sentence: the smallest fleet that does about as many executions a second as any, and the
 * first beyond the cheapest whose executions cost markedly more of the simulator's CPU.
 */
export function bend(rows: readonly StepRow[]): string {
  const most = Math.max(...rows.map((row) => row.executionsPerSecond));
  const full = rows.find((row) => row.executionsPerSecond * LEAST_GROWTH >= most);
  const least = Math.min(...rows.map((row) => row.cpuMsPerExecution));
  const cheapest = rows.findIndex((row) => row.cpuMsPerExecution === least);
  const dear = rows.slice(cheapest).find((row) => row.cpuMsPerExecution > least * DEARER);
  if (!full || rows.length < 2) return 'One step has no curve.';
  const busy = `${(full.loopUtilization * 100).toFixed(0)} % busy`;
  const growth =
    full === rows.at(-1)
      ? `executions/s grow up to the last step, ${full.devices} devices (event loop ${busy})`
      : `executions/s stop growing at ${full.devices} devices (event loop ${busy})`;
  const cost = dear
    ? `from ${dear.devices} devices on one costs ${(dear.cpuMsPerExecution / least).toFixed(2)} times the CPU of the cheapest, at ${rows[cheapest]?.devices}`
    : `with more devices than the cheapest step's ${rows[cheapest]?.devices}, one never costs more than ${DEARER} times its CPU`;
  return `The bend: ${growth}; ${cost}.`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}
