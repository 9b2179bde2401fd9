import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ProgramOptions, runCommand, runHandler } from '../../src/handlers/program.ts';
import { runAs } from '../../src/handlers/run-as-user.ts';
import type { StepContext } from '../../src/handlers/step.ts';
import { ProcessRunner } from '../../src/system/child-process.ts';
import { createScratchDirectory } from '../../src/system/scratch-directory.ts';
import { ownUserName } from '../../src/system/users.ts';
import { runBuiltScript } from '../support/built-script.ts';
import { isRoot } from '../support/root.ts';
import { stepContext } from '../support/step-context.ts';

/** Has groups beside its own. Made for these tests, and removed. */
const USER = `agenttest${process.pid}`;
const processes = new ProcessRunner({ killGraceMs: 100 });
const settings = { processes, allowedDirectories: [] };
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'run-as-'));
  chmodSync(directory, 0o755);
  if (isRoot()) execFileSync('useradd', ['--system', '--no-create-home', '--groups', 'games,backup', USER]);
});
afterAll(() => {
  if (isRoot()) execFileSync('userdel', [USER], { stdio: 'pipe' });
  rmSync(directory, { recursive: true });
});

function sh(script: string, user: string, more: { context?: Partial<StepContext>; toolDirectories?: string[] } = {}) {
  const options: ProgramOptions = { user, environment: { NAME: 'a b' }, includeStdOut: true };
  const settings = {
    processes,
    allowedDirectories: [],
    ...(more.toolDirectories === undefined ? {} : { runAs: { toolDirectories: more.toolDirectories } }),
  };
  return runCommand(['/bin/sh', '-c', script], options, stepContext(more.context), settings);
}
const stdoutOf = async (result: ReturnType<typeof sh>) => {
  const ended = await result;
  expect(ended).toMatchObject({ outcome: 'succeeded' });
  return 'details' in ended ? (ended.details['stdout'] ?? '').trim() : '';
};

/** A directory with these of the system's tools and no others. */
function toolsOnly(...names: string[]): string[] {
  const tools = mkdtempSync(join(directory, 'tools-'));
  for (const name of names) symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(tools, name));
  return [tools];
}

test('the agent’s own user needs no tool', async () => {
  const own = ownUserName() ?? '';
  expect(await stdoutOf(sh('id -un', own, { toolDirectories: [] }))).toBe(own);
});

test('an unknown user: the step does not run', async () => {
  expect(await sh('exit 0', 'no-such-user')).toEqual({
    outcome: 'failed',
    reason: 'not permitted: unknown user "no-such-user"',
    details: {},
  });
});

test.each([
  [true, 'this host has none of setpriv, runuser and sudo (install util-linux)'],
  [false, 'the agent is not root, and this host has no sudo'],
])('no tool (root: %s): the step does not run', async (asRoot, why) => {
  expect(await runAs('games', { isRoot: asRoot, toolDirectories: toolsOnly() })).toEqual({
    kind: 'fault',
    fault: { code: 'EPERM', message: `not permitted: cannot become user "games": ${why}` },
  });
});

test('BusyBox’s setpriv, which cannot become anyone, is passed over', async () => {
  const tools = mkdtempSync(join(directory, 'tools-'));
  writeFileSync(join(tools, 'busybox'), '', { mode: 0o755 });
  symlinkSync('busybox', join(tools, 'setpriv'));
  writeFileSync(join(tools, 'runuser'), '', { mode: 0o755 });
  expect(await runAs('games', { isRoot: true, toolDirectories: [tools] })).toMatchObject({
    userSwitch: { tool: 'runuser' },
  });
});

test.for([
  'setpriv',
  'runuser',
])('%s: really the user, with all of its groups, its home, and the step’s environment', async (tool, { skip }) => {
  if (!isRoot()) skip('only root becomes another user without sudo');
  const toolDirectories = toolsOnly(tool);
  const ids = await stdoutOf(
    sh('id -u; id -ru; id -g; id -G; grep CapEff /proc/self/status', USER, { toolDirectories }),
  );
  const id = (...args: string[]) => execFileSync('id', [...args, USER], { encoding: 'utf8' }).trim();
  const [uid, ruid, gid, groups, capabilities] = ids.split('\n');
  expect([uid, ruid, gid]).toEqual([id('-u'), id('-u'), id('-g')]);
  expect(groups?.split(' ').sort()).toEqual(id('-G').split(' ').sort());
  expect(groups?.split(' ')).toHaveLength(3);
  expect(capabilities).toMatch(/0{16}$/);
  const own = await stdoutOf(sh('echo "$USER|$LOGNAME|$HOME|$NAME|$JOB_ID"', USER, { toolDirectories }));
  expect(own).toBe(`${USER}|${USER}|/home/${USER}|a b|job`);
});

test.for(['setpriv', 'runuser'])('%s: its outputs and its progress descriptor are open to the user', async (tool, {
  skip,
}) => {
  if (!isRoot()) skip('only root becomes another user without sudo');
  const reports: unknown[] = [];
  const script = `echo '{"percent":1}' >/dev/fd/$JOB_PROGRESS_FD; echo o >/dev/stdout; echo e >/dev/stderr`;
  const context = { reportProgress: (details: unknown) => void reports.push(details) };
  expect(await sh(script, USER, { context, toolDirectories: toolsOnly(tool) })).toMatchObject({
    details: { stdout: 'o\n', stderr: 'e\n' },
  });
  expect(reports).toEqual([{ percent: '1' }]);
});

