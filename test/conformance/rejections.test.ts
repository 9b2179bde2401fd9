import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab } from '../support/conformance-lab.ts';
import type { DeviceClient } from '../support/device-client.ts';

/** The codes of "ErrorResponse" over MQTT. Messages are compared where one was captured from the service. */
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

async function withJob(): Promise<{ device: DeviceClient; jobId: string; update: string }> {
  const device = await lab.device();
  const jobId = `${device.thingName}-job`;
  await lab.createJob(jobId, device.thingName);
  return { device, jobId, update: `${jobId}/update` };
}

describe('an ErrorResponse', () => {
  it('has code, message, client token and time, and no other field (AWS IoT developer guide, Jobs device MQTT API, ErrorResponse)', async () => {
    const { device } = await withJob();
    expect(await device.rejected('unknown/get', { clientToken: 'mine' })).toEqual({
      code: 'ResourceNotFound',
      message: expect.stringMatching(/./),
      clientToken: 'mine',
      timestamp: lab.now,
    });
    expect(Object.keys(await device.rejected('unknown/get')).sort()).toEqual(['code', 'message', 'timestamp']);
  });

  it('reaches a requester that has not subscribed (AWS IoT developer guide, Jobs device MQTT API)', async () => {
    const { device } = await withJob();
    expect((await device.request('unknown/get')).topic).toBe(device.topic('unknown/get/rejected'));
  });
});

describe('InvalidJson', () => {
  it.each([
    '{',
    'nonsense',
    '[]',
    '"text"',
    '17',
    'null',
  ])('answers %s, without a token (AWS IoT developer guide, Jobs device MQTT API, ErrorResponse)', async (payload) => {
    const { device, update } = await withJob();
    const rejection = await device.rejected(update, payload);
    expect(rejection).toMatchObject({ code: 'InvalidJson', timestamp: lab.now });
    expect(rejection).not.toHaveProperty('clientToken');
  });

  it('answers what is not UTF-8 (AWS IoT developer guide, Jobs device MQTT API, ErrorResponse)', async () => {
    const { device, update } = await withJob();
    const from = device.received.length;
    await device.mqtt.publishAsync(device.topic(update), Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]));
    await device.taken();
    expect(device.received[from]).toMatchObject({ payload: { code: 'InvalidJson' } });
  });
});

describe('InvalidRequest', () => {
  it('answers an update without a status, in the words of the service (AWS IoT developer guide, Jobs device MQTT API; captured)', async () => {
    const { device, update } = await withJob();
    expect(await device.rejected(update)).toMatchObject({
      code: 'InvalidRequest',
      message: "Value null at 'status' failed to satisfy constraint: Member must not be null",
    });
  });

  it.each([
    'QUEUED',
    'CANCELED',
    'TIMED_OUT',
    'REMOVED',
    'DONE',
    'in_progress',
    7,
  ])('answers the status %s, which no device sets (AWS IoT developer guide, Jobs and job execution states)', async (status) => {
    const { device, update } = await withJob();
    expect(await device.rejected(update, { status })).toMatchObject({ code: 'InvalidRequest' });
  });

  it.each([
    ['more than ten pairs', Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`k${index}`, 'v']))],
    ['an empty value', { key: '' }],
    ['a value of 1,025 characters', { key: 'x'.repeat(1025) }],
    ['a line end in a value', { key: 'two\nlines' }],
    ['a tab in a value', { key: 'a\tb' }],
    ['an invisible character in a value', { key: 'a\u200bb' }],
    ['a value that is no text', { key: 1 }],
    ['a key with a space', { 'a key': 'v' }],
    ['a key of 129 characters', { ['k'.repeat(129)]: 'v' }],
  ])('answers status details with %s (API reference, UpdateJobExecution)', async (_, statusDetails) => {
    const { device, update } = await withJob();
    expect(await device.rejected(update, { status: 'IN_PROGRESS', statusDetails })).toMatchObject({
      code: 'InvalidRequest',
    });
    expect(await device.rejected('start-next', { statusDetails })).toMatchObject({ code: 'InvalidRequest' });
  });

  it('does not answer details at their limits (API reference, UpdateJobExecution)', async () => {
    const { device, jobId, update } = await withJob();
    const pairs = Array.from({ length: 10 }, (_, index) => [`${index}`.padEnd(128, 'k'), 'ü'.repeat(1024)]);
    const statusDetails = Object.fromEntries(pairs) as Record<string, string>;
    await device.accepted(update, { status: 'IN_PROGRESS', statusDetails });
    expect(await device.accepted(`${jobId}/get`)).toMatchObject({ execution: { statusDetails } });
  });

  it.each([
    0,
    10_081,
    -2,
    1.5,
    'soon',
  ])('answers a step timer of %s minutes (API reference, UpdateJobExecution)', async (stepTimeoutInMinutes) => {
    const { device, update } = await withJob();
    const rejected = { code: 'InvalidRequest' };
    expect(await device.rejected(update, { status: 'IN_PROGRESS', stepTimeoutInMinutes })).toMatchObject(rejected);
    expect(await device.rejected('start-next', { stepTimeoutInMinutes })).toMatchObject(rejected);
  });

  it('answers a step timer of -1 on start-next, where there is none to discard (API reference, StartNextPendingJobExecution)', async () => {
    const { device } = await withJob();
    expect(await device.rejected('start-next', { stepTimeoutInMinutes: -1 })).toMatchObject({ code: 'InvalidRequest' });
  });

  it('answers an update of $next: a job id has no dollar sign (API reference, UpdateJobExecution)', async () => {
    const { device } = await withJob();
    expect(await device.rejected('$next/update', { status: 'IN_PROGRESS' })).toMatchObject({ code: 'InvalidRequest' });
  });

  it('answers a job id of 65 characters (API reference, DescribeJobExecution)', async () => {
    const { device } = await withJob();
    expect(await device.rejected(`${'j'.repeat(65)}/get`)).toMatchObject({ code: 'InvalidRequest' });
  });
});

