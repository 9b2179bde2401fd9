import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, HOUR, MINUTE, refusal } from '../support/conformance-lab.ts';

/** `schedulingConfig.maintenanceWindows`. All windows here are daily, an hour long, and begin at a full hour, UTC. */
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

/** A daily window of one hour that begins at the next full hour but one. */
function window(): { config: object; untilOpen: number; opens: Date } {
  const now = lab.simulator.clock.now();
  const opens = new Date((Math.floor(now / HOUR) + 2) * HOUR);
  const startTime = `cron(0 ${opens.getUTCHours()} * * ? *)`;
  return { config: { maintenanceWindows: [{ startTime, durationInMinutes: 60 }] }, untilOpen: +opens - now, opens };
}

describe('a maintenance window', () => {
  it('hides the job while it is closed, shows it while it is open, and tells the device of both (AWS IoT developer guide, Jobs notifications, maintenance window)', async () => {
    const device = await lab.device();
    const { thingName } = device;
    const jobId = 'windowed';
    await device.listen();
    const { config: schedulingConfig, untilOpen } = window();
    await lab.createJob(jobId, thingName, { schedulingConfig });
    expect(await lab.job(jobId)).toMatchObject({ status: 'SCHEDULED', schedulingConfig });
    expect(await device.accepted('get')).toMatchObject({ queuedJobs: [] });
    lab.advance(untilOpen);
    expect(await lab.job(jobId)).toMatchObject({ status: 'IN_PROGRESS' });
    expect(await device.taken()).toMatchObject([
      { topic: device.topic('notify'), payload: { jobs: { QUEUED: [{ jobId }] } } },
      { topic: device.topic('notify-next'), payload: { execution: { jobId } } },
    ]);
    lab.advance(HOUR);
    expect(await lab.job(jobId)).toMatchObject({ status: 'SCHEDULED' });
    expect((await device.taken()).map(({ payload }) => payload)).toEqual([
      { timestamp: lab.now, jobs: {} },
      { timestamp: lab.now },
    ]);
    expect(await device.accepted('get')).toMatchObject({ queuedJobs: [] });
    expect(await device.accepted('$next/get')).not.toHaveProperty('execution');
    // The next day's window.
    lab.advance(23 * HOUR);
    expect(await device.topics()).toEqual(['notify', 'notify-next']);
    expect(await device.accepted('start-next')).toMatchObject({ execution: { jobId } });
  });

  it('leaves other jobs of the thing as they are (AWS IoT developer guide, Jobs notifications, maintenance window)', async () => {
    const device = await lab.device();
    const { config: schedulingConfig, untilOpen } = window();
    await lab.createJob('in-window', device.thingName, { schedulingConfig });
    lab.advance(MINUTE);
    await lab.createJob('always', device.thingName);
    expect(await device.accepted('get')).toMatchObject({ queuedJobs: [{ jobId: 'always' }] });
    await device.listen();
    lab.advance(untilOpen - MINUTE);
    // Queued later than the other, which stays the first.
    expect(await device.topics()).toEqual(['notify']);
    lab.advance(HOUR);
    expect(await device.topics()).toEqual(['notify']);
  });

  it('makes room for fifteen executions in a list, where there are ten otherwise (AWS IoT developer guide, Job limits)', async () => {
    const device = await lab.device();
    const { config: schedulingConfig, untilOpen } = window();
    const pending = async () => {
      const { queuedJobs } = await device.accepted('get');
      return (queuedJobs as unknown[]).length;
    };
    for (let index = 0; index < 14; index += 1) await lab.createJob(`plain-${index}`, device.thingName);
    for (let index = 0; index < 2; index += 1) {
      await lab.createJob(`window-${index}`, device.thingName, { schedulingConfig });
    }
    expect(await pending()).toBe(10);
    lab.advance(untilOpen);
    expect(await pending()).toBe(15);
  });

  it('is listed among the next seven (API reference, Job, ScheduledJobRollout)', async () => {
    const { config: schedulingConfig, opens } = window();
    await lab.createJob('listed', await lab.thing(), { schedulingConfig });
    const days = Array.from({ length: 7 }, (_, day) => new Date(+opens + day * 24 * HOUR));
    expect((await lab.job('listed')).scheduledJobRollouts).toEqual(
      days.map((day) => ({ startTime: day.toISOString().slice(0, 16).replace('T', ' ') })),
    );
  });

  it('gives its weekdays AWS’s numbers: 2 is Monday (EventBridge user guide, Cron expressions)', async () => {
    const maintenanceWindows = [{ startTime: 'cron(0 12 ? * 2 *)', durationInMinutes: 60 }];
    await lab.createJob('mondays', await lab.thing(), { schedulingConfig: { maintenanceWindows } });
    const { scheduledJobRollouts = [] } = await lab.job('mondays');
    const days = scheduledJobRollouts.map(({ startTime = '' }) =>
      new Date(`${startTime.replace(' ', 'T')}Z`).getUTCDay(),
    );
    expect([...new Set(days)]).toEqual([1]);
  });

  it.each([
    ['of no length', { startTime: 'cron(0 12 * * ? *)', durationInMinutes: 0 }],
    ['of 1,431 minutes', { startTime: 'cron(0 12 * * ? *)', durationInMinutes: 1431 }],
    ['that begins at no cron expression', { startTime: '12:00', durationInMinutes: 60 }],
    ['that begins at half a cron expression', { startTime: 'cron(0 12 *)', durationInMinutes: 60 }],
  ])('%s is refused (API reference, MaintenanceWindow)', async (_, maintenanceWindow) => {
    const schedulingConfig = { maintenanceWindows: [maintenanceWindow] };
    await expect(lab.createJob('refused', await lab.thing(), { schedulingConfig })).rejects.toMatchObject(
      refusal('InvalidRequestException', 400),
    );
  });
});
