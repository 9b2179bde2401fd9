import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileServer } from '../support/file-server.ts';
import { command, documentOf, HandlerLab, shell } from '../support/handler-lab.ts';
import { HostTools } from '../support/host-tools.ts';
import type { ThingAgentProcess } from '../support/lab.ts';

/** The eight templates that AWS manages, on an agent that has no handlers at all. */
let lab: HandlerLab;
let tools: HostTools;
let files: FileServer;
let agent: ThingAgentProcess;

const ME = userInfo().username;
const OBJECT = 'https://s3.us-east-1.amazonaws.com/releases/app.bin';
const PLACEHOLDER = `\${aws:iot:s3-presigned-url:${OBJECT}}`;
const presignedUrlConfig = { roleArn: 'arn:aws:iam::123456789012:role/presigner', expiresInSec: 60 };

beforeAll(async () => {
  lab = await HandlerLab.start();
  tools = new HostTools(lab.folder('host'));
  files = await FileServer.start(lab);
  files.paths.set('/app.bin', (_, response) => response.end('from a web server'));
  await lab.putObject('releases/app.bin', 'from the object store');
  writeFileSync(lab.file('boot-id'), 'first\n');
  tools.add('start-anew', `echo second > '${lab.file('boot-id')}'`);
  agent = startAgent();
});

afterAll(async () => {
  await files?.stop();
  await lab?.close();
});

function startAgent(): ThingAgentProcess {
  return lab.startAgent(
    {
      reboot: { command: ['start-anew'], bootIdPath: lab.file('boot-id') },
      handlers: { allowedDirectories: [lab.folder('of-the-owner')] },
      // The simulator's object store speaks no HTTPS.
      policy: { allowPlainHttp: true },
    },
    { PATH: tools.path, NODE_EXTRA_CA_CERTS: lab.ports.caPath },
  );
}

const read = (name: string) => readFileSync(lab.file(name), 'utf8');

interface Use {
  readonly template: string;
  readonly parameters: () => Record<string, string>;
  /** What is told of it, and what is then true of the device. */
  readonly details: object;
  readonly holds: (jobId: string) => unknown;
}

