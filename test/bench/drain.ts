import { spawnSync } from 'node:child_process';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isInMemory, memoryDirectory, QueueLab } from './queue-lab.ts';
import { readTrace, straceArguments } from './write-trace.ts';

const HELP = `How many jobs a second an agent drains from a full queue with its journal on disk, what that writes,
and the ratio to the same drain with the journal in memory.

Usage: npm run bench:drain -- [options]

Options:
  --jobs <n>          in the queue (default 100)
  --rounds <n>        how often each is measured, in turn (default 5)
  --concurrency <n>   jobs at once (default 1)
  --directory <path>  where the durable state directory is made: on a disk (default: the temporary directory)
  --json              everything measured, for machines
  -h, --help          this
`;

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '5' },
    concurrency: { type: 'string', default: '1' },
    directory: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const KINDS = {
  program: {
    title: 'one program, true',
    document: {
      version: '1.0',
      steps: [{ action: { name: 'True', type: 'runCommand', input: { command: 'true' } } }],
    },
  },
  step: { title: 'a step in the process', document: {} },
} as const;
type Kind = keyof typeof KINDS;

if (values.help) process.stdout.write(HELP);
else await main();

async function main(): Promise<void> {
  const [jobs, rounds, concurrency] = [number('jobs'), number('rounds'), number('concurrency')];
  const { directory } = values;
  if (isInMemory(directory)) throw new Error(`--directory: ${directory} is in memory, where a sync does nothing`);
  if (!isInMemory(memoryDirectory())) throw new Error('there is no /dev/shm for the journal in memory');
  const lab = new QueueLab();
  await lab.start();
  try {
    const rows = [];
    for (const kind of ['program', 'step'] as const) rows.push(await measure(lab, kind, { jobs, rounds, concurrency }));
    report(rows, { jobs, rounds, concurrency });
  } finally {
    await lab.stop();
  }
}

interface Sizes {
  readonly jobs: number;
  readonly rounds: number;
  readonly concurrency: number;
}

/**
 * Rounds on disk and in memory take turns, and the ratio is the median of the pairs' ratios, so that whatever else the
 * machine does is in both. Bytes and syncs are counted in a round of their own, under strace, which makes it slow; what
 * reaches the storage is counted by the kernel, in whole pages (/proc/pid/io, write_bytes), in the measured rounds.
 */
async function measure(lab: QueueLab, kind: Kind, { jobs, rounds, concurrency }: Sizes) {
  const drain = { kind, jobs, concurrency, document: KINDS[kind].document };
  const durable: number[] = [];
  const inMemory: number[] = [];
  const storage: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    process.stderr.write(`${kind}, round ${round} of ${rounds}\n`);
    const onDisk = await lab.drain({ ...drain, place: values.directory });
    durable.push((jobs * 1000) / onDisk.drainMs);
    storage.push(onDisk.storageBytes / jobs);
    const memory = await lab.drain({ ...drain, place: memoryDirectory() });
    inMemory.push((jobs * 1000) / memory.drainMs);
  }
  const ratios = durable.map((rate, index) => rate / (inMemory[index] ?? Number.NaN));
  return {
    kind,
    jobsPerSecond: median(durable),
    jobsPerSecondInMemory: median(inMemory),
    ratio: median(ratios),
    storageBytesPerJob: median(storage),
    ...(await countWrites(lab, { ...drain, jobs })),
    samples: { durable, inMemory, storage },
  };
}

/** A drain of no jobs to speak of is taken off: what a start and a stop write is not the jobs'. */
async function countWrites(
  lab: QueueLab,
  drain: Pick<Sizes, 'jobs' | 'concurrency'> & { kind: Kind; document: object },
) {
  if (spawnSync('strace', ['-V']).error) return { syncsPerJob: undefined, bytesPerJob: undefined };
  const output = join(lab.directory, 'trace');
  const count = async (jobs: number) => {
    const under = ['strace', ...straceArguments(output)];
    await lab.drain({ ...drain, jobs, place: values.directory, under });
    return readTrace(output, join(values.directory, 'drain-'));
  };
  process.stderr.write(`${drain.kind}, under strace\n`);
  const [one, all] = [await count(1), await count(drain.jobs + 1)];
  return { syncsPerJob: (all.syncs - one.syncs) / drain.jobs, bytesPerJob: (all.bytes - one.bytes) / drain.jobs };
}

function report(rows: readonly Awaited<ReturnType<typeof measure>>[], sizes: Sizes): void {
  const { jobs, rounds, concurrency } = sizes;
  const load = loadavg()[0] ?? Number.NaN;
  const method = `${jobs} jobs wait when a new agent connects, ${concurrency} at once; from its first list until the service has accepted the last result. Medians of ${rounds} rounds, on disk and in memory in turn; the ratio is the median of the pairs'. Syncs and written bytes: strace, in a run of its own, files of the state directory; to storage: /proc/pid/io, whole pages.`;
  if (values.json) {
    console.log(JSON.stringify({ node: process.version, load, ...sizes, method, rows }));
    return;
  }
  console.log(`Node ${process.version}, ${process.platform} ${process.arch}, load ${load.toFixed(1)}\n`);
  const cells = rows.map((row) => [
    KINDS[row.kind].title,
    ...[row.jobsPerSecond, row.jobsPerSecondInMemory].map((rate) => rate.toFixed(1)),
    row.ratio.toFixed(2),
    row.syncsPerJob?.toFixed(1) ?? 'no strace',
    row.bytesPerJob === undefined ? 'no strace' : (row.bytesPerJob / 1024).toFixed(1),
    (row.storageBytesPerJob / 1024).toFixed(1),
  ]);
  const header = ['', 'jobs/s', 'in memory', 'ratio', 'syncs/job', 'KiB/job', 'KiB to storage'];
  for (const row of [header, ...cells]) {
    console.log(row.map((cell, index) => (index === 0 ? cell.padEnd(24) : cell.padStart(16))).join(''));
  }
  console.log(`\n${method}`);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

function number(name: 'jobs' | 'rounds' | 'concurrency'): number {
  const text = values[name];
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name}: expected a positive whole number, not ${text}`);
  return Number(text);
}
