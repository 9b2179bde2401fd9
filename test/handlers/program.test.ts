import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { statusDetails } from '../../src/execution/status-details.ts';
import { type ProgramOptions, runCommand, runHandler, runProgram } from '../../src/handlers/program.ts';
import type { StepResult } from '../../src/handlers/step.ts';
import { ProcessRunner } from '../../src/system/child-process.ts';
import { stepContext } from '../support/step-context.ts';

const processes = new ProcessRunner();
let directory: string;

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'program-')));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const settings = () => ({ processes, handlersDirectory: directory, allowedDirectories: [] });
const plain: ProgramOptions = { environment: {}, includeStdOut: false };
const sh = (script: string, options: Partial<ProgramOptions> = {}, change: Parameters<typeof stepContext>[0] = {}) =>
  runCommand(['/bin/sh', '-c', script], { ...plain, ...options }, stepContext(change), settings());

async function script(name: string, body: string, mode = 0o755): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, mode);
  return path;
}
const handle = (handler: string, path?: string, args: string[] = []) =>
  runHandler({ handler, path, args }, plain, stepContext(), settings());

test('a handler gets the user first, then its arguments, and starts in /', async () => {
  await script('show', 'echo "[$1] [$2] $# $(pwd)" >&2');
  expect(await handle('show', 'default', ['a b'])).toEqual({
    outcome: 'succeeded',
    details: { stderr: '[] [a b] 2 /\n' },
  });
});

test('a program that goes by many names is told the one it was called by, and not the real one', async () => {
  const many = { ...settings(), allowedDirectories: ['/bin'] };
  // Its first argument is the user, here empty: to sh a file that it cannot open, and it says who could not.
  const result = await runHandler({ handler: 'sh', path: '/bin', args: [] }, plain, stepContext(), many);
  expect(result).toMatchObject({ outcome: 'failed', details: { stderr: expect.stringMatching(/^\/bin\/sh: /) } });
});

test('a command is its words, with no shell', async () => {
  expect(await runCommand(['test', '$HOME', '=', '$HOME'], plain, stepContext(), settings())).toEqual({
    outcome: 'succeeded',
    details: {},
  });
});

test('a command is told its own name as it was written, as execvp tells it', async () => {
  const options = { ...plain, includeStdOut: true };
  const { details } = (await runCommand(['cat', '/proc/self/cmdline'], options, stepContext(), settings())) as {
    details: Record<string, string>;
  };
  expect(details['stdout']?.split('\0')[0]?.split(' ')[0]).toBe('cat');
});

test('a failure has the true reason, the code or signal, and the end of stderr', async () => {
  expect(await sh('echo why >&2; exit 3')).toEqual({
    outcome: 'failed',
    reason: 'exited with code 3',
    details: { exitCode: '3', stderr: 'why\n' },
  });
  expect(await sh('kill -KILL $$')).toEqual({
    outcome: 'failed',
    reason: 'killed by SIGKILL',
    details: { signal: 'SIGKILL' },
    killedBy: 'SIGKILL',
  });
});

test('a shell that tells of its own program’s end by TERM or KILL says who may have ended it', async () => {
  expect(await sh('sh -c "kill -TERM $$"; exit 143')).toMatchObject({ killedBy: 'SIGTERM' });
  expect(await sh('exit 137')).toMatchObject({ reason: 'exited with code 137', killedBy: 'SIGKILL' });
  expect(await sh('kill -SEGV $$')).not.toHaveProperty('killedBy');
});

const failure = (code: number): StepResult => ({
  outcome: 'failed',
  reason: `exited with code ${code}`,
  details: { exitCode: String(code) },
});

test.each<[number, StepResult]>([
  [0, { outcome: 'succeeded', details: {} }],
  [21, { outcome: 'deferred', reason: 'exited with code 21: try again later' }],
  [194, { outcome: 'reboot' }],
  ...[1, 126, 127, 255].map((code): [number, StepResult] => [code, failure(code)]),
])('exit code %i of a handler has its meaning', async (code, result) => {
  await script('exits', `exit ${code}`);
  expect(await handle('exits')).toEqual(result);
});

test.each([
  1, 21, 194,
])('exit code %i of a command is a failure: curl, for one, means another thing by 21', async (code) => {
  expect(await sh(`exit ${code}`)).toEqual(failure(code));
});

