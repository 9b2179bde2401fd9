import type { SchedulingConfig } from '@aws-sdk/client-iot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, HOUR, MINUTE, refusal } from '../support/conformance-lab.ts';

/** `schedulingConfig`: start, end and its behaviour. Maintenance windows have a file of their own. */
let lab: ConformanceLab;
const DAY = 24 * HOUR;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

/** So long from now, as AWS writes it: `2035-01-01 12:30`, in UTC and whole minutes, so up to a minute less. */
function inTime(milliseconds: number): string {
  return new Date(lab.simulator.clock.now() + milliseconds).toISOString().slice(0, 16).replace('T', ' ');
}

async function scheduled(schedulingConfig: SchedulingConfig, things: readonly string[], fields = {}): Promise<string> {
  const jobId = `for-${things[0]?.replace('@', '')}`;
  await lab.createJob(jobId, things, { schedulingConfig, ...fields });
  return jobId;
}

async function statusOf(jobId: string): Promise<string | undefined> {
  return (await lab.job(jobId)).status;
}

describe('a start time', () => {
  it('leaves the job SCHEDULED and its things without it until then (AWS IoT developer guide, Jobs and job execution states)', async () => {
    const device = await lab.device();
    await device.listen();
    const startTime = inTime(HOUR);
    const jobId = await scheduled({ startTime }, [device.thingName]);
    expect(await lab.job(jobId)).toMatchObject({ status: 'SCHEDULED', schedulingConfig: { startTime } });
    lab.advance(58 * MINUTE);
    expect(await device.accepted('get')).toMatchObject({ queuedJobs: [] });
    expect(await device.accepted('start-next')).not.toHaveProperty('execution');
    expect(await device.topics()).toEqual([]);
    lab.advance(2 * MINUTE);
    expect(await statusOf(jobId)).toBe('IN_PROGRESS');
    expect(await device.topics()).toEqual(['notify', 'notify-next']);
    expect(await device.accepted('start-next')).toMatchObject({ execution: { jobId } });
  });

  it('leaves a job that can be cancelled before it begins (AWS IoT developer guide, Jobs and job execution states)', async () => {
    const thing = await lab.thing();
    const jobId = await scheduled({ startTime: inTime(HOUR) }, [thing]);
    await lab.iot.cancelJob({ jobId });
    lab.advance(2 * HOUR);
    expect(await statusOf(jobId)).toBe('CANCELED');
    expect(await lab.statuses(jobId, [thing])).toEqual([undefined]);
  });

  it('is 30 minutes to a year ahead (AWS IoT developer guide, How job configurations work)', async () => {
    const invalid = refusal('InvalidRequestException', 400);
    for (const startTime of [inTime(29 * MINUTE), inTime(366 * DAY), inTime(-DAY)]) {
      await expect(scheduled({ startTime }, [await lab.thing()])).rejects.toMatchObject(invalid);
    }
    for (const startTime of ['tomorrow', '2035-13-01 00:00', '2035-02-01 00:00:00']) {
      await expect(scheduled({ startTime }, [await lab.thing()])).rejects.toMatchObject(invalid);
    }
  });
});

describe('an end time', () => {
  it('is at least 30 minutes after the start, and within two years from now (API reference, SchedulingConfig)', async () => {
    const invalid = refusal('InvalidRequestException', 400);
    const startTime = inTime(300 * DAY);
    for (const endTime of [inTime(300 * DAY + 29 * MINUTE), inTime(731 * DAY)]) {
      await expect(scheduled({ startTime, endTime }, [await lab.thing()])).rejects.toMatchObject(invalid);
    }
    await scheduled({ startTime, endTime: inTime(729 * DAY) }, [await lab.thing()]);
  });

  it('is what an end behaviour applies to: without one it has no effect (API reference, SchedulingConfig)', async () => {
    const startTime = inTime(HOUR);
    const jobId = await scheduled({ startTime, endBehavior: 'CANCEL' }, [await lab.thing()]);
    expect((await lab.job(jobId)).schedulingConfig).toEqual({ startTime });
  });

  /** What becomes of a running and a queued execution at the job's end. */
  async function atTheEnd(endBehavior?: SchedulingConfig['endBehavior']) {
    const things = await lab.things(2);
    const [running = ''] = things;
    const endTime = inTime(HOUR);
    const jobId = await scheduled({ endTime, ...(endBehavior ? { endBehavior } : {}) }, things);
    await lab.dataPlane.startNextPendingJobExecution({ thingName: running });
    lab.advance(HOUR - 2 * MINUTE);
    expect(await lab.statuses(jobId, things)).toEqual(['IN_PROGRESS', 'QUEUED']);
    lab.advance(2 * MINUTE);
    return { jobId, running, statuses: await lab.statuses(jobId, things) };
  }

  it('with STOP_ROLLOUT, the default, leaves what was given to its things (API reference, SchedulingConfig)', async () => {
    const { jobId, statuses } = await atTheEnd();
    expect(statuses).toEqual(['IN_PROGRESS', 'QUEUED']);
    expect(await lab.job(jobId)).toMatchObject({ schedulingConfig: { endBehavior: 'STOP_ROLLOUT' } });
  });

  it('ends a rollout that is under way (API reference, SchedulingConfig)', async () => {
    // 30 minutes are the shortest, at one thing a minute.
    const things = await lab.things(40);
    const slow = { jobExecutionsRolloutConfig: { maximumPerMinute: 1 } };
    const jobId = await scheduled({ endTime: inTime(32 * MINUTE) }, things, slow);
    lab.advance(HOUR);
    const given = (await lab.statuses(jobId, things)).filter((status) => status !== undefined).length;
    expect(given).toBeGreaterThan(29);
    expect(given).toBeLessThan(34);
  });

  it('with CANCEL cancels what is queued (API reference, SchedulingConfig)', async () => {
    expect((await atTheEnd('CANCEL')).statuses).toEqual(['IN_PROGRESS', 'CANCELED']);
  });

  it('with FORCE_CANCEL cancels what runs too (API reference, SchedulingConfig)', async () => {
    const { jobId, running, statuses } = await atTheEnd('FORCE_CANCEL');
    expect(statuses).toEqual(['CANCELED', 'CANCELED']);
    expect(await lab.execution(running, jobId)).toMatchObject({ forceCanceled: true });
  });

  it('lets a CONTINUOUS job be COMPLETED, which is then given to nobody (AWS IoT developer guide, Jobs and job execution states)', async () => {
    const [first = '', late = ''] = await lab.things(2);
    const thingGroupName = await lab.group('ending', first);
    const jobId = await scheduled({ endTime: inTime(HOUR) }, ['@ending'], { targetSelection: 'CONTINUOUS' });
    await lab.dataPlane.updateJobExecution({ thingName: first, jobId, status: 'SUCCEEDED' });
    expect(await statusOf(jobId)).toBe('IN_PROGRESS');
    lab.advance(HOUR);
    expect(await statusOf(jobId)).toBe('COMPLETED');
    await lab.iot.addThingToThingGroup({ thingGroupName, thingName: late });
    expect(await lab.statuses(jobId, [late])).toEqual([undefined]);
  });
});
