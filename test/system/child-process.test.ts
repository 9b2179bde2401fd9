import { readFileSync, writeFileSync } from 'node:fs';
import { access, chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ProcessOptions, ProcessRunner } from '../../src/system/child-process.ts';

let directory: string;
const runner = new ProcessRunner();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'child-process-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

type Change = Partial<ProcessOptions> & { readonly processes?: ProcessRunner };

function run(file: string, args: string[] = [], { processes = runner, ...change }: Change = {}) {
  const env = { PATH: process.env['PATH'] ?? '' };
  return processes.run({ file, args, env, cwd: directory, signal: new AbortController().signal, ...change });
}
const sh = (script: string, change: Change = {}) => run('/bin/sh', ['-c', script], change);

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

/** Once the process whose number the script has put into `pid` has ended. */
async function pidHasEnded(): Promise<void> {
  const pid = (await readFile(join(directory, 'pid'), 'utf8')).trim();
  await vi.waitFor(async () => expect(await processState(pid)).toMatch(/^(gone|Z)$/), { timeout: 10_000 });
}

/** Resolves when the child has said that it is ready, by making the file. */
async function abortOnceReady(change: Change, script: string) {
  const controller = new AbortController();
  const ready = join(directory, 'ready');
  const ending = sh(script, { ...change, signal: controller.signal });
  await vi.waitFor(() => access(ready), { timeout: 10_000, interval: 10 });
  controller.abort();
  return ending;
}

test.each([0, 1, 3, 21, 126, 127, 128, 137, 194, 255])('exit code %i is told as it is', async (code) => {
  expect(await sh(`exit ${code}`)).toMatchObject({ exitCode: code, signal: null, interrupted: false });
});

/** signal(7): those that end a process that has not asked for them. */
const ENDING = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31];

test.each(ENDING)('an end by signal %i is told by its name', async (number) => {
  const end = await sh(`ulimit -c 0; kill -${number} $$`);
  expect(end).toMatchObject({ exitCode: null, signal: expect.any(String) });
  expect(Object.entries(constants.signals)).toContainEqual([end.signal, number]);
});

test.each([
  [34, 'SIGRTMIN'],
  [35, 'SIGRTMIN+1'],
  [64, 'SIGRTMIN+30'],
])('an end by the real-time signal %i, which Node tells as exit code 0, is told too', async (number, signal) => {
  // One of its own: the shared one starts a program meanwhile now and then, whose end would hide that of this one.
  const processes = new ProcessRunner();
  expect(await sh(`kill -${number} $$`, { processes })).toMatchObject({ exitCode: null, signal });
});

test('1 GB on each pipe, all of stderr before stdout, neither blocks nor is kept, and all of it is passed on', async () => {
  const bytes = { stdout: 0, stderr: 0 };
  const end = await sh('head -c 1G /dev/zero >&2; head -c 1G /dev/zero; echo last; echo fin >&2', {
    onOutput: (stream, chunk) => {
      bytes[stream] += chunk.length;
    },
  });
  expect(end.exitCode).toBe(0);
  expect(end.stdoutTail).toHaveLength(16_384);
  expect(end.stdoutTail.endsWith('\0last\n')).toBe(true);
  expect(end.stderrTail.endsWith('\0fin\n')).toBe(true);
  expect(bytes).toEqual({ stdout: 1024 ** 3 + 5, stderr: 1024 ** 3 + 4 });
});

test('a child that closes its stdout still says all on stderr, and its own end', async () => {
  const end = await sh('exec >&-; sleep 0.1; head -c 200000 /dev/zero >&2; echo fin >&2; exit 3');
  expect(end).toMatchObject({ exitCode: 3, stdoutTail: '', stderrTail: expect.stringMatching(/fin\n$/) });
});

test('its outputs are pipes that can be opened anew: >/dev/stderr works', async () => {
  const end = await sh('echo out >/dev/stdout; echo err >/dev/stderr; echo again | tee /dev/stderr');
  expect(end).toMatchObject({ exitCode: 0, stdoutTail: 'out\nagain\n', stderrTail: 'err\nagain\n' });
});

