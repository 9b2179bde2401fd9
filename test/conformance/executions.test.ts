import { paginateListJobExecutionsForJob, paginateListJobExecutionsForThing } from '@aws-sdk/client-iot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, refusal, SECOND, targetArn } from '../support/conformance-lab.ts';

/** The operations on executions, through AWS's SDK for the control plane. */
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

async function withExecution(fields = {}): Promise<{ thingName: string; jobId: string }> {
  const thingName = await lab.thing();
  const jobId = `job-of-${thingName}`;
  await lab.createJob(jobId, thingName, fields);
  return { thingName, jobId };
}

function date(): Date {
  return new Date(lab.simulator.clock.now());
}

describe('DescribeJobExecution of the control plane', () => {
  it('shows details nested, times as dates, the thing by its ARN (API reference, JobExecution)', async () => {
    const { thingName, jobId } = await withExecution();
    const queuedAt = date();
    lab.advance(SECOND);
    await lab.dataPlane.startNextPendingJobExecution({ thingName, statusDetails: { a: 'b' } });
    expect(await lab.execution(thingName, jobId)).toEqual({
      jobId,
      status: 'IN_PROGRESS',
      forceCanceled: false,
      statusDetails: { detailsMap: { a: 'b' } },
      thingArn: targetArn(thingName),
      queuedAt,
      startedAt: date(),
      lastUpdatedAt: date(),
      executionNumber: 1,
      versionNumber: 2,
    });
  });

  it('shows an execution that has ended, where the data plane refuses to (API reference, DescribeJobExecution)', async () => {
    const key = await withExecution();
    await lab.dataPlane.updateJobExecution({ ...key, status: 'REJECTED' });
    expect(await lab.execution(key.thingName, key.jobId)).toMatchObject({ status: 'REJECTED' });
  });

  it('refuses what does not exist (API reference, DescribeJobExecution)', async () => {
    const { thingName, jobId } = await withExecution();
    const missing = refusal('ResourceNotFoundException', 404);
    await expect(lab.execution(thingName, 'nowhere')).rejects.toMatchObject(missing);
    await expect(lab.execution('nobody', jobId)).rejects.toMatchObject(missing);
    await expect(lab.execution(thingName, jobId, 2)).rejects.toMatchObject(missing);
  });
});

describe('ListJobExecutionsForJob', () => {
  it('gives all pages to the SDK’s paginator, each thing once (API reference, ListJobExecutionsForJob)', async () => {
    const things = await lab.things(5);
    await lab.createJob('paged', things);
    const arns = [];
    const client = { client: lab.iot, pageSize: 2 };
    for await (const { executionSummaries = [] } of paginateListJobExecutionsForJob(client, { jobId: 'paged' })) {
      expect(executionSummaries.length).toBeLessThanOrEqual(2);
      arns.push(...executionSummaries.map(({ thingArn }) => thingArn));
    }
    expect(arns.sort()).toEqual(things.map(targetArn).sort());
  });

  it('shows summaries without a version, and filters by status (API reference, JobExecutionSummaryForJob)', async () => {
    const [queued = '', running = ''] = await lab.things(2);
    await lab.createJob('two', [queued, running]);
    await lab.dataPlane.startNextPendingJobExecution({ thingName: running });
    const { executionSummaries } = await lab.iot.listJobExecutionsForJob({ jobId: 'two', status: 'QUEUED' });
    expect(executionSummaries).toEqual([
      {
        thingArn: targetArn(queued),
        jobExecutionSummary: { status: 'QUEUED', queuedAt: date(), lastUpdatedAt: date(), executionNumber: 1 },
      },
    ]);
  });

  it('refuses an unknown job (API reference, ListJobExecutionsForJob)', async () => {
    await expect(lab.iot.listJobExecutionsForJob({ jobId: 'nowhere' })).rejects.toMatchObject(
      refusal('ResourceNotFoundException', 404),
    );
  });
});

describe('ListJobExecutionsForThing', () => {
  it('gives all pages to the SDK’s paginator, ended executions among them (API reference, ListJobExecutionsForThing)', async () => {
    const thingName = await lab.thing();
    const jobIds = ['t-1', 't-2', 't-3'];
    for (const jobId of jobIds) await lab.createJob(jobId, thingName);
    await lab.dataPlane.updateJobExecution({ thingName, jobId: 't-2', status: 'SUCCEEDED' });
    const listed = [];
    const client = { client: lab.iot, pageSize: 2 };
    for await (const { executionSummaries = [] } of paginateListJobExecutionsForThing(client, { thingName })) {
      listed.push(...executionSummaries.map((one) => [one.jobId, one.jobExecutionSummary?.status]));
    }
    expect(listed.sort()).toEqual([
      ['t-1', 'QUEUED'],
      ['t-2', 'SUCCEEDED'],
      ['t-3', 'QUEUED'],
    ]);
  });

  it('filters by status and by job (API reference, ListJobExecutionsForThing)', async () => {
    const thingName = await lab.thing();
    for (const jobId of ['f-1', 'f-2']) await lab.createJob(jobId, thingName);
    await lab.dataPlane.startNextPendingJobExecution({ thingName });
    const ids = async (filter: object) =>
      (await lab.iot.listJobExecutionsForThing({ thingName, ...filter })).executionSummaries?.map((one) => one.jobId);
    expect(await ids({ status: 'IN_PROGRESS' })).toEqual(['f-1']);
    expect(await ids({ jobId: 'f-2' })).toEqual(['f-2']);
  });
});

