import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, MINUTE, refusal, SECOND } from '../support/conformance-lab.ts';
import type { DeviceClient } from '../support/device-client.ts';

/** In-progress and step timers. The clock of the service is moved; nobody waits. */
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

async function withJob(minutes?: number): Promise<{ device: DeviceClient; jobId: string; status(): Promise<string> }> {
  const device = await lab.device();
  const jobId = `job-of-${device.thingName}`;
  const timeoutConfig = minutes === undefined ? {} : { timeoutConfig: { inProgressTimeoutInMinutes: minutes } };
  await lab.createJob(jobId, device.thingName, timeoutConfig);
  return { device, jobId, status: async () => (await lab.execution(device.thingName, jobId)).status ?? '' };
}

/** Just before, and at the end of so many minutes. */
async function expectTimeout(minutes: number, status: () => Promise<string>): Promise<void> {
  lab.advance(minutes * MINUTE - SECOND);
  expect(await status()).toBe('IN_PROGRESS');
  lab.advance(SECOND);
  expect(await status()).toBe('TIMED_OUT');
}

describe('the in-progress timer', () => {
  it('ends an execution as TIMED_OUT so many minutes after its start, not its creation (AWS IoT developer guide, How job configurations work)', async () => {
    const { device, status } = await withJob(10);
    lab.advance(60 * MINUTE);
    expect(await status()).toBe('QUEUED');
    await device.accepted('start-next');
    await expectTimeout(10, status);
  });

  it('goes on whatever the device reports meanwhile (AWS IoT developer guide, How job configurations work)', async () => {
    const { device, jobId, status } = await withJob(10);
    await device.accepted('start-next');
    lab.advance(9 * MINUTE);
    await device.accepted(`${jobId}/update`, { status: 'IN_PROGRESS' });
    await expectTimeout(1, status);
  });

  it('counts its job’s things as timed out, and completes the job (API reference, JobProcessDetails)', async () => {
    const { device, jobId } = await withJob(1);
    await device.accepted('start-next');
    lab.advance(MINUTE);
    expect(await lab.job(jobId)).toMatchObject({
      status: 'COMPLETED',
      jobProcessDetails: { numberOfTimedOutThings: 1, numberOfInProgressThings: 0 },
    });
  });

  it('ends with the execution (AWS IoT developer guide, How job configurations work)', async () => {
    const { device, jobId, status } = await withJob(1);
    await device.accepted('start-next');
    await device.accepted(`${jobId}/update`, { status: 'SUCCEEDED' });
    lab.advance(2 * MINUTE);
    expect(await status()).toBe('SUCCEEDED');
  });

  it('is changed by UpdateJob only for executions that start later (AWS IoT developer guide, How job configurations work)', async () => {
    const [running, later] = [await lab.device(), await lab.device()];
    const timeoutConfig = (inProgressTimeoutInMinutes: number) => ({ inProgressTimeoutInMinutes });
    await lab.createJob('two', [running.thingName, later.thingName], { timeoutConfig: timeoutConfig(10) });
    await running.accepted('start-next');
    await lab.iot.updateJob({ jobId: 'two', timeoutConfig: timeoutConfig(20) });
    await later.accepted('start-next');
    lab.advance(10 * MINUTE);
    const both = [running.thingName, later.thingName];
    expect(await lab.statuses('two', both)).toEqual(['TIMED_OUT', 'IN_PROGRESS']);
    lab.advance(10 * MINUTE);
    expect(await lab.statuses('two', both)).toEqual(['TIMED_OUT', 'TIMED_OUT']);
  });

  it('rejects a report that comes too late (AWS IoT developer guide, Jobs and job execution states)', async () => {
    const { device, jobId } = await withJob(1);
    await device.accepted('start-next');
    lab.advance(MINUTE);
    expect(await device.rejected(`${jobId}/update`, { status: 'SUCCEEDED' })).toMatchObject({
      code: 'InvalidStateTransition',
      executionState: { status: 'TIMED_OUT', versionNumber: 3 },
    });
  });

  it('has 1 to 10,080 minutes (API reference, TimeoutConfig)', async () => {
    for (const minutes of [0, 10_081]) {
      await expect(withJob(minutes)).rejects.toMatchObject(refusal('InvalidRequestException', 400));
    }
    await withJob(10_080);
  });
});

