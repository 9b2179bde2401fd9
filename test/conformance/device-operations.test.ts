import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, SECOND } from '../support/conformance-lab.ts';
import { type DeviceClient, isAnswer } from '../support/device-client.ts';

/**
 * The four operations of a device over MQTT, through MQTT.js. Every payload is compared whole where its shape matters. In
 * all these files a rule that is "captured" was seen on the service's own wire, where its pages are silent or say otherwise.
 */
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

/** A device with jobs `T-a`, `T-b` … of its own, queued a second apart; the time is that of the last, and a second. */
async function withJobs(...names: readonly string[]): Promise<{ device: DeviceClient; idOf(name: string): string }> {
  const device = await lab.device();
  const idOf = (name: string) => `${device.thingName}-${name}`;
  for (const name of names) {
    await lab.createJob(idOf(name), device.thingName, { document: { name } });
    lab.advance(SECOND);
  }
  return { device, idOf };
}

describe('an answer', () => {
  it('reaches a requester that has not subscribed, at QoS 0 and behind the PUBACK (captured; AWS IoT developer guide, Jobs device MQTT API)', async () => {
    const { device } = await withJobs();
    const order: string[] = [];
    device.mqtt.on('packetreceive', ({ cmd }) => order.push(cmd));
    const { qos } = await device.request('$next/get', '');
    expect([order, qos]).toEqual([['puback', 'publish'], 0]);
  });

  it('comes once to a requester that has subscribed (our reading of the AWS IoT developer guide, Jobs device MQTT API)', async () => {
    const { device } = await withJobs();
    await device.subscribe('get/+', '+/get/+', '#');
    await device.request('get');
    await device.request('$next/get');
    await device.taken();
    const topics = device.received.map(({ topic }) => topic);
    expect(topics.filter((topic) => topic === device.topic('$next/get/accepted'))).toHaveLength(1);
    // The fence is a `get` too.
    expect(topics.filter((topic) => topic === device.topic('get/accepted'))).toHaveLength(2);
  });

  it('comes at QoS 1 to a requester that has subscribed for it (our decision: no page says)', async () => {
    const { device } = await withJobs();
    await device.subscribe('get/accepted');
    expect([(await device.request('get')).qos, (await device.request('$next/get')).qos]).toEqual([1, 0]);
  });

  it('reaches nobody else, though subscribed to its topic (AWS IoT developer guide, Reserved topics)', async () => {
    const { device, idOf } = await withJobs('a');
    const observer = await lab.device(device.thingName, 'curious');
    await observer.subscribe('#', 'get/accepted', 'start-next/accepted', '+/update/+', '+/get/+');
    await device.accepted('get');
    await device.accepted('start-next');
    await device.accepted(`${idOf('a')}/get`);
    await device.accepted(`${idOf('a')}/update`, { status: 'IN_PROGRESS' });
    await device.rejected('nowhere/update', { status: 'IN_PROGRESS' });
    const came = await observer.everything();
    expect(came.map(({ topic }) => topic).filter(isAnswer)).toEqual([]);
  });

  it('returns the client token, and has none where none was sent (AWS IoT developer guide, Jobs device MQTT API)', async () => {
    const { device } = await withJobs();
    const timestamp = lab.now;
    expect(await device.accepted('$next/get', { clientToken: 'arbitrary value' })).toEqual({
      clientToken: 'arbitrary value',
      timestamp,
    });
    expect(await device.accepted('$next/get')).toEqual({ timestamp });
  });

  it('is given to a request without a payload (AWS IoT developer guide, Jobs device MQTT API; captured)', async () => {
    const { device } = await withJobs('a');
    expect(await device.accepted('get', '')).toMatchObject({ queuedJobs: [{}] });
    expect(await device.accepted('start-next', '')).toMatchObject({ execution: { status: 'IN_PROGRESS' } });
  });

  it('has whole seconds for all times (AWS IoT developer guide, Jobs device MQTT API; captured)', async () => {
    const { device } = await withJobs('a');
    const { timestamp, execution } = (await device.accepted('start-next')) as {
      timestamp: number;
      execution: Record<string, number>;
    };
    const { queuedAt, startedAt, lastUpdatedAt } = execution;
    expect([timestamp, queuedAt, startedAt, lastUpdatedAt]).toEqual([lab.now, lab.now - 1, lab.now, lab.now]);
  });

  it('is given to a client of another id than the thing, where the policy allows it (AWS IoT developer guide, Jobs policies)', async () => {
    const device = await lab.device(await lab.thing(), 'no-thing-of-this-name');
    expect(await device.accepted('get')).toMatchObject({ queuedJobs: [] });
  });
});

