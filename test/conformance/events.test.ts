import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, MINUTE, targetArn } from '../support/conformance-lab.ts';
import type { DeviceClient, Received } from '../support/device-client.ts';

/** `$aws/events/job/…` and `$aws/events/jobExecution/…`, heard by a monitor that is no device. */
let lab: ConformanceLab;
let monitor: DeviceClient;

const UUID = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

beforeAll(async () => {
  lab = await ConformanceLab.start();
  monitor = await lab.device();
  await monitor.subscribe('$aws/events/job/#', '$aws/events/jobExecution/#');
  await enable(true, true);
});

afterAll(() => lab?.close());

function enable(jobs: boolean, executions: boolean) {
  return lab.iot.updateEventConfigurations({
    eventConfigurations: { JOB: { Enabled: jobs }, JOB_EXECUTION: { Enabled: executions } },
  });
}

/** A job of its own thing; what the monitor heard before is forgotten. */
async function withJob(fields = {}): Promise<{ thingName: string; jobId: string }> {
  const thingName = await lab.thing();
  const jobId = `job-of-${thingName}`;
  await lab.createJob(jobId, thingName, fields);
  await monitor.taken();
  return { thingName, jobId };
}

/** The monitor's next messages, as `job/<operation>` and `jobExecution/<operation>`. */
async function heard(): Promise<{ names: string[]; messages: Received[] }> {
  const messages = await monitor.taken();
  return { names: messages.map(({ topic }) => topic.replace(/^\$aws\/events\/(\w+)\/[^/]+/, '$1')), messages };
}

