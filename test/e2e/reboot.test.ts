import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { CreateJobCommand } from '@aws-sdk/client-iot';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { commands, Lab, type ThingAgentProcess } from '../support/lab.ts';

/** A device whose reboot is a new boot id and a new agent, after the last one was killed. */
let lab: Lab;
let agent: ThingAgentProcess;
let isPluggedIn = false;

/** What the reboot command does: a device that starts anew, only an agent that does, a refusal, or nothing at all. */
const REBOOT = `
  echo "$1" >> reboots
  case $(cat how) in
    boots) echo another >> boot-id; kill -9 $PPID ;;
    bounces) kill -9 $PPID ;;
    bounces-once) echo boots > how; kill -9 $PPID ;;
    refuses) echo 'Call to Reboot failed: Access denied' >&2; exit 1 ;;
  esac`;

beforeAll(async () => {
  lab = await Lab.start();
  mkdirSync(lab.file('handlers'));
  handler(
    'restart-into.sh',
    `echo "run $JOB_ATTEMPT\${JOB_REBOOTED:+ rebooted}" >> ${lab.file('out')}
    [ -n "$JOB_REBOOTED" ] || exit 194`,
  );
  handler('never-content.sh', `echo "run $JOB_ATTEMPT" >> ${lab.file('out')}; exit 194`);
});

afterAll(async () => {
  isPluggedIn = false;
  await lab.close();
});

beforeEach(async () => {
  for (const name of ['out', 'reboots', 'go']) rmSync(lab.file(name), { force: true });
  writeFileSync(lab.file('boot-id'), 'first\n');
  does('boots');
  await startAgent();
});

function handler(name: string, script: string): void {
  writeFileSync(lab.file(`handlers/${name}`), `#!/bin/sh\n${script}\n`);
  chmodSync(lab.file(`handlers/${name}`), 0o755);
}

function does(how: 'boots' | 'bounces' | 'bounces-once' | 'refuses' | 'nothing'): void {
  writeFileSync(lab.file('how'), how);
}

async function startAgent(changes: Record<string, unknown> = {}): Promise<void> {
  isPluggedIn = false;
  await agent?.stop('SIGTERM');
  const command = (what: string) => ['sh', '-c', `cd ${lab.directory}; ${REBOOT}`, 'reboot', what];
  const reboot = {
    command: command('reboot'),
    shutdownCommand: command('shutdown'),
    bootIdPath: lab.file('boot-id'),
    deadlineSeconds: 10,
  };
  const config = { reboot, handlers: { directory: lab.file('handlers') }, ...changes };
  isPluggedIn = true;
  const start = (): void => {
    const started = lab.startAgent(config);
    agent = started;
    void started.ended.then((how) => {
      if (how === 'SIGKILL' && isPluggedIn && agent === started) start();
    });
  };
  start();
  await agent.message(/^pending jobs$/);
}

const action = (type: string, changes: object = {}) => ({ action: { name: type, type, ...changes } });
const handlerStep = (name: string) => action('runHandler', { input: { handler: name, path: 'default' } });
const say = (text: string) => action('runCommand', { input: { command: lab.append('out', text) } });
const document = (...steps: object[]) => ({ version: '1.0', steps });

describe('a reboot is asked for and comes', () => {
  it('by AWS’s managed template', async () => {
    await lab.iot.send(
      new CreateJobCommand({
        jobId: 'template',
        targets: ['arn:aws:iot:us-east-1:123456789012:thing/pi'],
        jobTemplateArn: 'arn:aws:iot:us-east-1::jobtemplate/AWS-Reboot:1.0',
      }),
    );
    expect(await lab.outcome('template')).toMatchObject({
      status: 'SUCCEEDED',
      details: { reboot: 'the device has started anew', uptimeSeconds: expect.stringMatching(/^\d+$/) },
    });
    expect(lab.lines('reboots')).toEqual(['reboot']);
  });

  it('by a handler’s exit code 194: it runs again and is told, what came before it does not, what comes after does', async () => {
    await lab.createJob('handler', document(say('before'), handlerStep('restart-into.sh'), say('after')));
    expect((await lab.outcome('handler')).status).toBe('SUCCEEDED');
    expect(lab.lines('out')).toEqual(['before', 'run 1', 'run 2 rebooted', 'after']);
    expect(lab.lines('reboots')).toEqual(['reboot']);
  });

  it('twice, for two jobs in a row: nothing of the first passes for the second', async () => {
    await lab.createJob('first', document(action('reboot')));
    await lab.createJob('second', document(action('reboot')));
    expect((await lab.outcome('first')).status).toBe('SUCCEEDED');
    expect((await lab.outcome('second')).status).toBe('SUCCEEDED');
    expect(lab.lines('reboots')).toEqual(['reboot', 'reboot']);
  });

  it('and the steps after it decide whether the new start is good, however long they have to wait for that', async () => {
    const look = `test "$(grep -c looked ${lab.file('out')})" = 3`;
    const verify = action('runCommand', {
      input: { command: ['sh', '-c', `echo looked >> ${lab.file('out')}; ${look}`] },
      retry: { attempts: 5, delaySeconds: 0 },
    });
    await lab.createJob('verified', document(action('reboot'), verify));
    expect((await lab.outcome('verified')).status).toBe('SUCCEEDED');
    expect(lab.lines('out')).toEqual(['looked', 'looked', 'looked']);

    const unmet = action('healthCheck', { input: { minimumFreeMegabytes: 1_000_000_000 } });
    await lab.createJob('unverified', document(action('reboot'), unmet));
    const { status, details } = await lab.outcome('unverified');
    expect(status).toBe('FAILED');
    expect(details['reason']).toMatch(/^step 2 "healthCheck": .* MiB are free in .*, expected at least 1000000000$/);
    expect(lab.lines('reboots')).toEqual(['reboot', 'reboot']);
  });
});

