import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ProcessRunner } from '../../src/system/child-process.ts';
import { systemClock } from '../../src/system/clock.ts';
import { endOrphans } from '../../src/system/orphans.ts';
import { processStatus } from '../../src/system/process-identity.ts';
import { PROCESS_VARIABLE, ProcessLedger } from '../../src/system/process-ledger.ts';
import { silentLog } from '../support/silent-log.ts';

let directory: string;
let children: ChildProcess[];
let lines: string[];

const log = {
  ...silentLog,
  warn: (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`),
  error: (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`),
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'orphans-'));
  children = [];
  lines = [];
});

afterEach(() => {
  for (const name of readdirSync(directory).filter((name) => name.startsWith('pid-'))) end(pidOf(name));
  for (const { pid } of children) end(pid);
  rmSync(directory, { recursive: true });
});

function end(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

const ledgerPath = () => join(directory, 'processes');
const ledger = () => new ProcessLedger(ledgerPath(), log);
const pidOf = (name: string) => Number(readFileSync(join(directory, name), 'utf8'));
const isAlive = (pid: number | undefined) => pid !== undefined && processStatus(pid)?.alive === true;

/** Starts a shell as an agent does that is killed a moment later; resolves when these files are there. */
async function leave(script: string, files: readonly string[], { isNoted = true } = {}): Promise<ChildProcess> {
  const env = { PATH: process.env['PATH'] ?? '', JOB_ID: 'job', JOB_EXECUTION_NUMBER: '1', JOB_STEP: '2' };
  const entry = ledger().open('/bin/sh', env);
  const child = spawn('sh', ['-c', script], {
    cwd: directory,
    env: { ...env, ...entry.variables },
    detached: true,
    stdio: 'ignore',
  });
  children.push(child);
  if (isNoted && child.pid !== undefined) entry.started(child.pid);
  await expect.poll(() => files.every((name) => existsSync(join(directory, name))), { interval: 10 }).toBe(true);
  return child;
}

/** Looked at by its parent too: a zombie still holds its number, which tells whose session it is. */
async function gone({ pid }: ChildProcess): Promise<void> {
  await expect.poll(() => pid !== undefined && processStatus(pid)).toBeUndefined();
}

/** Changes what the ledger says of the one child in it. */
function amend(part: object): void {
  for (const name of readdirSync(ledgerPath())) appendFileSync(join(ledgerPath(), name), `${JSON.stringify(part)}\n`);
}

/** Written whole or not at all. */
const note = (name: string, pid = '$$') => `echo ${pid} > tmp-${name}; mv tmp-${name} pid-${name}`;

function endAll(options: { graceMs?: number; deadlineMs?: number; signal?: AbortSignal } = {}): Promise<void> {
  return endOrphans({ ledger: ledger(), clock: systemClock, log, signal: new AbortController().signal, ...options });
}

test('what an agent left running is ended, politely first', async () => {
  const child = await leave(`trap 'echo bye > said; exit' TERM; ${note('sh')}; while :; do sleep 0.05; done`, [
    'pid-sh',
  ]);
  await endAll();
  expect(isAlive(child.pid)).toBe(false);
  expect(readFileSync(join(directory, 'said'), 'utf8')).toBe('bye\n');
  expect(lines).toEqual([
    `a program has outlived the agent that started it: it is ended ${JSON.stringify({
      program: '/bin/sh',
      jobId: 'job',
      executionNumber: '1',
      step: '2',
      pid: child.pid,
    })}`,
  ]);
  expect(readdirSync(ledgerPath())).toEqual([]);
});

test('what ignores TERM is killed after the grace, with all of its session, also in groups of their own', async () => {
  const script = `trap '' TERM; timeout 300 sh -c '${note('timeout')}; sleep 300' & ${note('sh')}; wait`;
  const child = await leave(script, ['pid-sh', 'pid-timeout']);
  const inTimeout = pidOf('pid-timeout');
  expect(processStatus(inTimeout)?.group).not.toBe(child.pid);
  await endAll({ graceMs: 100 });
  expect([child.pid, inTimeout].map(isAlive)).toEqual([false, false]);
});

test('a daemon, which has left the session, is let alone, as at any other end of a step', async () => {
  const child = await leave(`setsid sh -c '${note('daemon')}; exec sleep 300' & ${note('sh')}; sleep 300`, [
    'pid-sh',
    'pid-daemon',
  ]);
  await endAll();
  expect(isAlive(child.pid)).toBe(false);
  expect(isAlive(pidOf('pid-daemon'))).toBe(true);
});

test('what a program that is gone has left behind is known by its environment', async () => {
  // Ours stays until KILL: while it is there, so is the word for whose the other is.
  const script = `sh -c 'trap "" TERM; ${note('ours')}; exec sleep 300' & env -i sh -c '${note('bare')}; exec /bin/sleep 300' & ${note('sh')}`;
  const child = await leave(script, ['pid-sh', 'pid-ours', 'pid-bare']);
  await gone(child);
  await endAll({ graceMs: 500 });
  expect(['pid-ours', 'pid-bare'].map(pidOf).map(isAlive)).toEqual([false, false]);
});

test('where nobody can tell whose it is, it is let alone', async () => {
  const script = `env -i sh -c '${note('bare')}; exec /bin/sleep 300' & ${note('sh')}`;
  const child = await leave(script, ['pid-sh', 'pid-bare']);
  await gone(child);
  await endAll();
  expect(isAlive(pidOf('pid-bare'))).toBe(true);
});

test('a child that was started and not yet noted is known by its environment', async () => {
  const child = await leave(`${note('sh')}; sleep 300`, ['pid-sh'], { isNoted: false });
  await endAll();
  expect(isAlive(child.pid)).toBe(false);
});

test.each([
  '',
  '{"abo',
  '{"about":{"program":"sh"}}\n{"pid":1',
])('an entry that the end of the agent has cut short still tells which it was: %s', async (text) => {
  const child = await leave(`${note('sh')}; sleep 300`, ['pid-sh']);
  for (const name of readdirSync(ledgerPath())) writeFileSync(join(ledgerPath(), name), text);
  await endAll();
  expect(isAlive(child.pid)).toBe(false);
});

test('another process that has got the same number is not touched', async () => {
  const child = await leave(`${note('sh')}; sleep 300`, ['pid-sh']);
  const [left] = ledger().left();
  amend({ startTime: (left?.leader?.startTime ?? 0) - 1 });
  await endAll();
  expect(isAlive(child.pid)).toBe(true);
  expect(readdirSync(ledgerPath())).toEqual([]);
});

test('of another start of the kernel nothing can be left', async () => {
  const child = await leave(`${note('sh')}; sleep 300`, ['pid-sh']);
  amend({ bootId: 'another' });
  await endAll();
  expect(isAlive(child.pid)).toBe(true);
  expect(readdirSync(ledgerPath())).toEqual([]);
});

test('what cannot be ended is waited for until the deadline, said, and known to the next agent', async () => {
  const child = await leave(`trap '' TERM; ${note('sh')}; sleep 300`, ['pid-sh']);
  await endAll({ graceMs: 60_000, deadlineMs: 200 });
  expect(isAlive(child.pid)).toBe(true);
  expect(lines.at(-1)).toContain('waited for no longer');
  expect(readdirSync(ledgerPath())).toHaveLength(1);
});

test('a stop of the agent ends the wait', async () => {
  await leave(`trap '' TERM; ${note('sh')}; sleep 300`, ['pid-sh']);
  await endAll({ graceMs: 60_000, signal: AbortSignal.timeout(100) });
  expect(readdirSync(ledgerPath())).toHaveLength(1);
});

test.runIf(process.geteuid?.() === 0)('what an agent may not signal it waits for', async () => {
  const child = await leave(`${note('sh')}; until [ -e go ]; do sleep 0.05; done`, ['pid-sh']);
  const dist = (name: string) => pathToFileURL(join(import.meta.dirname, '../../dist/system', name)).href;
  const script = `
    import { writeFileSync } from 'node:fs';
    const [{ endOrphans }, { ProcessLedger }, { systemClock }] = await Promise.all([
      import('${dist('orphans.js')}'), import('${dist('process-ledger.js')}'), import('${dist('clock.js')}')]);
    const said = (fields, message) => console.log(message);
    const log = { debug() {}, info() {}, warn: said, error: said };
    const ledger = new ProcessLedger('${ledgerPath()}', log);
    // Read by root; then as somebody who may not signal what is in it.
    const left = ledger.left();
    process.setgroups([]); process.setgid(65534); process.setuid(65534);
    let waits = 0;
    const clock = { ...systemClock, setTimer(ms, onDue) {
      waits += 1;
      if (waits === 10) console.log('waits');
      return systemClock.setTimer(ms, onDue);
    } };
    await endOrphans({ ledger: { left: () => left, strike() {} }, clock, log,
      signal: new AbortController().signal, graceMs: 100, deadlineMs: 60_000 });
    console.log('over');`;
  const waiting = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(waiting);
  let said = '';
  waiting.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const ended = new Promise((resolve) => waiting.once('close', resolve));
  // Beyond the grace: KILL has been tried too.
  await expect.poll(() => said).toContain('waits');
  expect(isAlive(child.pid)).toBe(true);
  expect(said).not.toContain('over');
  writeFileSync(join(directory, 'go'), '');
  await ended;
  expect(said).toMatch(/over\n$/);
  expect(said).not.toContain('no longer');
});

test('nothing is left of a child that has ended, and a live one is no orphan of its own agent', async () => {
  const own = ledger();
  const processes = new ProcessRunner({ ledger: own });
  const stop = new AbortController();
  const run = (script: string) =>
    processes.run({
      file: 'sh',
      args: ['-c', script],
      env: { PATH: process.env['PATH'] ?? '' },
      cwd: directory,
      signal: stop.signal,
    });
  const running = run(`${note('sh')}; exec sleep 300`);
  await expect.poll(() => existsSync(join(directory, 'pid-sh'))).toBe(true);
  expect(await run(`test -n "$${PROCESS_VARIABLE}"`)).toMatchObject({ exitCode: 0 });
  expect(readdirSync(ledgerPath())).toHaveLength(1);
  expect(own.left()).toEqual([]);
  expect(ledger().left()).toMatchObject([{ leader: { pid: pidOf('pid-sh') } }]);
  stop.abort();
  expect(await running).toMatchObject({ signal: 'SIGTERM' });
  expect(readdirSync(ledgerPath())).toEqual([]);
});

test('a ledger that cannot be written costs no child, and is told', async () => {
  writeFileSync(ledgerPath(), 'not a directory');
  const processes = new ProcessRunner({ ledger: ledger() });
  const signal = new AbortController().signal;
  const end = await processes.run({ file: 'true', args: [], env: { PATH: '/bin:/usr/bin' }, cwd: '/', signal });
  expect(end).toMatchObject({ exitCode: 0 });
  expect(lines[0]).toContain('the ledger of processes cannot be written');
  await endAll();
});

test('an agent that has no ledger yet finds nothing', async () => {
  await endAll();
  mkdirSync(ledgerPath());
  await endAll();
  expect(lines).toEqual([]);
});