const USES: readonly Use[] = [
  {
    template: 'AWS-Run-Command',
    parameters: () => ({ command: 'printf,%s|,one,two words,three\\, four' }),
    details: { reason: '1 of 1 steps succeeded' },
    holds: (jobId) => expect(lab.outputOf(jobId)).toEqual(['one|two words|three, four|']),
  },
  {
    template: 'AWS-Download-File',
    parameters: () => ({ downloadUrl: files.url('/app.bin'), filePath: lab.file('app.bin') }),
    details: { bytes: '17', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    holds: () => expect(read('app.bin')).toBe('from a web server'),
  },
  {
    template: 'AWS-Install-Application',
    parameters: () => ({ packages: 'jq nginx' }),
    details: { installed: 'jq 1.0, nginx 1.0' },
    holds: () => expect([tools.has('jq'), tools.has('nginx')]).toEqual([true, true]),
  },
  {
    template: 'AWS-Start-Application',
    parameters: () => ({ services: 'nginx my-app' }),
    details: { started: 'nginx, my-app' },
    holds: () => expect([tools.service('nginx'), tools.service('my-app')]).toEqual(['active', 'active']),
  },
  {
    template: 'AWS-Restart-Application',
    parameters: () => ({ services: 'my-app' }),
    details: { restarted: 'my-app' },
    holds: () => expect(tools.calls().filter((call) => /restart.*my-app|my-app restart/.test(call))).not.toEqual([]),
  },
  {
    template: 'AWS-Stop-Application',
    parameters: () => ({ services: 'nginx my-app' }),
    details: { stopped: 'nginx, my-app' },
    holds: () => expect([tools.service('nginx'), tools.service('my-app')]).toEqual(['inactive', 'inactive']),
  },
  {
    template: 'AWS-Remove-Application',
    parameters: () => ({ packages: 'jq nginx' }),
    details: { absent: 'jq, nginx' },
    holds: () => expect([tools.has('jq'), tools.has('nginx')]).toEqual([false, false]),
  },
];

describe('with nothing installed', () => {
  it.each(USES)('$template does its work, with and without a user to run as', async (use) => {
    for (const [kind, optional] of Object.entries({ plain: {}, 'as-user': { runAsUser: ME } })) {
      const jobId = `${use.template}-${kind}`;
      await lab.createFromTemplate(jobId, use.template, { ...use.parameters(), ...optional });
      expect(await lab.outcome(jobId)).toMatchObject({ status: 'SUCCEEDED', details: use.details });
      use.holds(jobId);
    }
  });

  it('a failure is told in the words of the tool', async () => {
    await lab.createFromTemplate('nosuch', 'AWS-Install-Application', { packages: 'nosuch' });
    const { status, details } = await lab.outcome('nosuch');
    expect(status).toBe('FAILED');
    expect(details['reason']).toMatch(
      /^step 1 "Install-Application": apt-get install: exited with code 100 \(E: Unable to locate package nosuch\)/,
    );
  });

  it('a list with more than names in it is REJECTED with its place in the document, and no tool is asked', async () => {
    const before = tools.calls().length;
    await lab.createFromTemplate('option', 'AWS-Install-Application', { packages: 'jq -oDebug=1' });
    await lab.createJob('option-of-old', { operation: 'install-packages.sh', args: ['jq', '-oDebug=1'] });
    const ends = await lab.outcomes(['option', 'option-of-old']);
    expect(Object.values(ends).map(({ status, details }) => [status, details['reason']])).toEqual([
      ['REJECTED', expect.stringMatching(/^steps\[0\]\.action\.input\.args: install-packages\.sh: .*got "-oDebug=1"$/)],
      ['REJECTED', expect.stringMatching(/^args: install-packages\.sh: .*got "-oDebug=1"$/)],
    ]);
    expect(tools.calls()).toHaveLength(before);
  });

  it('a user that the device does not have is a failure, and nothing runs', async () => {
    const before = tools.calls().length;
    const runAsUser = 'no-such-user';
    await lab.createFromTemplate('stranger-1', 'AWS-Install-Application', { packages: 'jq', runAsUser });
    await lab.createFromTemplate('stranger-2', 'AWS-Run-Command', { command: `touch,${lab.file('mark')}`, runAsUser });
    for (const { status, details } of Object.values(await lab.outcomes(['stranger-1', 'stranger-2']))) {
      expect([status, details['reason']]).toEqual(['FAILED', expect.stringContaining('unknown user "no-such-user"')]);
    }
    expect(tools.calls()).toHaveLength(before);
    expect(existsSync(lab.file('mark'))).toBe(false);
  });
});

describe('with a path to a handler', () => {
  it('the script there runs, with the user and the parameters, and no built-in', async () => {
    const pathToHandler = lab.folder('of-the-owner');
    lab.script('of-the-owner', 'install-packages.sh', `printf '%s\\n' "$@"`);
    const before = tools.calls().length;
    const given = { packages: 'jq nginx', pathToHandler };
    await lab.createFromTemplate('own-script', 'AWS-Install-Application', given);
    await lab.createFromTemplate('own-script-as-user', 'AWS-Install-Application', { ...given, runAsUser: ME });
    const ends = await lab.outcomes(['own-script', 'own-script-as-user']);
    expect(Object.values(ends).map(({ status }) => status)).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    expect(lab.outputOf('own-script')).toEqual(['', 'jq nginx']);
    expect(lab.outputOf('own-script-as-user')).toEqual([ME, 'jq nginx']);
    expect(tools.calls()).toHaveLength(before);
  });

  it('another directory than the device allows, or one without the script, is a failure', async () => {
    lab.script('elsewhere', 'reboot.sh', `echo never > '${lab.file('mark')}'`);
    await lab.createFromTemplate('outside', 'AWS-Reboot', { pathToHandler: lab.folder('elsewhere') });
    await lab.createFromTemplate('missing', 'AWS-Reboot', { pathToHandler: lab.folder('of-the-owner') });
    const { outside, missing } = await lab.outcomes(['outside', 'missing']);
    expect([outside.status, missing.status]).toEqual(['FAILED', 'FAILED']);
    expect(outside.details['reason']).toMatch(/not permitted: .*elsewhere is outside the directories/);
    expect(missing.details['reason']).toMatch(/not found: .*of-the-owner\/reboot\.sh$/);
    expect(existsSync(lab.file('mark'))).toBe(false);
  });
});

describe('AWS-Download-File from a presigned URL', () => {
  it('fetches, also when the URL has expired while the job waited in the queue or between two steps', async () => {
    const filePath = lab.file('waited-in-queue');
    const download = { handler: 'download-file.sh', args: [PLACEHOLDER, lab.file('waited-between')], path: '' };
    const waits = shell(`until [ -e '${lab.file('go')}' ]; do sleep 0.05; done`);
    const between = documentOf(waits, { type: 'runHandler', input: download });
    await lab.createJobWith('between', between, { presignedUrlConfig });
    await lab.createFromTemplate(
      'queued',
      'AWS-Download-File',
      { downloadUrl: PLACEHOLDER, filePath },
      { presignedUrlConfig },
    );
    await expect.poll(() => lab.statuses(), { timeout: 60_000 }).toMatchObject({ between: 'IN_PROGRESS' });
    await lab.control('POST', 'time', { advanceSeconds: 120 });
    const asked = async () => {
      const query = 'messages?client=pi&topic=$aws/things/pi/jobs/between/get';
      return ((await lab.control('GET', query)) as { messages: unknown[] }).messages.length;
    };
    const before = await asked();
    writeFileSync(lab.file('go'), '');
    const ends = await lab.outcomes(['between', 'queued']);
    expect(Object.values(ends).map(({ status, details }) => [status, details['bytes']])).toEqual([
      ['SUCCEEDED', '21'],
      ['SUCCEEDED', '21'],
    ]);
    for (const name of ['waited-between', 'waited-in-queue']) expect(read(name)).toBe('from the object store');
    expect(await asked()).toBeGreaterThan(before);
    // A URL is as good as what it leads to.
    const told = JSON.stringify([ends, agent.log]);
    expect(told).toContain('/releases/app.bin');
    expect(told).not.toMatch(/X-Amz-Signature=(?!\[redacted\])/);
  });
});

describe('AWS-Reboot', () => {
  it('succeeds once the device has started anew, having told it to once', async () => {
    await lab.createFromTemplate('reboot', 'AWS-Reboot');
    await lab.createJob('after', documentOf(command('true')));
    await expect
      .poll(() => tools.calls().filter((call) => call.startsWith('start-anew')), { timeout: 60_000 })
      .toHaveLength(1);
    expect((await lab.execution('reboot')).status).toBe('IN_PROGRESS');
    // As the host does on its way down.
    expect(await agent.stop()).toBe(0);
    agent = startAgent();
    const { reboot, after } = await lab.outcomes(['reboot', 'after']);
    expect([reboot.status, after.status]).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    expect(reboot.details['reboot']).toBe('the device has started anew');
    expect(tools.calls().filter((call) => call.startsWith('start-anew'))).toHaveLength(1);
  });
});
