import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mayUse, READ_AND_EXECUTE } from '../../src/system/file-access.ts';
import { findUser } from '../../src/system/users.ts';
import { command, documentOf, HandlerLab, shell, step } from '../support/handler-lab.ts';
import { HostTools } from '../support/host-tools.ts';
import type { ThingAgentProcess } from '../support/lab.ts';
import { isRoot } from '../support/root.ts';

/** A fleet that has used AWS IoT Device Client until now: its handlers and its documents, neither of them changed. */
let lab: HandlerLab;
let tools: HostTools;
let agent: ThingAgentProcess;

let created = 0;
const ME = userInfo().username;
const SAMPLES = join(import.meta.dirname, '../support/device-client-handlers');

beforeAll(async () => {
  lab = await HandlerLab.start();
  // For other users, too.
  chmodSync(lab.directory, 0o711);
  tools = new HostTools(lab.folder('host'));
  tools.upSince(new Date(Date.now() - 3_600_000));
  installSamples(lab.folder('handlers'));
  agent = startAgent();
});

afterAll(() => lab?.close());

/** Half of them with mode 700, the only one that Device Client takes in its handler directory; half with 755. */
function installSamples(directory: string): void {
  const asUser = readFileSync(join(SAMPLES, 'as-user.sh'), 'utf8');
  const names = readdirSync(SAMPLES).filter((name) => name !== 'as-user.sh');
  for (const [index, name] of names.entries()) {
    const path = join(directory, name);
    writeFileSync(path, `#!/usr/bin/env sh\n${asUser}\n${readFileSync(join(SAMPLES, name), 'utf8')}`);
    chmodSync(path, index % 2 === 0 ? 0o700 : 0o755);
  }
}

function startAgent(): ThingAgentProcess {
  return lab.startAgent(
    {
      handlers: { directory: lab.folder('handlers') },
      attributes: { operatingSystem: 'ubuntu', deviceType: 'gateway' },
      jobs: { stopGraceSeconds: 0 },
    },
    { PATH: tools.path, TMPDIR: lab.folder('tmp') },
  );
}

/** What the host's tools were asked by this, in order. */
async function callsOf(work: () => Promise<unknown>): Promise<string[]> {
  const before = tools.calls().length;
  await work();
  return tools.calls().slice(before);
}

const samples = (handler: string, args: unknown, more: object = {}) =>
  documentOf({ type: 'runHandler', input: { handler, args, path: 'default' }, ...more });

