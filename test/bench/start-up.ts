import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { createServer } from 'node:tls';
import { parseArgs } from 'node:util';
import { Aedes } from 'aedes';
import { CertificateAuthority } from '../../src/simulator/certificate-authority.ts';

/** One run of one process: milliseconds from spawn, and kibibytes at idle. */
interface Sample {
  readonly startMs: number;
  readonly pssKiB: number;
  readonly privateDirtyKiB: number;
}

const MEASURES = ['startMs', 'pssKiB', 'privateDirtyKiB'] as const;
const LABELS = { startMs: 'start (ms)', pssKiB: 'idle PSS (MiB)', privateDirtyKiB: 'idle private dirty (MiB)' };
const MAIN = join(import.meta.dirname, '../../dist/main.js');
const GET = '$aws/things/pi/jobs/get';
const START_LIMIT_MS = 30_000;

/** What the agent is compared with: one TLS socket, held, in a Node that does nothing else. */
const BARE = `
const { readFileSync } = require('node:fs');
const [port, ca, cert, key] = process.argv.slice(1);
const read = (path) => readFileSync(path);
require('node:tls').connect({ host: '127.0.0.1', port: Number(port), ca: read(ca), cert: read(cert), key: read(key) }).resume();
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '15' },
    'idle-seconds': { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
});
const runs = positive('runs', values.runs);
const idleSeconds = positive('idle-seconds', values['idle-seconds']);

const directory = mkdtempSync(join(tmpdir(), 'start-up-'));
const file = (name: string): string => join(directory, name);
const authority = await CertificateAuthority.open(directory);
const { cert, key } = await authority.issueServerCertificate(['127.0.0.1']);
const device = await authority.issueDeviceCertificate();
writeFileSync(file('certificate.pem'), device.certificatePem);
writeFileSync(file('private.key'), device.privateKey, { mode: 0o600 });

let onSocket: (() => void) | undefined;
let onGet: (() => void) | undefined;
const broker = await Aedes.createBroker();
broker.published = (packet, client, done) => {
  done();
  if (!client || packet.topic !== GET) return;
  onGet?.();
  const { clientToken } = JSON.parse(packet.payload.toString() || '{}') as { clientToken?: unknown };
  const timestamp = Math.floor(Date.now() / 1000);
  const payload = JSON.stringify({ clientToken, timestamp, inProgressJobs: [], queuedJobs: [] });
  const answer = { cmd: 'publish', topic: `${GET}/accepted`, payload, qos: 0, retain: false, dup: false };
  broker.publish(answer as Parameters<Aedes['publish']>[0], () => undefined);
};
const server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false }, (socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  // The broker would close a socket that never sends CONNECT, so bare Node's is only held.
  if (onSocket) {
    onSocket();
    socket.resume();
  } else broker.handle(socket);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const port = (server.address() as AddressInfo).port;

const agent: Sample[] = [];
const bare: Sample[] = [];
try {
  for (let run = 0; run < runs; run += 1) {
    agent.push(await measureAgent(run));
    bare.push(await measureBare());
    process.stderr.write(`run ${run + 1} of ${runs}\n`);
  }
} finally {
  await new Promise<void>((resolve) => broker.close(resolve));
  server.close();
  rmSync(directory, { recursive: true, force: true });
}
report();

function measureAgent(run: number): Promise<Sample> {
  const stateDirectory = file(`state-${run}`);
  mkdirSync(stateDirectory, { mode: 0o700 });
  const config = {
    thingName: 'pi',
    endpoint: '127.0.0.1',
    port,
    certificatePath: file('certificate.pem'),
    privateKeyPath: file('private.key'),
    rootCaPath: file('ca.pem'),
    stateDirectory,
    log: { level: 'error' },
  };
  writeFileSync(file('agent.json'), JSON.stringify(config));
  return measure([MAIN, 'run', '--config', file('agent.json')], (arrived) => {
    onSocket = undefined;
    onGet = arrived;
  });
}

function measureBare(): Promise<Sample> {
  const files = [file('ca.pem'), file('certificate.pem'), file('private.key')];
  return measure(['-e', BARE, String(port), ...files], (arrived) => {
    onGet = undefined;
    onSocket = arrived;
  });
}

/** @param listen is told what to call when the process's first sign reaches the server. */
async function measure(args: readonly string[], listen: (arrived: () => void) => void): Promise<Sample> {
  let arrivedAt: number | undefined;
  const arrival = new Promise<void>((resolve) =>
    listen(() => {
      arrivedAt ??= performance.now();
      resolve();
    }),
  );
  const spawnedAt = performance.now();
  // Whatever the process says goes to stderr: stdout is the report's.
  const child = spawn(process.execPath, args, { stdio: ['ignore', 2, 2], env: { PATH: process.env['PATH'] } });
  const ended = once(child, 'exit');
  try {
    await Promise.race([arrival, ended, wait(START_LIMIT_MS, undefined, { ref: false })]);
    if (arrivedAt === undefined) throw new Error(`nothing reached the server: ${args.join(' ')}`);
    await Promise.race([wait(idleSeconds * 1000), ended]);
    return { startMs: arrivedAt - spawnedAt, ...memoryOf(child) };
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

/** proc(5), /proc/pid/smaps_rollup: Pss and Private_Dirty, in kibibytes. */
function memoryOf(child: ChildProcess): { pssKiB: number; privateDirtyKiB: number } {
  if (child.exitCode !== null || child.signalCode !== null) throw new Error('the process ended while idle');
  const rollup = readFileSync(`/proc/${child.pid}/smaps_rollup`, 'utf8');
  const field = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(rollup)?.[1];
    if (found === undefined) throw new Error(`smaps_rollup has no ${name}`);
    return Number(found);
  };
  return { pssKiB: field('Pss'), privateDirtyKiB: field('Private_Dirty') };
}

function report(): void {
  const rows = MEASURES.map((measure) => {
    const ours = spread(agent, measure);
    const theirs = spread(bare, measure);
    return { measure, agent: ours, bare: theirs, ratio: ours.median / theirs.median };
  });
  const method = `Medians (min–max) of ${runs} runs, agent and bare Node in turn, one process at a time. Start: spawn to the first jobs/get at the broker (bare: to the TLS connection at the server). Memory: /proc/<pid>/smaps_rollup ${idleSeconds} s later.`;
  if (values.json) {
    console.log(JSON.stringify({ node: process.version, runs, idleSeconds, method, rows, samples: { agent, bare } }));
    return;
  }
  const cells = rows.map(({ measure, agent: ours, bare: theirs, ratio }) => {
    const unit = measure === 'startMs' ? 1 : 1024;
    return [LABELS[measure], shown(ours, unit), shown(theirs, unit), ratio.toFixed(2)];
  });
  console.log(`Node ${process.version}, ${process.platform} ${process.arch}\n`);
  for (const [label = '', ours = '', theirs = '', ratio = ''] of [['', 'agent', 'bare Node', 'ratio'], ...cells]) {
    console.log(`${label.padEnd(26)}${ours.padEnd(26)}${theirs.padEnd(26)}${ratio}`);
  }
  console.log(`\n${method}`);
}

function spread(samples: readonly Sample[], measure: keyof Sample): { median: number; min: number; max: number } {
  const sorted = samples.map((sample) => sample[measure]).sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return { median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, min: at(0), max: at(sorted.length - 1) };
}

function shown({ median, min, max }: ReturnType<typeof spread>, unit: number): string {
  const [m, from, to] = [median, min, max].map((value) => (value / unit).toFixed(1));
  return `${m} (${from}–${to})`;
}

function positive(name: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name}: expected a positive whole number, not ${text}`);
  return Number(text);
}