describe('GetPendingJobExecutions', () => {
  it('has two empty lists where nothing is pending (AWS IoT developer guide, Jobs device MQTT API; captured)', async () => {
    const { device } = await withJobs();
    expect(await device.accepted('get')).toEqual({ timestamp: lab.now, inProgressJobs: [], queuedJobs: [] });
  });

  it('lists running and queued executions as summaries (API reference, JobExecutionSummary)', async () => {
    const { device, idOf } = await withJobs('a', 'b');
    const queuedAt = lab.now - 2;
    await device.accepted('start-next');
    const numbers = { executionNumber: 1 };
    expect(await device.accepted('get')).toEqual({
      timestamp: lab.now,
      inProgressJobs: [
        { jobId: idOf('a'), queuedAt, startedAt: lab.now, lastUpdatedAt: lab.now, ...numbers, versionNumber: 2 },
      ],
      queuedJobs: [
        { jobId: idOf('b'), queuedAt: queuedAt + 1, lastUpdatedAt: queuedAt + 1, ...numbers, versionNumber: 1 },
      ],
    });
  });
});

describe('StartNextPendingJobExecution', () => {
  it('starts the job that was queued first, and includes its document as an object (AWS IoT developer guide, Jobs device MQTT API; captured)', async () => {
    const { device, idOf } = await withJobs('a', 'b');
    expect(await device.accepted('start-next', { statusDetails: { step: '1' } })).toEqual({
      timestamp: lab.now,
      execution: {
        jobId: idOf('a'),
        status: 'IN_PROGRESS',
        statusDetails: { step: '1' },
        queuedAt: lab.now - 2,
        startedAt: lab.now,
        lastUpdatedAt: lab.now,
        versionNumber: 2,
        executionNumber: 1,
        jobDocument: { name: 'a' },
      },
    });
  });

  it('gives a running job again as it is (API reference, StartNextPendingJobExecution)', async () => {
    const { device } = await withJobs('a', 'b');
    const first = await device.accepted('start-next', { statusDetails: { step: '1' } });
    expect(await device.accepted('start-next', { statusDetails: { step: '2' } })).toEqual(first);
  });

  it('is accepted without an execution where nothing is pending (AWS IoT developer guide, Jobs device MQTT API)', async () => {
    const { device } = await withJobs();
    expect(await device.accepted('start-next')).toEqual({ timestamp: lab.now });
  });
});

describe('DescribeJobExecution', () => {
  it('shows the next one for $next, starts nothing, and keeps the literal in its topic (AWS IoT developer guide, Jobs device MQTT API; captured)', async () => {
    const { device, idOf } = await withJobs('a', 'b');
    const { topic, payload } = await device.request('$next/get');
    expect(topic).toBe(device.topic('$next/get/accepted'));
    expect(payload).toEqual({
      timestamp: lab.now,
      execution: {
        jobId: idOf('a'),
        status: 'QUEUED',
        queuedAt: lab.now - 2,
        lastUpdatedAt: lab.now - 2,
        versionNumber: 1,
        executionNumber: 1,
        jobDocument: { name: 'a' },
      },
    });
    expect(await device.accepted('$next/get')).toMatchObject({ execution: { versionNumber: 1, status: 'QUEUED' } });
  });

  it('is accepted without an execution where nothing is next (AWS IoT developer guide, Jobs device MQTT API; captured)', async () => {
    const { device } = await withJobs();
    expect(await device.accepted('$next/get')).toEqual({ timestamp: lab.now });
  });

  it('shows the job named, the document unless it is declined (API reference, DescribeJobExecution)', async () => {
    const { device, idOf } = await withJobs('a', 'b');
    const b = { jobId: idOf('b'), status: 'QUEUED' };
    expect(await device.accepted(`${idOf('b')}/get`)).toMatchObject({
      execution: { ...b, jobDocument: { name: 'b' } },
    });
    const { execution } = await device.accepted(`${idOf('b')}/get`, { includeJobDocument: false });
    expect(execution).toMatchObject(b);
    expect(execution).not.toHaveProperty('jobDocument');
  });

  it('takes the latest execution unless a number is given (API reference, DescribeJobExecution)', async () => {
    const device = await lab.device();
    const jobId = `${device.thingName}-retried`;
    const criteriaList = [{ failureType: 'FAILED' as const, numberOfRetries: 1 }];
    await lab.createJob(jobId, device.thingName, { jobExecutionsRetryConfig: { criteriaList } });
    await device.accepted(`${jobId}/update`, { status: 'FAILED' });
    expect(await device.accepted(`${jobId}/get`)).toMatchObject({
      execution: { executionNumber: 2, status: 'QUEUED' },
    });
    expect(await device.accepted(`${jobId}/get`, { executionNumber: 2 })).toMatchObject({
      execution: { executionNumber: 2 },
    });
    expect(await device.rejected(`${jobId}/get`, { executionNumber: 3 })).toMatchObject({ code: 'ResourceNotFound' });
  });
});

