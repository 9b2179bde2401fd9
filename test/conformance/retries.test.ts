import type { RetryableFailureType } from '@aws-sdk/client-iot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, MINUTE, refusal } from '../support/conformance-lab.ts';
import type { DeviceClient } from '../support/device-client.ts';

/** `jobExecutionsRetryConfig`. */
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

type Criteria = Partial<Record<RetryableFailureType, number>>;

function retryConfig(criteria: Criteria) {
  const criteriaList = Object.entries(criteria).map(([failureType, numberOfRetries]) => ({
    failureType: failureType as RetryableFailureType,
    numberOfRetries,
  }));
  return { jobExecutionsRetryConfig: { criteriaList } };
}

async function withJob(criteria: Criteria): Promise<{ device: DeviceClient; jobId: string }> {
  const device = await lab.device();
  const jobId = `job-of-${device.thingName}`;
  const timeoutConfig = { inProgressTimeoutInMinutes: 1 };
  await lab.createJob(jobId, device.thingName, { timeoutConfig, ...retryConfig(criteria) });
  return { device, jobId };
}

/** What a thing's executions of the job came to, the first one first. */
async function executions({ thingName }: DeviceClient, jobId: string) {
  const { executionSummaries = [] } = await lab.iot.listJobExecutionsForThing({ thingName, jobId });
  return executionSummaries
    .map(({ jobExecutionSummary: one }) => [one?.executionNumber ?? 0, one?.status, one?.retryAttempt] as const)
    .sort(([a], [b]) => a - b);
}

describe('a retry', () => {
  it('queues the job again after FAILED, as often as configured (AWS IoT developer guide, How job configurations work)', async () => {
    const { device, jobId } = await withJob({ FAILED: 2 });
    for (let round = 0; round < 3; round += 1) await device.accepted(`${jobId}/update`, { status: 'FAILED' });
    expect(await executions(device, jobId)).toEqual([
      [1, 'FAILED', undefined],
      [2, 'FAILED', 1],
      [3, 'FAILED', 2],
    ]);
    expect(await lab.job(jobId)).toMatchObject({ status: 'COMPLETED' });
  });

  it('is a new execution at version 1 without the old one’s details (our reading of API reference, JobExecutionSummary)', async () => {
    const { device, jobId } = await withJob({ ALL: 1 });
    await device.accepted(`${jobId}/update`, { status: 'FAILED', statusDetails: { why: 'disk full' } });
    const { execution } = await device.accepted(`${jobId}/get`, { includeJobDocument: false });
    expect(execution).toEqual({
      jobId,
      status: 'QUEUED',
      queuedAt: lab.now,
      lastUpdatedAt: lab.now,
      versionNumber: 1,
      executionNumber: 2,
    });
  });

  it('is notified as a job that is queued (AWS IoT developer guide, Jobs notifications)', async () => {
    const { device, jobId } = await withJob({ FAILED: 1 });
    await device.accepted('start-next');
    await device.listen();
    await device.accepted(`${jobId}/update`, { status: 'FAILED' });
    const last = new Map((await device.taken()).map(({ topic, payload }) => [topic, payload]));
    expect(last.get(device.topic('notify'))).toMatchObject({ jobs: { QUEUED: [{ jobId, executionNumber: 2 }] } });
    expect(last.get(device.topic('notify-next'))).toMatchObject({ execution: { jobId, executionNumber: 2 } });
  });

  it('follows a timeout, if configured for it (AWS IoT developer guide, How job configurations work)', async () => {
    const { device, jobId } = await withJob({ TIMED_OUT: 1 });
    for (let round = 0; round < 2; round += 1) {
      await device.accepted('start-next');
      lab.advance(MINUTE);
    }
    expect(await executions(device, jobId)).toEqual([
      [1, 'TIMED_OUT', undefined],
      [2, 'TIMED_OUT', 1],
    ]);
  });

  it('follows no failure of another type (AWS IoT developer guide, How job configurations work)', async () => {
    const { device, jobId } = await withJob({ TIMED_OUT: 1 });
    await device.accepted(`${jobId}/update`, { status: 'FAILED' });
    expect(await executions(device, jobId)).toEqual([[1, 'FAILED', undefined]]);
  });

  it('never follows REJECTED (AWS IoT developer guide, How job configurations work)', async () => {
    const { device, jobId } = await withJob({ ALL: 10 });
    await device.accepted(`${jobId}/update`, { status: 'REJECTED' });
    expect(await executions(device, jobId)).toEqual([[1, 'REJECTED', undefined]]);
  });

  it('of ALL counts both types together (AWS IoT developer guide, How job configurations work)', async () => {
    const { device, jobId } = await withJob({ ALL: 1 });
    await device.accepted(`${jobId}/update`, { status: 'FAILED' });
    await device.accepted('start-next');
    lab.advance(MINUTE);
    expect((await executions(device, jobId)).map(([, status]) => status)).toEqual(['FAILED', 'TIMED_OUT']);
  });

  it('is counted in the job by the thing’s last execution alone (API reference, JobProcessDetails)', async () => {
    const { device, jobId } = await withJob({ FAILED: 1 });
    await device.accepted(`${jobId}/update`, { status: 'FAILED' });
    expect(await lab.job(jobId)).toMatchObject({
      status: 'IN_PROGRESS',
      jobProcessDetails: { numberOfFailedThings: 0, numberOfQueuedThings: 1 },
    });
  });

  it('does not follow for a cancelled job (AWS IoT developer guide, How job configurations work)', async () => {
    const { device, jobId } = await withJob({ FAILED: 1 });
    await device.accepted('start-next');
    await lab.iot.cancelJob({ jobId });
    await device.accepted(`${jobId}/update`, { status: 'FAILED' });
    expect(await executions(device, jobId)).toEqual([[1, 'FAILED', undefined]]);
  });
});

describe('a retry configuration', () => {
  it.each<[string, Criteria]>([
    ['more than ten retries', { ALL: 11 }],
    ['more than ten for both types together', { FAILED: 6, TIMED_OUT: 5 }],
    ['fewer than none', { FAILED: -1 }],
    ['no criteria', {}],
  ])('with %s is refused (API reference, RetryCriteria)', async (_, criteria) => {
    await expect(withJob(criteria)).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  });

  it('for timeouts is refused without a timer (AWS IoT developer guide, How job configurations work)', async () => {
    const thing = await lab.thing();
    await expect(lab.createJob('no-timer', thing, retryConfig({ TIMED_OUT: 1 }))).rejects.toMatchObject(
      refusal('InvalidRequestException', 400),
    );
  });
});
