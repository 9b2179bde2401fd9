import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RemoteTarget } from '../../../src/handlers/download/remote-target.ts';
import { startTargetProcess } from '../../../src/handlers/download/target-process-start.ts';
import { StartsAgain } from '../../../src/handlers/starts-again.ts';
import { RecordedContext } from '../../support/built-in-context.ts';
import { answerWith, bytes, DownloadLab, sha256 } from './download-lab.ts';

const content = bytes(300_000);
const version = { content, headers: { etag: '"1"' } };
const isRoot = process.getuid?.() === 0;
/** Built, as Node 22 runs no TypeScript. */
const targetProcess = new URL('../../../dist/handlers/download/target-process.js', import.meta.url).pathname;
const USER = 'nobody';
let lab: DownloadLab;
let uid: number;

beforeEach(async () => {
  lab = new DownloadLab();
  await lab.start();
  lab.handle = (request, response) => answerWith(version, request, response);
  uid = Number(execFileSync('id', ['-u', USER]).toString());
  chmodSync(lab.directory, 0o711);
  mkdirSync(lab.path('theirs'), { mode: 0o700 });
  if (isRoot) chownSync(lab.path('theirs'), uid, -1);
});
afterEach(() => lab.stop());

const input = () => ({ path: lab.path('theirs/file'), sha256: sha256(content) });
/** User and words of the target processes that this test has started. */
const running = () =>
  execFileSync('ps', ['--ppid', String(process.pid), '-o', 'user:32,args'])
    .toString()
    .split('\n')
    .filter((line) => line.includes(targetProcess));

/** The one that this test has started. */
function signalTheirs(signal: NodeJS.Signals): void {
  const words = ['-P', String(process.pid), '-u', USER, '-f', targetProcess];
  process.kill(Number(execFileSync('pgrep', words).toString().trim()), signal);
}

test("the agent's own user by name is the agent", async () => {
  const { result } = await lab.run({}, {}, { runAsUser: userInfo().username });
  expect(result).toMatchObject({ outcome: 'succeeded' });
});

test.skipIf(isRoot)('without the privilege to become the user nothing is written', async () => {
  const { result } = await lab.run({}, { targetProcess }, { runAsUser: USER });
  expect(result).toMatchObject({
    outcome: 'failed',
    reason: expect.stringMatching(/^no process can write as nobody: /),
  });
  expect(lab.names()).toEqual(['theirs']);
});

/** A clone in a directory that only root may enter has no program that another user could run. */
function isReachable(): boolean {
  const words = [
    '--reuid=nobody',
    '--regid=nogroup',
    '--clear-groups',
    '--',
    process.execPath,
    '--check',
    targetProcess,
  ];
  const { status, stderr } = spawnSync('setpriv', words, { cwd: '/', encoding: 'utf8' });
  if (status !== 0) process.stderr.write(`skipped, as nobody cannot run ${targetProcess}: ${stderr}\n`);
  return status === 0;
}

