import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { childEnvironment } from '../../src/handlers/child-environment.ts';
import { runCommand } from '../../src/handlers/run-command.ts';
import { runHandler } from '../../src/handlers/run-handler.ts';
import { ProcessRunner } from '../../src/system/child-process.ts';

const job = { thingName: 'thing', jobId: 'job', executionNumber: 2, document: {} };
const context = {
  job,
  stepIndex: 1,
  signal: new AbortController().signal,
  processes: new ProcessRunner(),
  workingDirectory: '/',
};
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handlers-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function script(name: string, body: string, mode = 0o700): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, mode);
  return path;
}
const handle = (handler: string, path?: string, args: string[] = []) =>
  runHandler({ handler, path, args }, directory, context);

test('a handler gets the user first, then its arguments, and the identity of the job', async () => {
  await script('show', 'echo "[$1] [$2] $# $JOB_ID $JOB_EXECUTION_NUMBER $JOB_THING_NAME $JOB_STEP $(pwd)" >&2');
  expect(await handle('show', 'default', ['a b'])).toEqual({
    outcome: 'succeeded',
    details: { stderr: '[] [a b] 2 job 2 thing 2 /\n' },
  });
});

test('a failure has the true reason, the code and the end of stderr', async () => {
  await script('fail', 'echo why >&2; exit 3');
  expect(await handle('fail')).toEqual({
    outcome: 'failed',
    reason: 'exited with code 3',
    details: { exitCode: '3', stderr: 'why\n' },
  });
  await script('die', 'kill -KILL $$');
  expect(await handle('die')).toEqual({
    outcome: 'failed',
    reason: 'killed by SIGKILL',
    details: { signal: 'SIGKILL' },
  });
});

test('without a path the handler directory is asked before PATH; a path is a directory', async () => {
  await script('true', 'exit 9');
  expect(await handle('true', '')).toMatchObject({ reason: 'exited with code 9' });
  expect(await handle('false')).toMatchObject({ reason: 'exited with code 1' });
  expect(await handle('true', '/bin')).toMatchObject({ outcome: 'succeeded' });
});

test.each(['../x', '..', '.', 'a/b', 'a\0b'])('the handler name %j is refused', async (name) => {
  expect(await handle(name, 'default')).toMatchObject({
    outcome: 'failed',
    reason: `not permitted: handler ${JSON.stringify(name)} is not a plain file name`,
  });
});

test('an unsafe file does not run, even where a safe one follows on PATH', async () => {
  const open = await script('true', 'exit 0', 0o702);
  expect(await handle('true')).toMatchObject({ reason: `not permitted: ${open} is writable by everyone (chmod o-w)` });
  const shared = await script('group', 'exit 0', 0o770);
  expect(await handle('group')).toMatchObject({
    reason: `not permitted: ${shared} is writable by its group (chmod g-w)`,
  });
  const plain = await script('plain', 'exit 0', 0o600);
  expect(await handle('plain')).toMatchObject({ reason: `not permitted: ${plain} is not executable` });
  await mkdir(join(directory, 'folder'));
  expect(await handle('folder')).toMatchObject({ reason: expect.stringContaining('is not a regular file') });
});

test('a missing handler names where it was looked for', async () => {
  expect(await handle('absent', 'default')).toMatchObject({ reason: `not found: ${join(directory, 'absent')}` });
  expect(await handle('absent', 'relative')).toMatchObject({
    reason: 'not permitted: path "relative" is not absolute',
  });
  expect(await runHandler({ handler: 'a', path: 'default', args: [] }, undefined, context)).toMatchObject({
    reason: 'not found: path is "default" and no handlers.directory is set',
  });
});

test('a command is its words, with no shell', async () => {
  expect(await runCommand(['test', '$HOME', '=', '$HOME'], context)).toEqual({ outcome: 'succeeded', details: {} });
  expect(await runCommand(['/no/such'], context)).toMatchObject({ reason: 'not found: /no/such' });
});

test('only what is on the list is passed on', () => {
  const own = { HOME: '/h', LC_ALL: 'C', AWS_SECRET_ACCESS_KEY: 's', NODE_OPTIONS: '--x', LD_PRELOAD: 'y' };
  expect(Object.keys(childEnvironment(own, job, 0)).sort()).toEqual([
    'HOME',
    'JOB_EXECUTION_NUMBER',
    'JOB_ID',
    'JOB_STEP',
    'JOB_THING_NAME',
    'LC_ALL',
    'PATH',
  ]);
});
