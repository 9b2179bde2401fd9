import { access, chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ProcessOptions, ProcessRunner } from '../../src/system/child-process.ts';

let directory: string;
const runner = new ProcessRunner();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'child-process-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

function run(file: string, args: string[] = [], change: Partial<ProcessOptions> = {}) {
  const env = { PATH: process.env['PATH'] ?? '' };
  return runner.run({ file, args, env, cwd: directory, signal: new AbortController().signal, ...change });
}
const sh = (script: string, change: Partial<ProcessOptions> = {}) => run('/bin/sh', ['-c', script], change);

async function file(name: string, content: string, mode: number): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

/** `gone`, or the letter that proc(5) gives; Z has ended and waits for its parent. */
async function processState(pid: string): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return /\) (\S)/.exec(stat)?.[1] ?? 'gone';
}

/** Resolves when the child has said that it is ready, by making the file. */
async function abortOnceReady(change: Partial<ProcessOptions>, script: string) {
  const controller = new AbortController();
  const ready = join(directory, 'ready');
  const ending = sh(script, { ...change, signal: controller.signal });
  await vi.waitFor(() => access(ready), { timeout: 10_000, interval: 10 });
  controller.abort();
  return ending;
}

test.each([0, 1, 3, 126, 127, 128, 137, 255])('exit code %i is told as it is', async (code) => {
  expect(await sh(`exit ${code}`)).toMatchObject({ exitCode: code, signal: null, interrupted: false });
});

test.each(['SIGKILL', 'SIGSEGV', 'SIGPIPE', 'SIGTERM'])('an end by %s is told as a signal', async (signal) => {
  expect(await sh(`kill -${signal.slice(3)} $$`)).toMatchObject({ exitCode: null, signal });
});

test('50 MB on each pipe, all of stderr before stdout, neither blocks nor is kept', async () => {
  const end = await sh('head -c 50000000 /dev/zero >&2; head -c 50000000 /dev/zero; echo last; echo fin >&2');
  expect(end.exitCode).toBe(0);
  expect(end.stdoutTail).toHaveLength(4096);
  expect(end.stdoutTail.endsWith('\0last\n')).toBe(true);
  expect(end.stderrTail.endsWith('\0fin\n')).toBe(true);
});

test('a child that ignores TERM is killed after the grace, with its group', async () => {
  const script = 'trap "" TERM; sleep 60 & echo $! > pid; touch ready; while :; do wait; done';
  const end = await abortOnceReady({ killGraceMs: 50 }, script);
  expect(end).toMatchObject({ interrupted: true, signal: 'SIGKILL' });
  const pid = (await readFile(join(directory, 'pid'), 'utf8')).trim();
  await vi.waitFor(async () => expect(await processState(pid)).toMatch(/^(gone|Z)$/));
});

test('a child that heeds TERM ends with its own code', async () => {
  const end = await abortOnceReady({}, 'trap "exit 7" TERM; touch ready; while :; do sleep 0.02; done');
  expect(end).toMatchObject({ interrupted: true, exitCode: 7 });
});

test('killAll ends everything at once', async () => {
  const ending = sh('touch ready; exec sleep 60');
  await vi.waitFor(() => access(join(directory, 'ready')), { timeout: 10_000, interval: 10 });
  runner.killAll();
  expect(await ending).toMatchObject({ signal: 'SIGKILL', interrupted: false });
});

test('a daemon left behind with the pipe does not hold the result', async () => {
  const end = await sh('setsid sleep 20 & echo started', { drainMs: 100 });
  expect(end).toMatchObject({ exitCode: 0, stdoutTail: 'started\n' });
  expect(end.durationMs).toBeLessThan(10_000);
});

test('nothing starts after the abort', async () => {
  const end = await sh('touch started', { signal: AbortSignal.abort() });
  expect(end).toMatchObject({ exitCode: null, interrupted: true });
});

test('what cannot start says why', async () => {
  expect((await run('/no/such')).spawnError).toEqual({ code: 'ENOENT', message: 'not found: /no/such' });
  expect((await run('no-such-program')).spawnError).toMatchObject({ code: 'ENOENT' });
  const plain = await file('plain', '#!/bin/sh\n', 0o644);
  expect((await run(plain)).spawnError).toEqual({
    code: 'EACCES',
    message: `not permitted: ${plain} is not executable`,
  });
  const orphan = await file('orphan', '#!/no/interpreter\n', 0o755);
  expect((await run(orphan)).spawnError?.message).toBe(
    `not found: /no/interpreter, the interpreter that ${orphan} names`,
  );
  expect((await run('/bin/echo', ['a\0b'])).spawnError).toBeDefined();
});

test('a script without #! is refused and never given to a shell', async () => {
  const script = await file('script', 'touch executed\n', 0o755);
  const end = await run(script);
  expect(end.spawnError).toEqual({
    code: 'ENOEXEC',
    message: `not a program: ${script} has no #! line or binary header`,
  });
});

test('arguments arrive as they are', async () => {
  const end = await run('/usr/bin/printf', ['%s|', '$(id)', '', 'a b', '; true']);
  expect(end.stdoutTail).toBe('$(id)||a b|; true|');
});
