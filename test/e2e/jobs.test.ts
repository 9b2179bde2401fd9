import { writeFileSync } from 'node:fs';
import { CancelJobCommand } from '@aws-sdk/client-iot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commands, Lab } from '../support/lab.ts';

let lab: Lab;

beforeEach(async () => {
  lab = await Lab.start();
});

afterEach(() => lab.close());

const PLUGIN = `export default {
  name: 'greeting',
  accepts: (document) => document?.greet !== undefined,
  async run({ job, reportProgress }) {
    reportProgress({ percent: '50' });
    if (job.document.greet === 'nobody') throw new Error('nobody to greet');
    return { status: 'SUCCEEDED', statusDetails: { greeted: job.document.greet } };
  },
};`;

describe('a job', () => {
  it('of two commands runs both in order and SUCCEEDS', async () => {
    await lab.startReadyAgent();
    await lab.createJob('two-steps', commands(lab.append('out', 'one'), lab.append('out', 'two')));
    expect((await lab.outcome('two-steps')).status).toBe('SUCCEEDED');
    expect(lab.lines('out')).toEqual(['one', 'two']);
  });

  it('that was waiting before the agent connected is taken too', async () => {
    await lab.createJob('early', commands(['true']));
    lab.startAgent();
    expect((await lab.outcome('early')).status).toBe('SUCCEEDED');
  });

  it('whose command fails is FAILED with the exit code and the step, and the next steps do not run', async () => {
    await lab.startReadyAgent();
    await lab.createJob(
      'fails',
      commands(lab.append('out', 'one'), ['sh', '-c', 'echo oh no >&2; exit 3'], lab.append('out', 'x')),
    );
    const { status, details } = await lab.outcome('fails');
    expect(status).toBe('FAILED');
    expect(details['reason']).toMatch(/step 2 "step-2": exited with code 3/);
    expect(details['stderr']).toContain('oh no');
    expect(lab.lines('out')).toEqual(['one']);
  });

  it('whose command is killed says by which signal', async () => {
    await lab.startReadyAgent();
    await lab.createJob('killed', commands(['sh', '-c', 'kill -9 $$']));
    const { status, details } = await lab.outcome('killed');
    expect(status).toBe('FAILED');
    expect(details['reason']).toContain('SIGKILL');
  });

  it('for a plug-in goes to it, and its throw is the job’s failure', async () => {
    const plugin = lab.file('greeting.mjs');
    writeFileSync(plugin, PLUGIN);
    await lab.startReadyAgent({ handlers: { plugins: [plugin] } });
    await lab.createJob('greet', { greet: 'world' });
    await lab.createJob('nobody', { greet: 'nobody' });
    expect(await lab.outcome('greet')).toMatchObject({ status: 'SUCCEEDED', details: { greeted: 'world' } });
    const failed = await lab.outcome('nobody');
    expect(failed.status).toBe('FAILED');
    expect(failed.details['reason']).toContain('nobody to greet');
  });

  it('that nobody can handle, or that is wrong, is REJECTED straight from QUEUED with the reason, and the queue moves on', async () => {
    await lab.createJob('unknown', { operation2: 'x' });
    await lab.createJob('wrong', { version: '1.0', steps: [{ action: { name: 'n', type: 'runCommand', input: {} } }] });
    await lab.createJob('version', {
      version: '2.0',
      steps: [{ action: { name: 'n', type: 'runCommand', input: { command: 'id' } } }],
    });
    await lab.createJob('fine', commands(['true']));
    lab.startAgent();
    expect((await lab.outcome('fine')).status).toBe('SUCCEEDED');
    for (const [jobId, reason] of [
      ['unknown', /no handler/],
      ['wrong', /steps\[0\]\.action\.input\.command/],
      ['version', /^version: expected "1\.0", got "2\.0"/],
    ] as const) {
      const { status, details } = await lab.outcome(jobId);
      expect([jobId, status]).toEqual([jobId, 'REJECTED']);
      expect(details['reason']).toMatch(reason);
      expect((await lab.execution(jobId)).startedAt, jobId).toBeUndefined();
    }
  });

  it('that was cancelled while another ran does not run', async () => {
    await lab.startReadyAgent();
    await lab.createJob('long', commands(['sh', '-c', `until [ -e ${lab.file('go')} ]; do sleep 0.05; done`]));
    await lab.createJob('cancelled', commands(lab.append('out', 'never')));
    await lab.createJob('last', commands(lab.append('out', 'last')));
    await expect.poll(() => lab.statuses()).toMatchObject({ long: 'IN_PROGRESS' });
    await lab.iot.send(new CancelJobCommand({ jobId: 'cancelled' }));
    writeFileSync(lab.file('go'), '');
    expect((await lab.outcome('last')).status).toBe('SUCCEEDED');
    expect(lab.lines('out')).toEqual(['last']);
    expect((await lab.outcome('cancelled')).status).toBe('CANCELED');
  });
});

describe('the queue', () => {
  it('longer than the service lists at once is drained to its end, in order', async () => {
    const ids = Array.from({ length: 23 }, (_, index) => `job-${String(index).padStart(2, '0')}`);
    for (const id of ids) await lab.createJob(id, commands(lab.append('out', id)));
    lab.startAgent();
    await lab.outcome('job-22');
    expect(lab.lines('out')).toEqual(ids);
    await expect.poll(async () => new Set(Object.values(await lab.statuses()))).toEqual(new Set(['SUCCEEDED']));
  });

  it('runs as many at once as the config says', async () => {
    await lab.startReadyAgent({ jobs: { concurrency: 2 } });
    const meet = (me: string, other: string) =>
      commands(['sh', '-c', `touch ${lab.file(me)}; until [ -e ${lab.file(other)} ]; do sleep 0.05; done`]);
    await lab.createJob('a', meet('a', 'b'));
    await lab.createJob('b', meet('b', 'a'));
    expect((await lab.outcome('a')).status).toBe('SUCCEEDED');
    expect((await lab.outcome('b')).status).toBe('SUCCEEDED');
  });
});