describe.skipIf(!isRoot || !isReachable())('a download as another user', () => {
  const as = (runAsUser: string, further = {}) => ({ runAsUser, ...further });

  test('makes a file of that user, by that user', async () => {
    const { result, context } = await lab.run({ ...input(), mode: '640' }, { targetProcess }, as(USER));
    expect(result).toEqual({
      outcome: 'succeeded',
      details: { file: lab.path('theirs/file'), url: lab.url(), bytes: '300000', sha256: sha256(content) },
    });
    expect(lab.content('theirs/file')?.equals(content)).toBe(true);
    expect(statSync(lab.path('theirs/file'))).toMatchObject({ uid, mode: 0o100640 });
    expect(readdirSync(lab.path('theirs'))).toEqual(['file']);
    expect(context.reports).not.toEqual([]);
    expect(running()).toEqual([]);
  });

  test('shows no URL in the list of processes, and runs as that user', async () => {
    let seen: string[] = [];
    lab.handle = (request, response) => {
      seen = running();
      answerWith(version, request, response);
    };
    await lab.run({ ...input(), url: lab.url('/x?X-Amz-Signature=SECRET') }, { targetProcess }, as(USER));
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatch(/^nobody\s/);
    expect(seen[0]).not.toContain('SECRET');
    expect(seen[0]).not.toContain('http');
  });

  test('may not write where that user may not, though the agent is root', async () => {
    const { result } = await lab.run({ path: lab.path('file') }, { targetProcess }, as(USER));
    expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/^not permitted: /) });
    expect(lab.names()).toEqual(['theirs']);
    expect(lab.requests).toHaveLength(0);
  });

  test('may not read where that user may not: a link in its directory leads nowhere', async () => {
    writeFileSync(lab.path('secret'), content, { mode: 0o600 });
    symlinkSync(lab.path('secret'), lab.path('theirs/file'));
    symlinkSync(lab.directory, lab.path('theirs/up'));
    const up = await lab.run({ path: lab.path('theirs/up/file') }, { targetProcess }, as(USER));
    expect(up.result).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/^not permitted: /) });
    const { result } = await lab.run(input(), { targetProcess }, as(USER));
    expect(result).toMatchObject({ outcome: 'succeeded' });
    expect(lstatSync(lab.path('theirs/file')).isFile()).toBe(true);
    expect(statSync(lab.path('secret'))).toMatchObject({ uid: 0, size: 300_000 });
  });

  test('takes nothing over from a file that a third one has made where many may write', async () => {
    mkdirSync(lab.path('shared'));
    chmodSync(lab.path('shared'), 0o777);
    const path = lab.path('shared/file');
    writeFileSync(path, content);
    chmodSync(path, 0o666);
    chownSync(path, 1, 1);
    const { result } = await lab.run({ ...input(), path }, { targetProcess }, as(USER));
    expect(result).toMatchObject({ outcome: 'succeeded' });
    expect(lab.requests).toHaveLength(1);
    expect(statSync(path)).toMatchObject({ uid, mode: 0o100644 });
  });

  test('goes on after an interruption, and after cuts', async () => {
    const abort = new AbortController();
    lab.handle = (request, response) => {
      answerWith(version, request, response, { cutAfter: 60_000 });
      if (lab.requests.length === 3) setTimeout(() => abort.abort(new StartsAgain('the agent stops')), 20);
      if (lab.requests.length === 4) response.destroy();
    };
    const settings = { targetProcess, retry: { tries: 50, floorMs: 40, capMs: 40 } };
    const first = await lab.run(input(), settings, as(USER, { signal: abort.signal }));
    expect(first.result).toEqual({ outcome: 'interrupted' });
    const [part = ''] = readdirSync(lab.path('theirs'));
    expect(statSync(lab.path(`theirs/${part}`))).toMatchObject({ uid, mode: 0o100600 });
    const { bytes: saved } = first.context.saved as { bytes: number };
    expect(saved).toBeGreaterThanOrEqual(60_000);
    lab.requests.length = 0;
    lab.handle = (request, response) => answerWith(version, request, response);
    const again = await lab.run(input(), { targetProcess }, as(USER, { lastProgress: first.context.saved }));
    expect(again.result).toMatchObject({ outcome: 'succeeded', details: { sha256: sha256(content) } });
    expect(lab.ranges()).toEqual([`bytes=${saved}-`]);
    expect(running()).toEqual([]);
  });

  test('removes what it has when it is ended for good', async () => {
    const abort = new AbortController();
    let during: string[] = [];
    lab.handle = (_request, response) => {
      response.writeHead(200, { 'content-length': '300000' }).write(content.subarray(0, 100_000));
      setTimeout(() => {
        during = readdirSync(lab.path('theirs'));
        abort.abort();
      }, 20);
    };
    const { result } = await lab.run(input(), { targetProcess }, as(USER, { signal: abort.signal }));
    expect(result).toEqual({ outcome: 'interrupted' });
    expect(during).toHaveLength(1);
    expect(readdirSync(lab.path('theirs'))).toEqual([]);
  });

  test('removes what a failure leaves', async () => {
    const wrong = { ...input(), sha256: 'ab'.repeat(32) };
    const { result } = await lab.run(wrong, { targetProcess }, as(USER));
    expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/^the file has the SHA-256/) });
    expect(readdirSync(lab.path('theirs'))).toEqual([]);
  });

  test('fails when there is no such user, or no such program', async () => {
    const unknown = await lab.run(input(), { targetProcess }, as('no-such-user'));
    expect(unknown.result).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/^no process can write as no-such-user: not permitted: unknown user/),
    });
    const missing = await lab.run(input(), { targetProcess: '/nonexistent.js' }, as(USER));
    expect(missing.result).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/^no process can write as nobody: exited with code 1/),
    });
    expect(readdirSync(lab.path('theirs'))).toEqual([]);
  });

  test('fails when its process is killed, and the agent goes on', async () => {
    lab.handle = (_request, response) => {
      response.writeHead(200, { 'content-length': '300000' }).write(content.subarray(0, 100_000));
      signalTheirs('SIGKILL');
      response.write(content.subarray(100_000));
    };
    const { result } = await lab.run(input(), { targetProcess }, as(USER));
    expect(result).toMatchObject({
      outcome: 'failed',
      reason: 'the process that writes as nobody was lost: killed by SIGKILL',
    });
  });

  test('does not hold the agent when its process is stopped', async () => {
    const context = new RecordedContext({ runAsUser: USER });
    const deadline = new AbortController();
    const process = await startTargetProcess(USER, context, deadline.signal, targetProcess);
    const target = new RemoteTarget(process, deadline.signal);
    await target.open({ path: input().path, name: { kind: 'name', name: 'file' }, id: '0' });
    signalTheirs('SIGSTOP');
    const appending = target.append(content);
    deadline.abort();
    const lost = 'the process that writes as nobody was lost: it does not answer';
    await expect(appending).rejects.toThrow(lost);
    await expect(target.discard()).rejects.toThrow(lost);
    await target.close();
    signalTheirs('SIGKILL');
    await process.ended;
  });

  test('does not hold the agent when its process says nothing', async () => {
    const silent = lab.path('silent.mjs');
    writeFileSync(silent, 'setInterval(() => undefined, 1000);');
    const { result } = await lab.run(input(), { targetProcess: silent, timeoutMs: 300 }, as(USER));
    expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(/^not finished after 0\.3 s/) });
  });
});