describe('a sample handler in the handler directory', () => {
  /** Name, arguments, the calls of host's tools that it makes and the built-in of its name does not. */
  it.each<[string, unknown, readonly string[]]>([
    ['install-packages.sh', ['jq', 'nginx'], ['apt-get install -y jq nginx']],
    ['install-packages.sh', ['jq nginx'], ['apt-get install -y jq nginx']],
    ['install-packages.sh', 'jq nginx', ['apt-get install -y jq nginx']],
    ['verify-packages-installed.sh', ['jq nginx'], ['dpkg -s jq', 'dpkg -s nginx']],
    ['remove-packages.sh', ['jq nginx'], ['apt-get remove -y --purge jq nginx']],
    ['verify-packages-removed.sh', ['jq', 'nginx'], ['dpkg -s jq', 'dpkg -s nginx']],
    ['start-services.sh', ['nginx my-app'], ['systemctl start nginx', 'systemctl start my-app']],
    ['restart-services.sh', ['my-app'], ['systemctl restart my-app']],
    ['stop-services.sh', ['nginx', 'my-app'], ['systemctl stop nginx', 'systemctl stop my-app']],
    ['download-file.sh', ['https://example.com/a.bin', '/FILE'], ['wget -q -O /FILE https://example.com/a.bin']],
    ['health-check.sh', [], []],
    ['shutdown.sh', [], ['shutdown -h +1']],
  ])('%s of %j is that, and not the built-in', async (handler, args, expected) => {
    created += 1;
    const jobId = `${basename(handler, '.sh')}-${created}`;
    const here = (words: unknown) => JSON.parse(JSON.stringify(words).replaceAll('/FILE', lab.file('file'))) as never;
    const calls = await callsOf(async () => {
      const { [jobId]: end } = await lab.run({ [jobId]: samples(handler, here(args)) });
      expect(end).toMatchObject({ status: 'SUCCEEDED', details: { reason: '1 of 1 steps succeeded' } });
    });
    expect(calls).toEqual(here(expected));
  });

  it('has the user first, and gives the work to it by itself, when the document names one', async () => {
    const calls = await callsOf(async () => {
      const { both } = await lab.run({ both: samples('install-packages.sh', ['jq'], { runAsUser: ME }) });
      expect(both.status).toBe('SUCCEEDED');
    });
    // That it is this user already, our own sudo knows.
    expect(calls).toEqual(['apt-get install -y jq']);
    await lab.run({
      echo: samples('echo.sh', ['a b', '', 'c']),
      'echo-as': samples('echo.sh', ['d'], { runAsUser: ME }),
    });
    expect(lab.outputOf('echo')).toEqual(['[]', 'a b', '', 'c']);
    expect(lab.outputOf('echo-as')).toEqual([`[${ME}]`, 'd']);
  });

  it.skipIf(!isRoot())(
    'becomes another user by itself, as it is that user already, whatever its mode',
    async ({ skip }) => {
      const nobody = await findUser('nobody');
      const ownSudo = join(import.meta.dirname, '../../config/run-as-user/sudo');
      if (nobody.kind !== 'found') throw new Error(nobody.reason);
      if (!mayUse(ownSudo, nobody.user, READ_AND_EXECUTE)) skip('this repository is closed to nobody');
      const asUser = readFileSync(join(SAMPLES, 'as-user.sh'), 'utf8');
      const body = `${asUser}\nas_user sh -c 'id -un; printf "[%s]" "$@"; echo "$user"' as-user "$@"; sudo -u daemon -n id`;
      // The stand-ins note their calls as whoever runs them.
      writeFileSync(join(lab.folder('host'), 'calls'), '', { flag: 'a' });
      chmodSync(join(lab.folder('host'), 'calls'), 0o666);
      lab.script('handlers', 'closed.sh', body, 0o700);
      lab.script('handlers', 'open.sh', body, 0o755);
      const calls = await callsOf(async () => {
        const as = (name: string) => samples(name, ['a b', '', '$(id)'], { runAsUser: 'nobody' });
        const ends = await lab.run({ closed: as('closed.sh'), open: as('open.sh') });
        expect(Object.values(ends).map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED']);
      });
      // Another user is the host's own sudo's affair.
      expect(calls.filter((call) => call.startsWith('sudo'))).toEqual(['sudo -u daemon -n id', 'sudo -u daemon -n id']);
      for (const jobId of ['closed', 'open']) {
        expect(lab.outputOf(jobId).slice(0, 2)).toEqual(['nobody', '[a b][][$(id)]']);
      }
      expect(readdirSync(join(lab.stateDirectory, 'scratch'))).toEqual([]);
    },
  );

  it('that others can write is refused, and no built-in stands in for it; one that is gone makes way for it', async () => {
    const path = join(lab.folder('handlers'), 'health-check.sh');
    chmodSync(path, 0o777);
    const { unsafe } = await lab.run({ unsafe: samples('health-check.sh', []) });
    expect(unsafe.details['reason']).toMatch(/health-check.sh is writable by everyone \(chmod o-w\)$/);
    rmSync(path);
    const { gone } = await lab.run({ gone: samples('health-check.sh', []) });
    expect(gone.details).toHaveProperty('agentVersion');
  });
});

describe('a program of the host as a handler', () => {
  it('is found by PATH where there is no path, and has the user as its first argument', async () => {
    const input = { handler: 'echo', args: ['Hello world!'] };
    await lab.run({
      'sample-echo': documentOf({ type: 'runHandler', input }),
      'sample-echo-as': documentOf({ type: 'runHandler', input: { ...input, path: '' }, runAsUser: ME }),
    });
    expect(lab.outputOf('sample-echo')).toEqual([' Hello world!']);
    expect(lab.outputOf('sample-echo-as')).toEqual([`${ME} Hello world!`]);
  });
});

describe('a document without a version', () => {
  it('runs one handler, in every way that its keys may be written', async () => {
    const ends = await lab.run({
      plain: { operation: 'echo.sh', args: ['one', 'two'], path: 'default' },
      strings: { operation: 'echo.sh', args: 'one two', path: '', allowStdErr: '0', includeStdOut: 'true' },
      comments: { operation: 'echo.sh', comment: 'to be removed', args: ['one', 'two'], runAsUser: ME },
    });
    expect(Object.values(ends).map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
    for (const jobId of ['plain', 'strings', 'comments']) expect(lab.outputOf(jobId)).toEqual(['[]', 'one', 'two']);
    expect(ends.strings.details['stdout']).toBe('[] | one | two');
    expect(ends.plain.details).not.toHaveProperty('stdout');
  });

  it('fails as the others do', async () => {
    lab.script('handlers', 'noisy.sh', 'echo one >&2; echo two >&2');
    const { noisy, missing } = await lab.run({
      noisy: { operation: 'noisy.sh', path: 'default', allowStdErr: 1 },
      missing: { operation: 'no-such.sh', path: 'default' },
    });
    expect(noisy.details).toMatchObject({
      reason: 'step 1 "noisy.sh": wrote more than 1 line to stderr (allowStdErr)',
      stderr: 'one | two',
    });
    expect(missing.details['reason']).toMatch(/^step 1 "no-such.sh": not found: /);
  });
});

describe('a document of schema 1.0', () => {
  it('runs where its conditions are met, and is REJECTED with the condition where one is not', async () => {
    const on = (...conditions: object[]) => ({ ...documentOf(shell('true')), conditions });
    const system = (...value: string[]) => ({ key: 'operatingSystem', value, type: 'stringEqual' });
    const ends = await lab.run({
      met: on(
        system('ubuntu', 'redhat'),
        { key: 'deviceType', value: ['gateway'] },
        { key: 'thingName', value: ['pi'] },
      ),
      unmet: { ...on(system('redhat')), steps: [step(command(...lab.append('never', 'unmet')))] },
      unknown: on({ key: 'deviceTyp', value: ['gateway'] }),
    });
    expect(ends.met.status).toBe('SUCCEEDED');
    expect(ends.unmet).toEqual({
      status: 'REJECTED',
      details: { reason: 'condition "operatingSystem" is not met: expected "redhat"; this device has "ubuntu"' },
    });
    expect(ends.unknown.details['reason']).toMatch(/this device has no such attribute; did you mean "deviceType"\?$/);
    expect(lab.lines('never')).toEqual([]);
  });

  it.each([2, '2'])('has allowStdErr %j for a limit of lines, and a non-zero exit still fails', async (allowStdErr) => {
    const writes = (lines: number, code = 0) =>
      documentOf({ ...shell(`for i in $(seq ${lines}); do echo "line $i" >&2; done; exit ${code}`), allowStdErr });
    const id = (name: string) => `${name}-${typeof allowStdErr}`;
    const ends = await lab.run({ [id('at')]: writes(2), [id('above')]: writes(3), [id('exit')]: writes(0, 1) });
    const reasons = Object.values(ends).map(({ status, details }) => [status, details['reason']]);
    expect(reasons).toEqual([
      ['SUCCEEDED', '1 of 1 steps succeeded'],
      ['FAILED', 'step 1 "step-1": wrote more than 2 lines to stderr (allowStdErr)'],
      ['FAILED', 'step 1 "step-1": exited with code 1'],
    ]);
  });

  it('without allowStdErr may write to stderr as it likes', async () => {
    const { quiet } = await lab.run({ quiet: documentOf(shell('seq 5000 >&2')) });
    expect(quiet.status).toBe('SUCCEEDED');
  });

  it('obeys ignoreStepFailure and includeStdOut, as booleans and as strings', async () => {
    const failing = (ignoreStepFailure: unknown) =>
      documentOf({ ...shell('echo out; exit 1'), ignoreStepFailure }, shell('echo second'));
    const saying = (includeStdOut: unknown) => ({ ...documentOf(shell('echo hello')), includeStdOut });
    const ends = await lab.run({
      'ignore-true': failing(true),
      'ignore-text': failing('true'),
      'ignore-false': failing(false),
      'ignore-not': failing('false'),
      'out-true': saying(true),
      'out-text': saying('true'),
      'out-false': saying(false),
      'out-not': saying('false'),
      'out-unset': documentOf(shell('echo hello')),
    });
    for (const id of ['ignore-true', 'ignore-text'] as const) {
      expect(ends[id]).toMatchObject({
        status: 'SUCCEEDED',
        details: { reason: '1 of 2 steps succeeded, 1 failed and was ignored' },
      });
    }
    for (const id of ['ignore-false', 'ignore-not'] as const) {
      expect(ends[id]).toMatchObject({ status: 'FAILED', details: { step: '1/2', exitCode: '1' } });
    }
    for (const id of ['out-true', 'out-text'] as const) expect(ends[id].details['stdout']).toBe('hello');
    for (const id of ['out-false', 'out-not', 'out-unset'] as const) {
      expect(ends[id].details).toEqual({ reason: '1 of 1 steps succeeded' });
    }
  });

  it('runs its finalStep after success, an ignored failure counting as one, and never after a failure', async () => {
    const finalStep = (text: string) => step(command(...lab.append('final', text)));
    const ends = await lab.run({
      succeeds: { ...documentOf(command(...lab.append('final', 'first'))), finalStep: finalStep('after success') },
      ignores: {
        ...documentOf({ ...shell('exit 1'), ignoreStepFailure: 'true' }),
        finalStep: finalStep('after ignored'),
      },
      fails: { ...documentOf(shell('exit 1')), finalStep: finalStep('after failure') },
    });
    expect(Object.values(ends).map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED', 'FAILED']);
    expect(lab.lines('final')).toEqual(['first', 'after success', 'after ignored']);
  });

  it('of another version is REJECTED, whatever it says', async () => {
    const { later } = await lab.run({
      later: { ...documentOf(command(...lab.append('never', 'later'))), version: '1.1' },
    });
    expect(later).toEqual({ status: 'REJECTED', details: { reason: 'version: expected "1.0", got "1.1"' } });
    expect(lab.lines('never')).toEqual([]);
  });
});

describe('the sample reboot.sh', () => {
  it('is run again after the reboot that it has asked for, and only that step of the document', async () => {
    const steps = documentOf(
      command(...lab.append('order', 'before')),
      { type: 'runHandler', input: { handler: 'reboot.sh', path: 'default' }, runAsUser: ME },
      command(...lab.append('order', 'after')),
    );
    await lab.createJob('reboot', { ...steps, includeStdOut: true });
    await expect.poll(() => tools.calls().at(-1), { timeout: 60_000 }).toBe('reboot ');
    expect(await agent.stop()).toBe(0);
    tools.upSince(new Date(Date.now() + 2_000));
    agent = startAgent();
    expect(await lab.outcome('reboot')).toMatchObject({
      status: 'SUCCEEDED',
      details: { stdout: 'Reboot was successful' },
    });
    expect(lab.lines('order')).toEqual(['before', 'after']);
    expect(tools.calls().filter((call) => call === 'reboot ')).toHaveLength(1);
  });
});