describe('InvalidTopic', () => {
  it.each([
    'start',
    'a/b/get',
    'job/describe',
  ])('answers …/jobs/%s, which is no operation (AWS IoT developer guide, Jobs device MQTT API, ErrorResponse; on the topic’s own /rejected: our decision)', async (name) => {
    const { device } = await withJob();
    expect(await device.rejected(name, { clientToken: 't' })).toMatchObject({ code: 'InvalidTopic', clientToken: 't' });
  });
});

describe('ResourceNotFound', () => {
  it('answers for a job that is not there, for another thing’s, for another number (AWS IoT developer guide, Jobs device MQTT API, ErrorResponse)', async () => {
    const { device, update } = await withJob();
    const { jobId: others } = await withJob();
    const rejected = { code: 'ResourceNotFound' };
    const status = 'IN_PROGRESS';
    expect(await device.rejected('unknown/update', { status })).toMatchObject(rejected);
    expect(await device.rejected(`${others}/update`, { status })).toMatchObject(rejected);
    expect(await device.rejected(`${others}/get`)).toMatchObject(rejected);
    expect(await device.rejected(update, { status, executionNumber: 2 })).toMatchObject(rejected);
  });

  it('answers after the job was deleted (AWS IoT developer guide, Jobs device workflow)', async () => {
    const { device, jobId, update } = await withJob();
    await lab.iot.deleteJob({ jobId, force: true });
    expect(await device.rejected(`${jobId}/get`)).toMatchObject({ code: 'ResourceNotFound' });
    expect(await device.rejected(update, { status: 'SUCCEEDED' })).toMatchObject({ code: 'ResourceNotFound' });
  });

  it('answers for a thing that is not registered (our decision)', async () => {
    const device = await lab.device('never-registered');
    expect(await device.rejected('get')).toMatchObject({ code: 'ResourceNotFound' });
  });
});

describe('VersionMismatch', () => {
  it('answers another version than the present one, with the state (AWS IoT developer guide, Jobs device MQTT API; captured)', async () => {
    const { device, update } = await withJob();
    expect(await device.rejected(update, { status: 'IN_PROGRESS', expectedVersion: 99, clientToken: 't' })).toEqual({
      code: 'VersionMismatch',
      message: 'Expected version 99 but found version 1',
      clientToken: 't',
      timestamp: lab.now,
      executionState: { status: 'QUEUED', versionNumber: 1 },
    });
  });
});

describe('InvalidStateTransition', () => {
  it.each([
    'IN_PROGRESS',
    'SUCCEEDED',
    'FAILED',
  ])('answers %s after the end, with the state (AWS IoT developer guide, Jobs device MQTT API, ErrorResponse)', async (status) => {
    const { device, update } = await withJob();
    await device.accepted(update, { status: 'SUCCEEDED', statusDetails: { a: 'b' } });
    expect(await device.rejected(update, { status })).toMatchObject({
      code: 'InvalidStateTransition',
      executionState: { status: 'SUCCEEDED', statusDetails: { a: 'b' }, versionNumber: 2 },
    });
  });

  it('answers the update of a job that was cancelled with force meanwhile (AWS IoT developer guide, Jobs device workflow)', async () => {
    const { device, jobId, update } = await withJob();
    await device.accepted('start-next');
    await lab.iot.cancelJob({ jobId, force: true });
    expect(await device.rejected(update, { status: 'SUCCEEDED' })).toMatchObject({
      code: 'InvalidStateTransition',
      executionState: { status: 'CANCELED' },
    });
  });
});

describe('TerminalStateReached', () => {
  it('answers the describe of an execution that has ended, without a state (AWS IoT developer guide, Jobs device MQTT API, ErrorResponse)', async () => {
    const { device, jobId, update } = await withJob();
    await device.accepted(update, { status: 'SUCCEEDED' });
    const rejection = await device.rejected(`${jobId}/get`);
    expect(rejection).toMatchObject({ code: 'TerminalStateReached' });
    expect(rejection).not.toHaveProperty('executionState');
  });
});

describe('RequestThrottled and InternalError', () => {
  it.each([
    'RequestThrottled',
    'InternalError',
  ])('%s answers when the service says so, and changes nothing (AWS IoT developer guide, Jobs device MQTT API, ErrorResponse)', async (code) => {
    const { device, jobId, update } = await withJob();
    for (const operation of ['UpdateJobExecution', 'GetPendingJobExecutions', 'DescribeJobExecution']) {
      lab.simulator.faults.add({ kind: 'failNext', operation, code });
    }
    const answer = { code, message: expect.any(String), clientToken: 't', timestamp: lab.now };
    expect(await device.rejected(update, { status: 'SUCCEEDED', clientToken: 't' })).toEqual(answer);
    expect(await device.rejected('get', { clientToken: 't' })).toEqual(answer);
    expect(await device.rejected(`${jobId}/get`, { clientToken: 't' })).toEqual(answer);
    expect(await lab.execution(device.thingName, jobId)).toMatchObject({ status: 'QUEUED', versionNumber: 1 });
    await device.accepted(update, { status: 'SUCCEEDED' });
  });
});
