import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command, documentOf, HandlerLab, handler, shell, step } from '../support/handler-lab.ts';

/** What the device's owner forbids does not happen, whatever a job says. */
let lab: HandlerLab;

const ME = userInfo().username;
const FILE = 'https://files.example.com/a.bin';

beforeAll(async () => {
  lab = await HandlerLab.start();
  for (const name of ['fine.sh', 'fine-not.sh', 'other.sh']) {
    lab.script('handlers', name, `echo "${name} $JOB_ID" >> "$LAB/ran"`);
  }
  lab.startAgent({
    handlers: { directory: lab.folder('handlers') },
    // Should a rule have no effect, the machine of the tests goes on: no step here does more than leave a mark.
    reboot: { command: ['true'], shutdownCommand: ['true'] },
    policy: {
      allowHandlers: ['fine*', 'download-file.sh'],
      denyHandlers: ['*-not.sh'],
      allowCommands: ['sh *', 'touch *', '/usr/bin/true'],
      denyCommands: ['touch /no/such/*', 'sh -c *secret*'],
      allowUsers: [ME, 'daemon'],
      denyUsers: ['daemon'],
      allowDownloadHosts: ['*.example.com'],
      denyDownloadHosts: ['old.example.com'],
      denyFeatures: ['ignoreStepFailure', 'workingDirectory', 'operation'],
    },
  });
});

afterAll(() => lab?.close());

/** A step that leaves a mark, to be the first of a document whose second is forbidden. */
const marks = () => shell(`echo "$JOB_ID" >> '${lab.file('ran')}'`);
const download = (url: string) => ({ type: 'downloadFile', input: { url, path: lab.file('downloaded') } });
const script = (url: string) => handler('download-file.sh', url, lab.file('downloaded'));

/** A document's second step, or what it has beside its first, and the reason that the cloud reads. */
const FORBIDDEN: Readonly<Record<string, readonly [() => object, string]>> = {
  allowHandlers: [() => handler('other.sh'), 'policy.allowHandlers does not allow steps[1].action: handler "other.sh"'],
  'allowHandlers-a-built-in': [
    () => ({ type: 'reboot' }),
    'policy.allowHandlers does not allow steps[1].action: handler "reboot.sh"',
  ],
  denyHandlers: [
    () => handler('fine-not.sh'),
    'policy.denyHandlers "*-not.sh" forbids steps[1].action: handler "fine-not.sh"',
  ],
  allowCommands: [() => command('id'), 'policy.allowCommands does not allow steps[1].action: command "id"'],
  'allowCommands-by-path': [
    () => command('/tmp/sh', '-c', 'true'),
    'policy.allowCommands does not allow steps[1].action: command "/tmp/sh"',
  ],
  denyCommands: [
    () => ({ type: 'runCommand', input: { command: 'touch,/no/such/file' } }),
    'policy.denyCommands "touch /no/such/*" forbids steps[1].action: command "touch"',
  ],
  'denyCommands-within': [
    () => shell('sleep 1; cat secret'),
    'policy.denyCommands "sh -c *secret*" forbids steps[1].action: command "sh"',
  ],
  allowUsers: [
    () => ({ ...shell('true'), runAsUser: 'games' }),
    'policy.allowUsers does not allow steps[1].action.runAsUser: user "games"',
  ],
  denyUsers: [
    () => ({ ...shell('true'), runAsUser: 'daemon' }),
    'policy.denyUsers "daemon" forbids steps[1].action.runAsUser: user "daemon"',
  ],
  denyFeatures: [
    () => ({ ...shell('true'), workingDirectory: '/tmp' }),
    'policy.denyFeatures "workingDirectory" forbids steps[1].action',
  ],
};

const DOWNLOADS: Readonly<Record<string, readonly [string, RegExp]>> = {
  allowDownloadHosts: [FILE.replace('files.example', 'files.other'), /policy\.allowDownloadHosts/],
  denyDownloadHosts: [FILE.replace('files', 'old'), /policy\.denyDownloadHosts "old\.example\.com"/],
  allowPlainHttp: [FILE.replace('https', 'http'), /policy\.allowPlainHttp/],
};

describe('a job that the policy forbids', () => {
  it.each(Object.entries(FORBIDDEN))('by %s is REJECTED with the rule’s name', async (jobId, [forbidden, reason]) => {
    const { [jobId]: end } = await lab.run({ [jobId]: documentOf(marks(), forbidden()) });
    expect(end).toEqual({ status: 'REJECTED', details: { reason } });
  });

  it.each(
    Object.entries(DOWNLOADS),
  )('by %s is REJECTED with the rule’s name, as the built-in and as its script', async (rule, [url, reason]) => {
    const ends = await lab.run({
      [`${rule}-action`]: documentOf(marks(), download(url)),
      [`${rule}-script`]: documentOf(marks(), script(url)),
    });
    for (const { status, details } of Object.values(ends)) {
      expect([status, details['reason']]).toEqual(['REJECTED', expect.stringMatching(reason)]);
    }
  });

  it('in its cleanup, in its final step, or as a document without a version, is REJECTED too', async () => {
    const ends = await lab.run({
      cleanup: { ...documentOf(marks()), cleanup: [step(command('id'))] },
      'final-step': { ...documentOf(marks()), finalStep: step({ ...marks(), ignoreStepFailure: true }) },
      operation: { operation: 'fine.sh', path: 'default' },
    });
    expect(Object.values(ends)).toEqual([
      {
        status: 'REJECTED',
        details: { reason: expect.stringContaining('policy.allowCommands does not allow cleanup[0]') },
      },
      { status: 'REJECTED', details: { reason: 'policy.denyFeatures "ignoreStepFailure" forbids finalStep.action' } },
      { status: 'REJECTED', details: { reason: 'policy.denyFeatures "operation" forbids operation' } },
    ]);
  });

  it('by several rules hears of all of them', async () => {
    const { several } = await lab.run({
      several: documentOf({ ...command('id'), runAsUser: 'games' }, handler('other.sh')),
    });
    expect(several.details['reason']?.split('; ')).toHaveLength(3);
  });

  it('has not run in any part, and was never claimed', async () => {
    const statuses = await lab.statuses();
    expect(new Set(Object.values(statuses))).toEqual(new Set(['REJECTED']));
    for (const jobId of Object.keys(statuses)) expect((await lab.execution(jobId)).startedAt, jobId).toBeUndefined();
    expect(lab.lines('ran')).toEqual([]);
  });
});

describe('a job that the policy allows', () => {
  it('runs', async () => {
    const allowed = documentOf(handler('fine.sh'), { ...marks(), runAsUser: ME }, command('/usr/bin/true'));
    const ends = await lab.run({ allowed });
    expect(ends.allowed).toMatchObject({ status: 'SUCCEEDED', details: { reason: '3 of 3 steps succeeded' } });
    expect(lab.lines('ran')).toEqual(['fine.sh allowed', 'allowed']);
  });
});