describe('a reboot does not come', () => {
  it('by a restart of the agent: that is none, and the device is asked again', async () => {
    does('bounces-once');
    await lab.createJob('bounced', document(action('reboot')));
    expect((await lab.outcome('bounced')).status).toBe('SUCCEEDED');
    expect(lab.lines('reboots')).toEqual(['reboot', 'reboot']);
  });

  it('by restarts of the agent alone, and is given up', async () => {
    does('bounces');
    await lab.createJob('bouncing', document(action('reboot')));
    expect(await lab.outcome('bouncing')).toMatchObject({
      status: 'FAILED',
      details: {
        reason: 'step 1 "reboot": the device did not start anew, though asked 3 times (the boot id is the same)',
      },
    });
    expect(lab.lines('reboots')).toEqual(['reboot', 'reboot', 'reboot']);
  });

  it('and the job FAILS with the words of the command that refused', async () => {
    does('refuses');
    await lab.createJob('refused', document(action('reboot')));
    const { status, details } = await lab.outcome('refused');
    expect(status).toBe('FAILED');
    expect(details['reason']).toMatch(/^step 1 "reboot": the device cannot be told to: .* exited with code 1: Call to/);
    expect(details['reason']).toMatch(/Access denied$/);
  });

  it('and the job FAILS when the time for it is over', async () => {
    does('nothing');
    await lab.createJob('late', document(action('reboot'), say('never')));
    expect(await lab.outcome('late')).toMatchObject({
      status: 'FAILED',
      details: { reason: 'step 1 "reboot": the device did not start anew within 10 s (the boot id is the same)' },
    });
    expect(lab.lines('reboots')).toEqual(['reboot']);
    expect(existsSync(lab.file('out'))).toBe(false);
  });

  it('without end: a step that asks for one each time FAILS the job', async () => {
    await lab.createJob('loop', document(handlerStep('never-content.sh')));
    expect(await lab.outcome('loop')).toMatchObject({
      status: 'FAILED',
      details: { reason: 'step 1 "runHandler": asked for a reboot once more after 3' },
    });
    expect(lab.lines('out')).toEqual(['run 1', 'run 2', 'run 3', 'run 4']);
    expect(lab.lines('reboots')).toEqual(['reboot', 'reboot', 'reboot']);
  });
});

it('a shutdown is told when the device has been switched on again', async () => {
  isPluggedIn = false;
  await lab.createJob('off', document(handlerStep('shutdown.sh')));
  await lab.createJob('afterwards', commands(lab.append('out', 'on again')));
  expect(await agent.ended).toBe('SIGKILL');
  expect((await lab.execution('off')).status).toBe('IN_PROGRESS');
  expect(lab.lines('reboots')).toEqual(['shutdown']);

  await startAgent();
  expect(await lab.outcome('off')).toMatchObject({
    status: 'SUCCEEDED',
    details: { shutdown: 'the device was shut down and has started again' },
  });
  expect((await lab.outcome('afterwards')).status).toBe('SUCCEEDED');
});

it('what runs beside a job that waits for a reboot ends first, and what is queued starts after it', async () => {
  await startAgent({ jobs: { concurrency: 2 } });
  const untilGo = `until [ -e ${lab.file('go')} ]; do sleep 0.05; done; echo "ended before $(cat ${lab.file('boot-id')})" >> ${lab.file('out')}`;
  await lab.createJob('beside', commands(['sh', '-c', untilGo]));
  await expect.poll(() => lab.statuses()).toMatchObject({ beside: 'IN_PROGRESS' });
  await lab.createJob('reboots', document(action('reboot')));
  await agent.line((line) => /the device is to start anew/.test(String(line['msg'])), 'wish for a reboot');
  const started = `echo "started after $(tail -n 1 ${lab.file('boot-id')})" >> ${lab.file('out')}`;
  await lab.createJob('queued', commands(['sh', '-c', started]));
  await agent.line(
    (line) => line['source'] === 'notify' && line['added'] === 1 && line['listed'] === 3,
    'the third job',
  );
  expect((await lab.execution('queued')).status).toBe('QUEUED');
  expect(existsSync(lab.file('reboots'))).toBe(false);
  writeFileSync(lab.file('go'), '');
  for (const jobId of ['beside', 'reboots', 'queued']) expect((await lab.outcome(jobId)).status).toBe('SUCCEEDED');
  expect(lab.lines('out')).toEqual(['ended before first', 'started after another']);
  expect(lab.lines('reboots')).toEqual(['reboot']);
});