test('a host that gives no pipes gets sockets', async () => {
  const path = process.env['PATH'];
  process.env['PATH'] = '/nonexistent';
  try {
    const bare = new ProcessRunner();
    const progress: Buffer[] = [];
    const end = await bare.run({
      ...{ file: '/bin/sh', args: ['-c', 'echo out; echo err >&2; echo p >&3; exit 3'], env: {}, cwd: '/' },
      signal: new AbortController().signal,
      onProgress: (chunk) => progress.push(chunk),
    });
    expect(end).toMatchObject({ exitCode: 3, stdoutTail: 'out\n', stderrTail: 'err\n' });
    expect(Buffer.concat(progress).toString()).toBe('p\n');
  } finally {
    process.env['PATH'] = path;
  }
});

test('many at once each have their own pipes', async () => {
  const processes = new ProcessRunner();
  const ends = await Promise.all(
    Array.from({ length: 20 }, (_, index) => sh(`echo ${index}; echo ${index} >/dev/stderr`, { processes })),
  );
  expect(ends.map(({ stdoutTail }) => stdoutTail)).toEqual(ends.map((_, index) => `${index}\n`));
  expect(ends.map(({ stderrTail }) => stderrTail)).toEqual(ends.map((_, index) => `${index}\n`));
});

test('descriptor 3 is there only where somebody listens', async () => {
  const progress: Buffer[] = [];
  await sh('echo a >&3; echo b >/dev/fd/3', { onProgress: (chunk) => progress.push(chunk) });
  expect(Buffer.concat(progress).toString()).toBe('a\nb\n');
  expect((await sh('echo a >&3')).exitCode).not.toBe(0);
});

test('the tails are without secrets and colours', async () => {
  const end = await sh(`printf 'https://h/?X-Amz-Sig\\033[31mnature=hush \\033]0;title\\007red\\n'`);
  expect(end.stdoutTail).toBe('https://h/?X-Amz-Signature=[redacted] red\n');
});

test('a child that ignores TERM is killed after the grace, with its group', async () => {
  const script = 'trap "" TERM; sleep 60 & echo $! > pid; touch ready; while :; do wait; done';
  const end = await abortOnceReady({ processes: new ProcessRunner({ killGraceMs: 50 }) }, script);
  expect(end).toMatchObject({ interrupted: true, signal: 'SIGKILL' });
  await pidHasEnded();
});

test('a child that heeds TERM ends with its own code', async () => {
  const end = await abortOnceReady({}, 'trap "exit 7" TERM; touch ready; while :; do sleep 0.02; done');
  expect(end).toMatchObject({ interrupted: true, exitCode: 7 });
});

test('what ignores TERM in its group does not outlive it after an abort', async () => {
  const deaf = 'trap "" TERM; sleep 60';
  const script = `(${deaf}) >&- 2>&- & echo $! > pid; trap "exit 7" TERM; touch ready; while :; do sleep 0.02; done`;
  expect(await abortOnceReady({ processes: new ProcessRunner({ killGraceMs: 2_000 }) }, script)).toMatchObject({
    exitCode: 7,
  });
  await pidHasEnded();
});

describe('what a program that heeds TERM at once leaves in its group', () => {
  /** Has the grace to tidy up, and says when it has. */
  const worker = (seconds: number) =>
    `sh -c 'trap "sleep ${seconds}; echo tidy; touch tidy; exit" TERM; touch ready; while :; do sleep 0.02; done'`;
  const patient = new ProcessRunner({ killGraceMs: 60_000, drainMs: 60_000 });
  const tidy = () => access(join(directory, 'tidy'));

  test('has the grace to tidy up, though it holds no pipe', async () => {
    const end = await abortOnceReady({ processes: patient }, `${worker(0.5)} >log 2>&1 & wait`);
    expect(end).toMatchObject({ interrupted: true, signal: 'SIGTERM' });
    await tidy();
    expect(end.durationMs).toBeLessThan(30_000);
  });

  test('is still read meanwhile', async () => {
    const end = await abortOnceReady({ processes: patient }, `${worker(0.5)} & wait`);
    expect(end).toMatchObject({ interrupted: true, stdoutTail: 'tidy\n' });
  });

  test('has the grace too when the abort comes after the end of the program', async () => {
    const controller = new AbortController();
    const script = `echo $$ > pid; ${worker(0.5)} & while [ ! -e ready ]; do sleep 0.01; done; exit 3`;
    const ending = sh(script, { processes: patient, signal: controller.signal });
    await vi.waitFor(() => access(join(directory, 'ready')), { timeout: 10_000, interval: 10 });
    const pid = (await readFile(join(directory, 'pid'), 'utf8')).trim();
    await vi.waitFor(async () => expect(await processState(pid)).toBe('gone'), { timeout: 10_000, interval: 10 });
    controller.abort();
    expect(await ending).toMatchObject({ interrupted: false, exitCode: 3, stdoutTail: 'tidy\n' });
  });

  test('and does not go even by KILL, as another user’s, does not hold the result', async () => {
    const powerless = { processes: new ProcessRunner({ killGraceMs: 50, drainMs: 50 }), signalGroup: () => undefined };
    const end = await abortOnceReady(powerless, 'echo $$ > pid; sleep 60 >&- 2>&- & touch ready; exec sleep 60');
    expect(end).toMatchObject({ interrupted: true, exitCode: null, signal: null });
    process.kill(-Number(await readFile(join(directory, 'pid'), 'utf8')), 'SIGKILL');
  });
});