test('what cannot be run is told in its own words', async () => {
  const run = (...words: string[]) => runCommand(words, plain, stepContext(), settings());
  const bare = join(directory, 'bare');
  await writeFile(bare, 'exit 0\n\0', { mode: 0o755 });
  expect(await run('/no/such')).toMatchObject({ reason: 'not found: /no/such' });
  expect(await run('no-such')).toMatchObject({ reason: expect.stringMatching(/^not found: no-such \(searched \//) });
  expect(await run(bare)).toMatchObject({
    reason: `not a program: ${bare} has no #! line or binary header, and is no text`,
  });
  await chmod(bare, 0o644);
  expect(await run(bare)).toMatchObject({ reason: `not permitted: ${bare} is not executable` });
  expect(await run(directory)).toMatchObject({ reason: `not permitted: ${directory} is not a regular file` });
  expect(await run()).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/^not found: /) });
});

test.each([0, 3, 21])('after an abort exit code %i says nothing: the program heeds TERM', async (code) => {
  const controller = new AbortController();
  const output = { write: () => controller.abort() };
  const body = `trap "exit ${code}" TERM; echo ready; while :; do sleep 0.02; done`;
  expect(await sh(body, {}, { signal: controller.signal, output })).toEqual({ outcome: 'interrupted' });
});

test('more lines on stderr than allowStdErr fail the step, also one that exits with 0', async () => {
  const two = 'echo a >&2; printf b >&2';
  expect(await sh(two)).toMatchObject({ outcome: 'succeeded' });
  expect(await sh(two, { allowStdErr: 2 })).toMatchObject({ outcome: 'succeeded' });
  expect(await sh(two, { allowStdErr: 1 })).toEqual({
    outcome: 'failed',
    reason: 'wrote more than 1 line to stderr (allowStdErr)',
    details: { exitCode: '0', stderr: 'a\nb' },
  });
  expect(await sh('echo a >&2', { allowStdErr: 0 })).toMatchObject({ outcome: 'failed' });
  expect(await sh('echo a', { allowStdErr: 0 })).toMatchObject({ outcome: 'succeeded' });
  expect(await sh(`${two}; exit 3`, { allowStdErr: 0 })).toMatchObject({
    reason: 'exited with code 3 and wrote more than 0 lines to stderr (allowStdErr)',
  });
});

test('stdout is in the details only where includeStdOut says so; all of both goes to the log', async () => {
  const written: string[] = [];
  const output = { write: (stream: string, chunk: Buffer) => void written.push(`${stream}: ${chunk}`) };
  const both = 'echo out; echo err >&2';
  expect(await sh(both, { includeStdOut: true }, { output })).toMatchObject({
    details: { stdout: 'out\n', stderr: 'err\n' },
  });
  expect(await sh(both)).toEqual({ outcome: 'succeeded', details: { stderr: 'err\n' } });
  expect(written.sort()).toEqual(['stderr: err\n', 'stdout: out\n']);
});

test('the cloud gets the last 1,024 characters exactly, with characters whole', async () => {
  const text = `${'€😀é'.repeat(1000)}\nend`;
  const file = join(directory, 'text');
  await writeFile(file, text);
  // One byte at a time: every character is cut by a chunk's border somewhere.
  const result = await sh(`dd if=${file} bs=1 2>/dev/null`, { includeStdOut: true });
  const { stdout } = statusDetails('details' in result ? result.details : {});
  const expected = text.replace('\n', ' | ').slice(-1024);
  expect(stdout).toBe(/^[\udc00-\udfff]/.test(expected) ? expected.slice(1) : expected);
});

test('the environment is the allow-list, the job and the step’s own', async () => {
  const result = await sh('env', { includeStdOut: true, environment: { NAME: 'a=b', JOB_ID: 'forged', HOME: '/h' } });
  const lines = ('details' in result ? (result.details['stdout'] ?? '') : '').trim().split('\n');
  const passedOn = /^(PATH|LANG|LC_\w+|TZ|USER|LOGNAME|TMPDIR|PWD|OLDPWD|_)=/;
  expect(lines.filter((line) => !passedOn.test(line)).sort()).toEqual([
    'HOME=/h',
    'JOB_ATTEMPT=3',
    'JOB_EXECUTION_NUMBER=2',
    'JOB_ID=job',
    'JOB_PROGRESS_FD=3',
    'JOB_SCRATCH_DIR=/tmp',
    'JOB_STEP=2',
    'JOB_THING_NAME=thing',
    'NAME=a=b',
  ]);
});

test('a step starts in its working directory, or does not start', async () => {
  const at = async (workingDirectory: string) => sh('pwd', { workingDirectory, includeStdOut: true });
  expect(await at(directory)).toMatchObject({ details: { stdout: `${directory}\n` } });
  expect(await at(join(directory, 'absent'))).toMatchObject({
    reason: `not found: workingDirectory ${directory}/absent`,
  });
  const file = await script('file', 'true');
  expect(await at(file)).toMatchObject({ reason: `not found: workingDirectory ${file} is not a directory` });
  expect(await at('relative')).toMatchObject({ reason: 'not permitted: workingDirectory relative is not absolute' });
  await mkdir(join(directory, 'sub'));
  const relative = await runCommand(['./file'], { ...plain, workingDirectory: directory }, stepContext(), settings());
  expect(relative).toMatchObject({ outcome: 'succeeded' });
});

test('progress on its descriptor is reported', async () => {
  const reports: unknown[] = [];
  const reportProgress = (details: unknown) => void reports.push(details);
  await sh(
    `echo '{"percent":40,"message":"half"}' >&$JOB_PROGRESS_FD; printf '{"percent":90}' >/dev/fd/3`,
    {},
    { reportProgress },
  );
  expect(reports.at(-1)).toEqual({ percent: '90', message: 'half' });
});

test('a built-in’s program is never a rejection, and has no progress descriptor', async () => {
  const run = (...words: string[]) => runProgram(words, plain, stepContext(), settings());
  expect(await run('/bin/sh', '-c', 'echo "[$JOB_PROGRESS_FD] $JOB_ID"; exit 4')).toMatchObject({
    exitCode: 4,
    stdoutTail: '[] job\n',
  });
  expect(await run('/no/such')).toMatchObject({ spawnError: { code: 'ENOENT' } });
  expect(await runProgram(['true'], { ...plain, user: 'no-such' }, stepContext(), settings())).toMatchObject({
    spawnError: { message: 'not permitted: unknown user "no-such"' },
  });
});