test('its end is told as its own', async ({ skip }) => {
  if (!isRoot()) skip('only root becomes another user without sudo');
  expect(await sh('exit 126', USER)).toMatchObject({ reason: 'exited with code 126' });
  expect(await sh('kill -KILL $$', USER)).toMatchObject({ reason: 'killed by SIGKILL' });
  expect(await sh('kill -40 $$', USER)).toMatchObject({ reason: 'killed by SIGRTMIN+6' });
  expect(await sh('echo "setpriv: x" >&2; exit 3', USER)).toMatchObject({ reason: 'exited with code 3' });
});

test('a program that ignores TERM is killed, whoever it runs as', async ({ skip }) => {
  if (!isRoot()) skip('only root becomes another user without sudo');
  const controller = new AbortController();
  const output = { write: () => controller.abort() };
  const script = 'trap "" TERM; echo ready; while :; do sleep 0.02; done';
  expect(await sh(script, USER, { context: { signal: controller.signal, output } })).toEqual({
    outcome: 'interrupted',
  });
});

test('a handler is told the user, and is copied where the user may not execute it', async ({ skip }) => {
  if (!isRoot()) skip('only root becomes another user without sudo');
  const handlersDirectory = join(directory, 'handlers');
  mkdirSync(handlersDirectory, { mode: 0o755 });
  const file = join(handlersDirectory, 'show');
  writeFileSync(file, '#!/bin/sh\necho "$1|$2|$(id -un)|$0"; stat -c %U:%a "$0" "$(dirname "$0")"\n', { mode: 0o755 });
  const scratchDirectory = await createScratchDirectory(join(directory, 'copies'), { jobId: 'j', executionNumber: 1 });
  const run = (handler: string, args: readonly string[]) =>
    runHandler(
      { handler, path: 'default', args },
      { user: USER, environment: {}, includeStdOut: true },
      stepContext({ scratchDirectory }),
      { processes, handlersDirectory, allowedDirectories: [] },
    );
  const told = async () => stdoutOf(run('show', ['a b']));
  expect(await told()).toMatch(`${USER}|a b|${USER}|${file}\nroot:755`);
  const parent = dirname(scratchDirectory);
  for (const [place, mode] of [
    [file, 0o700],
    [file, 0o711],
    [handlersDirectory, 0o700],
  ] as const) {
    chmodSync(file, 0o755);
    chmodSync(place, mode);
    const copy = `${parent}/\\.handler-\\w{6}/show`;
    expect(await told()).toMatch(new RegExp(`^${USER}\\|a b\\|${USER}\\|${copy}\nroot:755\n${USER}:500$`));
    expect(readdirSync(parent)).toEqual(['j-1']);
  }
  // A binary need not be read, and a command has been checked by nobody.
  chmodSync(handlersDirectory, 0o755);
  copyFileSync('/bin/sleep', join(handlersDirectory, 'binary'));
  chmodSync(join(handlersDirectory, 'binary'), 0o711);
  expect(await run('binary', [])).toMatchObject({
    details: { stderr: expect.stringContaining(`${handlersDirectory}/`) },
  });
  chmodSync(file, 0o700);
  expect(
    await runCommand([file], { user: USER, environment: {}, includeStdOut: true }, stepContext(), settings),
  ).toEqual({
    outcome: 'failed',
    reason: `not permitted: setpriv: failed to execute ${file}: Permission denied (user "${USER}" must be able to read and execute the file and to enter its directories: chmod 755)`,
    details: {},
  });
});

test('the scratch directory is the user’s', async ({ skip }) => {
  if (!isRoot()) skip('only root can give a directory away');
  const scratchDirectory = await createScratchDirectory(join(directory, 'state'), { jobId: 'job', executionNumber: 1 });
  const context = { scratchDirectory };
  expect(await stdoutOf(sh('cd "$JOB_SCRATCH_DIR" && touch mine && stat -c %U mine', USER, { context }))).toBe(USER);
  expect(statSync(scratchDirectory).mode & 0o777).toBe(0o700);
});

test('a root that has no capability to become anyone says so', async ({ skip }) => {
  if (!isRoot()) skip('only root becomes another user without sudo');
  const script = `
    const { runCommand } = await import(built('handlers/program.js'));
    const { ProcessRunner } = await import(built('system/child-process.js'));
    const none = () => undefined;
    const context = {
      job: { thingName: 't', jobId: 'j', executionNumber: 1, document: {} }, stepIndex: 0, attempt: 1,
      signal: new AbortController().signal, log: { debug: none, info: none, warn: none, error: none },
      output: { write: none }, scratchDirectory: '/tmp', reportProgress: none,
    };
    const options = { user: 'games', environment: {}, includeStdOut: false };
    tell(await runCommand(['true'], options, context, { processes: new ProcessRunner(), allowedDirectories: [] }));`;
  const through = ['setpriv', '--bounding-set=-setuid,-setgid', '--inh-caps=-setuid,-setgid', '--'];
  expect(await runBuiltScript(script, { through })).toMatchObject({
    outcome: 'failed',
    reason: expect.stringMatching(
      /^not permitted: setpriv: .*Operation not permitted \(the agent needs the capabilities CAP_SETUID and CAP_SETGID/,
    ),
  });
});
