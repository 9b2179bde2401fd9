import { StartNextPendingJobExecutionCommand } from '@aws-sdk/client-iot-jobs-data-plane';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commands, Lab } from '../support/lab.ts';

/** The whole agent against a service whose messages are lost, late, repeated, out of order or wrong (docs/simulator.md). */
const JOBS = '$aws/things/pi/jobs';
let lab: Lab;

beforeEach(async () => {
  lab = await Lab.start();
});

afterEach(() => lab.close());

const fault = (rule: object) => lab.control('POST', 'faults', rule);

/** The job ran once, and the service knows it. */
async function ranOnce(jobId: string): Promise<void> {
  expect((await lab.outcome(jobId, 45_000)).status).toBe('SUCCEEDED');
  expect(lab.lines(jobId)).toEqual([jobId]);
}

const create = (jobId: string) => lab.createJob(jobId, commands(lab.append(jobId, jobId)));

it.each([
  ['the answer to the list is lost', { kind: 'never', topic: `${JOBS}/get/accepted` }],
  ['the answer to the describe is lost', { kind: 'never', topic: `${JOBS}/+/get/accepted` }],
  ['the answer to the claim is lost', { kind: 'never', topic: `${JOBS}/+/update/accepted` }],
  ['the answer to the result is lost', { kind: 'never', topic: `${JOBS}/+/update/accepted`, skip: 1 }],
  ['the answer to the claim is late', { kind: 'late', topic: `${JOBS}/+/update/accepted`, ms: 3000 }],
  ['the answer to the list is no JSON', { kind: 'wrong', topic: `${JOBS}/get/accepted`, payload: 'no JSON' }],
  ['the answer to the describe is empty', { kind: 'wrong', topic: `${JOBS}/+/get/accepted`, payload: null }],
  ['notifications are repeated', { kind: 'duplicate', topic: `${JOBS}/+`, times: 0, copies: 2 }],
  ['notify-next overtakes notify', { kind: 'reorder', direction: 'out', topic: `${JOBS}/+` }],
  ['requests arrive twice', { kind: 'duplicate', direction: 'in', topic: `${JOBS}/#`, times: 0 }],
  ['the claim is lost on its way', { kind: 'drop', direction: 'in', topic: `${JOBS}/+/update` }],
  ['the connection is cut before the claim arrives', { kind: 'cut', direction: 'in', topic: `${JOBS}/+/update` }],
  [
    'the connection is cut after the claim arrived',
    { kind: 'cut', direction: 'in', topic: `${JOBS}/+/update`, when: 'after' },
  ],
  [
    'the connection is cut after the result arrived',
    { kind: 'cut', direction: 'in', topic: `${JOBS}/+/update`, when: 'after', skip: 1 },
  ],
])(
  'a job runs once and is reported although %s',
  async (_event, rule) => {
    await fault(rule);
    lab.startAgent();
    await create('job');
    await ranOnce('job');
  },
  60_000,
);

describe('a fault of the service', () => {
  it.each(['RequestThrottled', 'InternalError'])('%s of each update in turn is borne', async (code) => {
    await fault({ kind: 'failNext', operation: 'UpdateJobExecution', code, times: 2 });
    lab.startAgent();
    await create('job');
    await ranOnce('job');
  });

  it('four of ten requests failing is borne', async () => {
    // The rates are for operators too: the lab asks nothing until the agent has done its work.
    await create('job');
    await lab.control('PUT', 'faults/rates', { internalError: 0.2, throttled: 0.2 });
    lab.startAgent();
    const accepted = 'messages?client=pi&topic=$aws/things/pi/jobs/job/update/accepted';
    const updates = async () => ((await lab.control('GET', accepted)) as { messages: unknown[] }).messages.length;
    // Its beginning and its end.
    await expect.poll(updates, { timeout: 50_000, interval: 200 }).toBe(2);
    await lab.control('PUT', 'faults/rates', {});
    await ranOnce('job');
  }, 60_000);

  it('connections refused for some seconds are tried again', async () => {
    await fault({ kind: 'refuse', ms: 3000 });
    lab.startAgent();
    await create('job');
    await ranOnce('job');
  }, 60_000);
});

it('a REJECTED that the service does not take from IN_PROGRESS becomes FAILED, with its reason', async () => {
  await lab.control('PATCH', 'settings', { rejectWhileInProgress: false });
  await lab.createJob('strange', { version: '1.0', steps: [{ action: { name: 'x', type: 'runNothing', input: {} } }] });
  // Another agent of this thing began it, and is gone.
  await lab.device.send(new StartNextPendingJobExecutionCommand({ thingName: 'pi' }));
  await lab.startReadyAgent();
  const { status, details } = await lab.outcome('strange');
  expect(status).toBe('FAILED');
  expect(JSON.stringify(details)).toContain('runNothing');
});

it('every message of a job is in the log of the simulator, with its direction and client', async () => {
  await lab.startReadyAgent();
  await create('job');
  await ranOnce('job');
  const { messages } = (await lab.control('GET', 'messages?client=pi')) as {
    messages: { direction: string; topic?: string; time: string }[];
  };
  const seen = messages.map(({ direction, topic }) => `${direction} ${String(topic).replace(`${JOBS}/`, '')}`);
  for (const message of ['in get', 'out get/accepted', 'out notify-next', 'in job/update', 'out job/update/accepted']) {
    expect(seen).toContain(message);
  }
});