describe('CancelJobExecution', () => {
  it('cancels a queued execution, with details (API reference, CancelJobExecution)', async () => {
    const key = await withExecution();
    await lab.iot.cancelJobExecution({ ...key, statusDetails: { by: 'operator' }, expectedVersion: 1 });
    expect(await lab.execution(key.thingName, key.jobId)).toMatchObject({
      status: 'CANCELED',
      statusDetails: { detailsMap: { by: 'operator' } },
      versionNumber: 2,
    });
  });

  it('cancels a running one only with force (API reference, CancelJobExecution)', async () => {
    const key = await withExecution();
    await lab.dataPlane.startNextPendingJobExecution({ thingName: key.thingName });
    await expect(lab.iot.cancelJobExecution(key)).rejects.toMatchObject(
      refusal('InvalidStateTransitionException', 409),
    );
    await lab.iot.cancelJobExecution({ ...key, force: true });
    expect(await lab.execution(key.thingName, key.jobId)).toMatchObject({ status: 'CANCELED', forceCanceled: true });
  });

  it('is refused for one that has ended (API reference, CancelJobExecution)', async () => {
    const key = await withExecution();
    await lab.dataPlane.updateJobExecution({ ...key, status: 'SUCCEEDED' });
    await expect(lab.iot.cancelJobExecution({ ...key, force: true })).rejects.toMatchObject(
      refusal('InvalidStateTransitionException', 409),
    );
  });

  it('is refused for another version than the present one (API reference, CancelJobExecution)', async () => {
    const key = await withExecution();
    await expect(lab.iot.cancelJobExecution({ ...key, expectedVersion: 9 })).rejects.toMatchObject(
      refusal('VersionConflictException', 409),
    );
  });

  it('tells the device: its job is gone from both notifications (AWS IoT developer guide, Jobs device workflow)', async () => {
    const key = await withExecution();
    const device = await lab.device(key.thingName);
    await device.accepted('start-next');
    await device.listen();
    await lab.iot.cancelJobExecution({ ...key, force: true });
    expect((await device.taken()).map(({ payload }) => payload)).toEqual([
      { timestamp: lab.now, jobs: {} },
      { timestamp: lab.now },
    ]);
  });
});

describe('DeleteJobExecution', () => {
  it('deletes an ended execution without force (API reference, DeleteJobExecution)', async () => {
    const key = await withExecution();
    await lab.dataPlane.updateJobExecution({ ...key, status: 'FAILED' });
    await lab.iot.deleteJobExecution({ ...key, executionNumber: 1 });
    await expect(lab.execution(key.thingName, key.jobId)).rejects.toMatchObject(
      refusal('ResourceNotFoundException', 404),
    );
  });

  it('deletes a queued one without force (AWS IoT developer guide, Create and manage jobs by using the AWS CLI)', async () => {
    const key = await withExecution();
    const device = await lab.device(key.thingName);
    await device.listen();
    await lab.iot.deleteJobExecution({ ...key, executionNumber: 1 });
    expect(await device.topics()).toEqual(['notify', 'notify-next']);
  });

  it('deletes a running one only with force (API reference, DeleteJobExecution)', async () => {
    const key = await withExecution();
    const device = await lab.device(key.thingName);
    await device.accepted('start-next');
    const number = { ...key, executionNumber: 1 };
    await expect(lab.iot.deleteJobExecution(number)).rejects.toMatchObject(
      refusal('InvalidStateTransitionException', 409),
    );
    await lab.iot.deleteJobExecution({ ...number, force: true });
    expect(await device.rejected(`${key.jobId}/update`, { status: 'SUCCEEDED' })).toMatchObject({
      code: 'ResourceNotFound',
    });
  });

  it('refuses a number that does not exist (API reference, DeleteJobExecution)', async () => {
    const key = await withExecution();
    await expect(lab.iot.deleteJobExecution({ ...key, executionNumber: 7 })).rejects.toMatchObject(
      refusal('ResourceNotFoundException', 404),
    );
  });
});