describe('events', () => {
  it('are off at first, and are switched on and off by type (AWS IoT developer guide, Event messages)', async () => {
    const fresh = await ConformanceLab.start();
    try {
      const { eventConfigurations = {} } = await fresh.iot.describeEventConfigurations({});
      expect(Object.values(eventConfigurations).filter(({ Enabled }) => Enabled)).toEqual([]);
    } finally {
      await fresh.close();
    }
    await enable(false, false);
    const silent = await withJob();
    await lab.iot.cancelJob(silent);
    expect((await heard()).names).toEqual([]);
    await enable(true, false);
    const jobs = await withJob();
    await lab.iot.cancelJob(jobs);
    expect((await heard()).names).toEqual(['job/cancellation_in_progress', 'job/canceled']);
    await enable(false, true);
    const executions = await withJob();
    await lab.iot.cancelJob(executions);
    expect((await heard()).names).toEqual(['jobExecution/canceled']);
    await enable(true, true);
  });

  it('tell of a completed job with five counts (AWS IoT developer guide, Jobs events)', async () => {
    const key = await withJob({ description: 'for the monitor' });
    const createdAt = lab.now;
    lab.advance(MINUTE);
    await lab.dataPlane.updateJobExecution({ ...key, status: 'SUCCEEDED' });
    const { names, messages } = await heard();
    expect(names).toEqual(['jobExecution/succeeded', 'job/completed']);
    expect(messages[1]).toEqual({
      topic: `$aws/events/job/${key.jobId}/completed`,
      qos: 1,
      retain: false,
      payload: {
        eventType: 'JOB',
        eventId: UUID,
        timestamp: lab.now,
        operation: 'completed',
        jobId: key.jobId,
        status: 'COMPLETED',
        targetSelection: 'SNAPSHOT',
        targets: [targetArn(key.thingName)],
        description: 'for the monitor',
        completedAt: lab.now,
        createdAt,
        lastUpdatedAt: lab.now,
        jobProcessDetails: {
          numberOfCanceledThings: 0,
          numberOfRejectedThings: 0,
          numberOfFailedThings: 0,
          numberOfRemovedThings: 0,
          numberOfSucceededThings: 1,
        },
      },
    });
  });

  it('tell of a cancelled job twice, the end after its beginning, with the comment (AWS IoT developer guide, Jobs events)', async () => {
    const { jobId } = await withJob();
    await lab.iot.cancelJob({ jobId, comment: 'a mistake' });
    const { messages } = await heard();
    const jobs = messages.filter(({ topic }) => topic.startsWith('$aws/events/job/')).map(({ payload }) => payload);
    expect(jobs).toMatchObject([
      { operation: 'cancellation_in_progress', status: 'CANCELLATION_IN_PROGRESS', comment: 'a mistake' },
      { operation: 'canceled', status: 'CANCELED', comment: 'a mistake' },
    ]);
    for (const job of jobs) expect(job).not.toHaveProperty('jobProcessDetails');
  });

  it('have completedAt for a completed job alone (AWS IoT developer guide, Jobs events, example payloads)', async () => {
    const { jobId } = await withJob();
    await lab.iot.cancelJob({ jobId });
    await lab.iot.deleteJob({ jobId });
    const told = (await monitor.taken()).filter(({ payload }) => 'completedAt' in payload);
    expect(told.map(({ topic }) => topic)).toEqual([]);
  });

  it('tell of a deleted job twice, and of its executions (AWS IoT developer guide, Jobs events)', async () => {
    const { jobId } = await withJob();
    await lab.iot.deleteJob({ jobId, force: true });
    const { names, messages } = await heard();
    expect(names).toEqual(['job/deletion_in_progress', 'jobExecution/deleted', 'job/deleted']);
    expect(messages.map(({ payload }) => payload)).toMatchObject([
      { operation: 'deletion_in_progress', status: 'DELETION_IN_PROGRESS' },
      { operation: 'deleted', status: 'DELETED' },
      { operation: 'deleted', status: 'DELETED' },
    ]);
  });

  it('tell of an execution that has ended, the thing in the payload and not in the topic (AWS IoT developer guide, Jobs events)', async () => {
    const key = await withJob();
    await lab.dataPlane.updateJobExecution({ ...key, status: 'FAILED', statusDetails: { why: 'no space' } });
    expect((await monitor.taken())[0]).toEqual({
      topic: `$aws/events/jobExecution/${key.jobId}/failed`,
      qos: 1,
      retain: false,
      payload: {
        eventType: 'JOB_EXECUTION',
        eventId: UUID,
        timestamp: lab.now,
        operation: 'failed',
        jobId: key.jobId,
        thingArn: targetArn(key.thingName),
        status: 'FAILED',
        statusDetails: { why: 'no space' },
      },
    });
  });

  it('tell of each way in which an execution ends (AWS IoT developer guide, Jobs events)', async () => {
    const rejected = await withJob();
    await lab.dataPlane.updateJobExecution({ ...rejected, status: 'REJECTED' });
    expect((await heard()).names).toContain('jobExecution/rejected');
    const canceled = await withJob();
    await lab.iot.cancelJobExecution(canceled);
    expect((await heard()).names).toContain('jobExecution/canceled');
    const late = await withJob({ timeoutConfig: { inProgressTimeoutInMinutes: 1 } });
    await lab.dataPlane.startNextPendingJobExecution(late);
    lab.advance(MINUTE);
    expect((await heard()).names).toContain('jobExecution/timed_out');
    const removed = await lab.thing();
    const thingGroupName = await lab.group('removed', removed);
    await lab.createJob('removed', '@removed', { targetSelection: 'CONTINUOUS' });
    await lab.iot.removeThingFromThingGroup({ thingGroupName, thingName: removed });
    expect((await heard()).names).toContain('jobExecution/removed');
    const deleted = await withJob();
    await lab.iot.deleteJobExecution({ ...deleted, executionNumber: 1 });
    expect((await heard()).names).toContain('jobExecution/deleted');
  });

  it('do not tell of a start or a progress report (AWS IoT developer guide, Jobs events)', async () => {
    const key = await withJob();
    await lab.dataPlane.startNextPendingJobExecution(key);
    await lab.dataPlane.updateJobExecution({ ...key, status: 'IN_PROGRESS', statusDetails: { done: '50' } });
    expect((await heard()).names).toEqual([]);
  });
});