describe('the step timer', () => {
  it('begins at start-next (API reference, StartNextPendingJobExecution)', async () => {
    const { device, status } = await withJob();
    await device.accepted('start-next', { stepTimeoutInMinutes: 5 });
    await expectTimeout(5, status);
  });

  it('begins anew with each update that has one (API reference, UpdateJobExecution)', async () => {
    const { device, jobId, status } = await withJob();
    await device.accepted('start-next', { stepTimeoutInMinutes: 5 });
    lab.advance(4 * MINUTE);
    await device.accepted(`${jobId}/update`, { status: 'IN_PROGRESS', stepTimeoutInMinutes: 7 });
    await expectTimeout(7, status);
  });

  it('goes on over an update that has none (API reference, UpdateJobExecution)', async () => {
    const { device, jobId, status } = await withJob();
    await device.accepted('start-next', { stepTimeoutInMinutes: 5 });
    lab.advance(4 * MINUTE);
    await device.accepted(`${jobId}/update`, { status: 'IN_PROGRESS' });
    await expectTimeout(1, status);
  });

  it('is discarded by -1 (API reference, UpdateJobExecution)', async () => {
    const { device, jobId, status } = await withJob();
    await device.accepted('start-next', { stepTimeoutInMinutes: 5 });
    await device.accepted(`${jobId}/update`, { status: 'IN_PROGRESS', stepTimeoutInMinutes: -1 });
    lab.advance(60 * MINUTE);
    expect(await status()).toBe('IN_PROGRESS');
    expect(await lab.execution(device.thingName, jobId)).not.toHaveProperty('approximateSecondsBeforeTimedOut');
  });

  it('never outlives the in-progress timer (AWS IoT developer guide, How job configurations work, timeline)', async () => {
    const { device, jobId, status } = await withJob(20);
    const step = (stepTimeoutInMinutes: number) =>
      device.accepted(`${jobId}/update`, { status: 'IN_PROGRESS', stepTimeoutInMinutes });
    // The guide's timeline, its 12:00 being the start.
    await device.accepted('start-next');
    lab.advance(5 * MINUTE);
    await step(7);
    lab.advance(5 * MINUTE);
    await step(5);
    lab.advance(3 * MINUTE);
    await step(9);
    await expectTimeout(7, status);
  });
});

describe('approximateSecondsBeforeTimedOut', () => {
  it('is that of the timer that ends first, on data and control plane, and absent without a timer (API reference, JobExecution)', async () => {
    const { device, jobId } = await withJob(10);
    expect(await device.accepted(`${jobId}/get`)).not.toHaveProperty('execution.approximateSecondsBeforeTimedOut');
    expect(await device.accepted('start-next', { stepTimeoutInMinutes: 2 })).toMatchObject({
      execution: { approximateSecondsBeforeTimedOut: 120 },
    });
    lab.advance(MINUTE);
    await device.accepted(`${jobId}/update`, { status: 'IN_PROGRESS', stepTimeoutInMinutes: 30 });
    const left = { approximateSecondsBeforeTimedOut: 540 };
    expect(await device.accepted(`${jobId}/get`)).toMatchObject({ execution: left });
    const { thingName } = device;
    expect((await lab.dataPlane.describeJobExecution({ thingName, jobId })).execution).toMatchObject(left);
    expect(await lab.execution(thingName, jobId)).toMatchObject(left);
    await device.accepted(`${jobId}/update`, { status: 'SUCCEEDED' });
    expect(await lab.execution(thingName, jobId)).not.toHaveProperty('approximateSecondsBeforeTimedOut');
  });
});
