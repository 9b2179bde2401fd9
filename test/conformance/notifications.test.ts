import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, SECOND } from '../support/conformance-lab.ts';
import type { DeviceClient } from '../support/device-client.ts';

/** Each row of the table in "Jobs notifications" and what was captured of it: which of the two come, in which order. */
let lab: ConformanceLab;
let device: DeviceClient;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

/** A new device that hears its notifications, with these jobs of its own queued a second apart. */
async function withJobs(...names: readonly string[]): Promise<(name: string) => string> {
  device = await lab.device();
  const { thingName } = device;
  const idOf = (name: string) => `${thingName}-${name}`;
  for (const name of names) {
    await lab.createJob(idOf(name), thingName, { document: { name } });
    lab.advance(SECOND);
  }
  await device.listen();
  return idOf;
}

function report(jobId: string, status: string) {
  return device.accepted(`${jobId}/update`, { status });
}

describe('notify and notify-next', () => {
  it('both come when a job is queued for a thing that has none, notify first (AWS IoT developer guide, Jobs notifications)', async () => {
    const idOf = await withJobs();
    await lab.createJob(idOf('a'), device.thingName, { document: { do: 'it' } });
    const entry = { jobId: idOf('a'), queuedAt: lab.now, lastUpdatedAt: lab.now, executionNumber: 1, versionNumber: 1 };
    expect(await device.taken()).toEqual([
      {
        topic: device.topic('notify'),
        payload: { timestamp: lab.now, jobs: { QUEUED: [entry] } },
        qos: 1,
        retain: false,
      },
      {
        topic: device.topic('notify-next'),
        payload: { timestamp: lab.now, execution: { ...entry, status: 'QUEUED', jobDocument: { do: 'it' } } },
        qos: 1,
        retain: false,
      },
    ]);
  });

  it('only notify comes when a job is queued behind another (AWS IoT developer guide, Jobs notifications)', async () => {
    const idOf = await withJobs('a');
    await lab.createJob(idOf('b'), device.thingName);
    const [notify, ...others] = await device.taken();
    expect(others).toEqual([]);
    expect(notify).toMatchObject({
      topic: device.topic('notify'),
      payload: { jobs: { QUEUED: [{ jobId: idOf('a') }, { jobId: idOf('b') }] } },
    });
  });

  it('none comes when the first job starts, by start-next or by an update (AWS IoT developer guide, Jobs notifications, example)', async () => {
    await withJobs('a');
    await device.accepted('start-next');
    expect(await device.topics()).toEqual([]);
    const idOf = await withJobs('a', 'b');
    await report(idOf('a'), 'IN_PROGRESS');
    expect(await device.topics()).toEqual([]);
  });

  it('only notify-next comes when another than the first job starts, and names it (AWS IoT developer guide, Jobs notifications, example)', async () => {
    const idOf = await withJobs('a', 'b', 'c');
    await report(idOf('c'), 'IN_PROGRESS');
    const [next, ...others] = await device.taken();
    expect(others).toEqual([]);
    expect(next).toMatchObject({
      topic: device.topic('notify-next'),
      payload: { execution: { jobId: idOf('c'), status: 'IN_PROGRESS', versionNumber: 2, jobDocument: { name: 'c' } } },
    });
  });

  it('none comes when a later one starts while an earlier one runs (AWS IoT developer guide, Jobs notifications)', async () => {
    const idOf = await withJobs('a', 'b');
    await report(idOf('a'), 'IN_PROGRESS');
    await report(idOf('b'), 'IN_PROGRESS');
    expect(await device.topics()).toEqual([]);
  });

  it('none comes when the details of a running job change (AWS IoT developer guide, Jobs device MQTT API)', async () => {
    const idOf = await withJobs('a', 'b');
    await device.accepted('start-next');
    await device.accepted(`${idOf('a')}/update`, { status: 'IN_PROGRESS', statusDetails: { done: '50%' } });
    expect(await device.topics()).toEqual([]);
  });

  it('both come when the first job ends and others are left: the list, then the next one (AWS IoT developer guide, Jobs notifications)', async () => {
    const idOf = await withJobs('a', 'b');
    await report(idOf('a'), 'SUCCEEDED');
    const b = { jobId: idOf('b') };
    expect(await device.taken()).toMatchObject([
      { topic: device.topic('notify'), payload: { jobs: { QUEUED: [b] } } },
      {
        topic: device.topic('notify-next'),
        payload: { execution: { ...b, status: 'QUEUED', jobDocument: { name: 'b' } } },
      },
    ]);
  });

  it('only notify comes when another than the first job ends (AWS IoT developer guide, Jobs notifications, example)', async () => {
    const idOf = await withJobs('a', 'b', 'c');
    await report(idOf('c'), 'IN_PROGRESS');
    await device.taken();
    await report(idOf('b'), 'REJECTED');
    expect(await device.taken()).toMatchObject([
      {
        topic: device.topic('notify'),
        payload: { jobs: { IN_PROGRESS: [{ jobId: idOf('c') }], QUEUED: [{ jobId: idOf('a') }] } },
      },
    ]);
  });

  it('both come when the last job ends, with no list and no execution (AWS IoT developer guide, Jobs notifications)', async () => {
    const idOf = await withJobs('a');
    await report(idOf('a'), 'FAILED');
    const timestamp = lab.now;
    expect(await device.taken()).toEqual([
      { topic: device.topic('notify'), payload: { timestamp, jobs: {} }, qos: 1, retain: false },
      { topic: device.topic('notify-next'), payload: { timestamp }, qos: 1, retain: false },
    ]);
  });

  it('both come when the last job is cancelled, and when it is deleted (AWS IoT developer guide, Jobs notifications)', async () => {
    const canceled = await withJobs('a');
    await lab.iot.cancelJob({ jobId: canceled('a') });
    expect(await device.topics()).toEqual(['notify', 'notify-next']);
    const deleted = await withJobs('a');
    await lab.iot.deleteJob({ jobId: deleted('a'), force: true });
    expect((await device.taken()).map(({ payload }) => payload)).toEqual([
      { timestamp: lab.now, jobs: {} },
      { timestamp: lab.now },
    ]);
  });

  it('both come when a running job times out (AWS IoT developer guide, How job configurations work)', async () => {
    const idOf = await withJobs();
    await lab.createJob(idOf('a'), device.thingName, { timeoutConfig: { inProgressTimeoutInMinutes: 1 } });
    await device.accepted('start-next');
    await device.taken();
    lab.advance(60 * SECOND);
    expect(await device.topics()).toEqual(['notify', 'notify-next']);
  });

  it('none comes for the executions of a thing that is deleted (reported of the service by an emulator)', async () => {
    await withJobs('a');
    await lab.iot.deleteThing({ thingName: device.thingName });
    expect(await device.topics()).toEqual([]);
  });

  it('both come after the answer to the update that caused them (AWS IoT developer guide, Jobs notifications; captured)', async () => {
    const idOf = await withJobs('a');
    const from = device.received.length;
    await report(idOf('a'), 'SUCCEEDED');
    await device.taken();
    const topics = device.received.slice(from, from + 3).map(({ topic }) => topic);
    expect(topics).toEqual([
      device.topic(`${idOf('a')}/update/accepted`),
      device.topic('notify'),
      device.topic('notify-next'),
    ]);
  });

  it('running jobs are listed before queued ones, each by queuedAt (AWS IoT developer guide, Jobs notifications)', async () => {
    const idOf = await withJobs('a', 'b', 'c', 'd');
    await report(idOf('d'), 'IN_PROGRESS');
    await report(idOf('b'), 'IN_PROGRESS');
    await device.taken();
    await lab.createJob(idOf('e'), device.thingName);
    expect(await device.taken()).toMatchObject([
      {
        payload: {
          jobs: {
            IN_PROGRESS: [{ jobId: idOf('b') }, { jobId: idOf('d') }],
            QUEUED: [{ jobId: idOf('a') }, { jobId: idOf('c') }, { jobId: idOf('e') }],
          },
        },
      },
    ]);
  });

  it('an entry of a running job has startedAt, one of a queued job has not (API reference, JobExecutionSummary)', async () => {
    const idOf = await withJobs('a');
    await device.accepted('start-next');
    await lab.createJob(idOf('b'), device.thingName);
    const [notify] = await device.taken();
    const jobs = notify?.payload['jobs'] as Record<string, object[]>;
    expect(jobs['IN_PROGRESS']).toEqual([
      {
        jobId: idOf('a'),
        queuedAt: lab.now - 1,
        lastUpdatedAt: lab.now,
        startedAt: lab.now,
        executionNumber: 1,
        versionNumber: 2,
      },
    ]);
    expect(Object.keys(jobs['QUEUED']?.[0] ?? {})).not.toContain('startedAt');
  });

  it('a list has at most ten executions (AWS IoT developer guide, Job limits)', async () => {
    const idOf = await withJobs(...'abcdefghij');
    await lab.createJob(idOf('k'), device.thingName);
    const [notify] = await device.taken();
    expect((notify?.payload['jobs'] as Record<string, object[]>)['QUEUED']).toHaveLength(10);
  });

  it('they reach every subscriber, also one that is not the device (AWS IoT developer guide, Reserved topics)', async () => {
    const idOf = await withJobs();
    const observer = await lab.device(device.thingName, 'observer');
    await observer.listen();
    await lab.createJob(idOf('a'), device.thingName);
    expect(await observer.topics()).toEqual(['notify', 'notify-next']);
    expect(await device.topics()).toEqual(['notify', 'notify-next']);
  });

  it('they concern the thing of the topic alone (AWS IoT developer guide, Reserved topics)', async () => {
    await withJobs();
    await lab.createJob('of-another', await lab.thing());
    expect(await device.topics()).toEqual([]);
  });
});