test('an abort between the end of a program and the moment when Node sees it interrupts nothing', async () => {
  const controller = new AbortController();
  const script = 'echo $$ > pid; touch ready; while [ ! -e go ]; do sleep 0.01; done';
  const ending = sh(script, { signal: controller.signal });
  await vi.waitFor(() => access(join(directory, 'ready')), { timeout: 10_000, interval: 10 });
  const pid = readFileSync(join(directory, 'pid'), 'utf8').trim();
  // From here to the abort no event reaches Node.
  writeFileSync(join(directory, 'go'), '');
  while (!readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z '));
  controller.abort();
  expect(await ending).toMatchObject({ exitCode: 0, interrupted: false });
});

test('killAll ends everything at once', async () => {
  const ending = sh('touch ready; exec sleep 60');
  await vi.waitFor(() => access(join(directory, 'ready')), { timeout: 10_000, interval: 10 });
  runner.killAll();
  expect(await ending).toMatchObject({ signal: 'SIGKILL', interrupted: false });
});

test('a daemon left behind with the pipe does not hold the result, and lives', async () => {
  const end = await sh('setsid sleep 20 & echo $! > pid; echo started', {
    processes: new ProcessRunner({ drainMs: 100 }),
  });
  expect(end).toMatchObject({ exitCode: 0, stdoutTail: 'started\n' });
  expect(end.durationMs).toBeLessThan(10_000);
  const pid = (await readFile(join(directory, 'pid'), 'utf8')).trim();
  expect(await processState(pid)).toMatch(/^[SRD]$/);
  process.kill(Number(pid), 'SIGKILL');
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

test('a directory of PATH that cannot be entered is passed over', async () => {
  await symlink('loop', join(directory, 'loop'));
  const path = `${join(directory, 'loop')}:relative:${directory}`;
  const missing = await run('program', [], { env: { PATH: path } });
  expect(missing.spawnError).toEqual({ code: 'ENOENT', message: `not found: program (searched ${path})` });
  await file('program', '#!/bin/sh\n', 0o755);
  expect(await run('program', [], { env: { PATH: path } })).toMatchObject({ exitCode: 0 });
});

test('a script without #! is read by /bin/sh, as execvp does, and its arguments are arguments', async () => {
  const script = await file('script', `printf '%s|' "$0" "$@"; touch executed`, 0o755);
  const end = await run(script, ['$(id)', '', '; true'], { argv0: 'told' });
  expect(end).toMatchObject({ exitCode: 0, stdoutTail: `${script}|$(id)||; true|` });
  await access(join(directory, 'executed'));
});

test.each([
  ['a file with a NUL in its first block', 'touch executed\n\0', 'has no #! line or binary header, and is no text'],
  ['an empty file', '', 'is empty'],
])('%s is no text for a shell', async (_what, text, why) => {
  const path = await file('data', text, 0o755);
  expect((await run(path)).spawnError).toEqual({ code: 'ENOEXEC', message: `not a program: ${path} ${why}` });
  await expect(access(join(directory, 'executed'))).rejects.toThrow();
});

test('arguments arrive as they are', async () => {
  const end = await run('/usr/bin/printf', ['%s|', '$(id)', '', 'a b', '; true']);
  expect(end.stdoutTail).toBe('$(id)||a b|; true|');
});