describe('UpdateJobExecution', () => {
  it('is answered with token and time alone (AWS IoT developer guide, Jobs device MQTT API; captured)', async () => {
    const { device, idOf } = await withJobs('a');
    expect(await device.accepted(`${idOf('a')}/update`, { status: 'IN_PROGRESS', clientToken: 't' })).toEqual({
      clientToken: 't',
      timestamp: lab.now,
    });
  });

  it('returns state and document on request (API reference, UpdateJobExecution)', async () => {
    const { device, idOf } = await withJobs('a');
    const flags = { includeJobExecutionState: true, includeJobDocument: true };
    expect(await device.accepted(`${idOf('a')}/update`, { status: 'IN_PROGRESS', ...flags })).toEqual({
      timestamp: lab.now,
      executionState: { status: 'IN_PROGRESS', versionNumber: 2 },
      jobDocument: { name: 'a' },
    });
  });

  it('replaces the details that are given, and keeps them where none are (API reference, UpdateJobExecution)', async () => {
    const { device, idOf } = await withJobs('a');
    const update = async (fields: object) => {
      const request = { status: 'IN_PROGRESS', includeJobExecutionState: true, ...fields };
      const { executionState } = await device.accepted(`${idOf('a')}/update`, request);
      return executionState;
    };
    expect(await update({ statusDetails: { a: '1', b: '2' } })).toMatchObject({ statusDetails: { a: '1', b: '2' } });
    expect(await update({})).toMatchObject({ statusDetails: { a: '1', b: '2' }, versionNumber: 3 });
    expect(await update({ statusDetails: { c: '3' } })).toEqual({
      status: 'IN_PROGRESS',
      statusDetails: { c: '3' },
      versionNumber: 4,
    });
  });

  it('counts the version up each time, and sets startedAt once (AWS IoT developer guide, Jobs device MQTT API; captured)', async () => {
    const { device, idOf } = await withJobs('a');
    const startedAt = lab.now;
    for (let round = 0; round < 3; round += 1) {
      await device.accepted(`${idOf('a')}/update`, { status: 'IN_PROGRESS' });
      lab.advance(SECOND);
    }
    const shown = { versionNumber: 4, startedAt, lastUpdatedAt: startedAt + 2 };
    expect(await device.accepted(`${idOf('a')}/get`)).toMatchObject({ execution: shown });
  });

  it.each([
    'SUCCEEDED',
    'FAILED',
    'REJECTED',
  ])('takes a job from QUEUED to %s (AWS IoT developer guide, Jobs notifications, example)', async (status) => {
    const { device, idOf } = await withJobs('a');
    await device.accepted(`${idOf('a')}/update`, { status });
    expect(await lab.execution(device.thingName, idOf('a'))).toMatchObject({ status, versionNumber: 2 });
  });

  it.each([
    'SUCCEEDED',
    'FAILED',
    'REJECTED',
  ])('takes a job from IN_PROGRESS to %s (AWS IoT developer guide, Jobs and job execution states)', async (status) => {
    const { device, idOf } = await withJobs('a');
    await device.accepted('start-next');
    await device.accepted(`${idOf('a')}/update`, { status });
    expect(await lab.execution(device.thingName, idOf('a'))).toMatchObject({ status, versionNumber: 3 });
  });

  it.each([
    1,
    '1',
  ])('takes the expected version %j, as AWS’s clients send it (AWS IoT developer guide, Jobs device MQTT API; captured)', async (expectedVersion) => {
    const { device, idOf } = await withJobs('a');
    await device.accepted(`${idOf('a')}/update`, { status: 'IN_PROGRESS', expectedVersion });
  });
});
