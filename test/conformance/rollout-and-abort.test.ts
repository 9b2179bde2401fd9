import type { AbortCriteria, JobExecutionStatus } from '@aws-sdk/client-iot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, MINUTE, refusal, SECOND } from '../support/conformance-lab.ts';

/** `jobExecutionsRolloutConfig` and `abortConfig`. */
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

async function given(jobId: string): Promise<number> {
  const { executionSummaries = [] } = await lab.iot.listJobExecutionsForJob({ jobId, maxResults: 250 });
  return executionSummaries.length;
}

/** How many things have been given the job after each of so many minutes. */
async function rollout(jobId: string, minutes: number): Promise<number[]> {
  const counts = [await given(jobId)];
  for (let minute = 0; minute < minutes; minute += 1) {
    lab.advance(MINUTE);
    counts.push(await given(jobId));
  }
  return counts;
}

describe('a rollout', () => {
  it('gives the job to so many things a minute, a device being told when its turn comes (API reference, JobExecutionsRolloutConfig)', async () => {
    const things = await lab.things(5);
    const last = await lab.device(things.at(-1));
    await last.listen();
    await lab.createJob('constant', things, { jobExecutionsRolloutConfig: { maximumPerMinute: 2 } });
    expect(await given('constant')).toBe(2);
    lab.advance(MINUTE - SECOND);
    expect(await given('constant')).toBe(2);
    lab.advance(SECOND);
    expect(await given('constant')).toBe(4);
    expect(await last.topics()).toEqual([]);
    lab.advance(MINUTE);
    expect(await given('constant')).toBe(5);
    expect(await last.topics()).toEqual(['notify', 'notify-next']);
  });

  it('shows its targets as being processed and the job as concurrent while it lasts (API reference, Job, JobProcessDetails)', async () => {
    const things = await lab.things(2);
    await lab.createJob('concurrent', things, { jobExecutionsRolloutConfig: { maximumPerMinute: 1 } });
    const before = await lab.job('concurrent');
    expect([before.isConcurrent, before.jobProcessDetails?.processingTargets]).toEqual([true, before.targets]);
    lab.advance(MINUTE);
    const after = await lab.job('concurrent');
    expect([after.isConcurrent, after.jobProcessDetails?.processingTargets]).toEqual([false, undefined]);
  });

  it('does not let the job complete before all have been given it (AWS IoT developer guide, Jobs and job execution states)', async () => {
    const [first = '', second = ''] = await lab.things(2);
    const jobId = 'patient';
    await lab.createJob(jobId, [first, second], { jobExecutionsRolloutConfig: { maximumPerMinute: 1 } });
    await lab.dataPlane.updateJobExecution({ thingName: first, jobId, status: 'SUCCEEDED' });
    expect(await lab.job(jobId)).toMatchObject({ status: 'IN_PROGRESS' });
    lab.advance(MINUTE);
    await lab.dataPlane.updateJobExecution({ thingName: second, jobId, status: 'SUCCEEDED' });
    expect(await lab.job(jobId)).toMatchObject({ status: 'COMPLETED' });
  });

  it('gives a thousand a minute, all of a small fleet at once, where no rate is set (AWS IoT developer guide, Jobs limits)', async () => {
    await lab.createJob('default', await lab.things(30));
    expect(await given('default')).toBe(30);
  });

  it('grows by its factor each time that so many have been notified (AWS IoT developer guide, How job configurations work, exponential rate)', async () => {
    const exponentialRate = {
      baseRatePerMinute: 2,
      incrementFactor: 2,
      rateIncreaseCriteria: { numberOfNotifiedThings: 4 },
    };
    await lab.createJob('exponential', await lab.things(24), { jobExecutionsRolloutConfig: { exponentialRate } });
    // 2 a minute up to 4 things, 4 a minute up to 8, 8 a minute up to 12 …
    expect((await rollout('exponential', 3)).slice(0, 4)).toEqual([2, 4, 8, 16]);
  });

  it('grows with what has succeeded, if configured so, and never beyond its maximum (API reference, RateIncreaseCriteria)', async () => {
    const things = await lab.things(12);
    const jobExecutionsRolloutConfig = {
      maximumPerMinute: 3,
      exponentialRate: {
        baseRatePerMinute: 1,
        incrementFactor: 5,
        rateIncreaseCriteria: { numberOfSucceededThings: 1 },
      },
    };
    const jobId = 'succeeding';
    await lab.createJob(jobId, things, { jobExecutionsRolloutConfig });
    expect(await rollout(jobId, 2)).toEqual([1, 2, 3]);
    await lab.dataPlane.updateJobExecution({ thingName: things[0], jobId, status: 'SUCCEEDED' });
    // Whether the rate grows within the minute is not documented: the next whole one tells.
    const before = await given(jobId);
    lab.advance(MINUTE);
    expect((await given(jobId)) - before).toBe(3);
  });

  it.each([
    ['a maximum of 0', { maximumPerMinute: 0 }],
    ['a maximum of 1,001', { maximumPerMinute: 1001 }],
    ['a factor of 1', rate({ incrementFactor: 1 })],
    ['a factor of 5.1', rate({ incrementFactor: 5.1 })],
    ['a factor with two decimals', rate({ incrementFactor: 1.25 })],
    ['a base of 1,001', rate({ baseRatePerMinute: 1001 })],
    ['an increase after no thing', rate({ rateIncreaseCriteria: { numberOfNotifiedThings: 0 } })],
  ])('with %s is refused (API reference, JobExecutionsRolloutConfig)', async (_, jobExecutionsRolloutConfig) => {
    const refused = lab.createJob('refused', await lab.thing(), { jobExecutionsRolloutConfig });
    await expect(refused).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  });
});

function rate(changes: object) {
  const usual = { baseRatePerMinute: 1, incrementFactor: 2, rateIncreaseCriteria: { numberOfNotifiedThings: 1 } };
  return { exponentialRate: { ...usual, ...changes } };
}

describe('abort criteria', () => {
  /** A job for so many things with one criterion, of which the first ones report. */
  async function abort(criteria: Partial<AbortCriteria>, things: number, reports: readonly JobExecutionStatus[]) {
    const names = await lab.things(things);
    const jobId = `abort-${names[0]}`;
    const usual = { action: 'CANCEL', failureType: 'ALL', thresholdPercentage: 100 } as const;
    const criteriaList = [{ ...usual, minNumberOfExecutedThings: 1, ...criteria }];
    await lab.createJob(jobId, names, { abortConfig: { criteriaList } });
    for (const [index, status] of reports.entries()) {
      await lab.dataPlane.updateJobExecution({ thingName: names[index], jobId, status });
    }
    return { job: await lab.job(jobId), statuses: await lab.statuses(jobId, names) };
  }

  it('cancel the job at the threshold, not below it (AWS IoT developer guide, How job configurations work)', async () => {
    const criteria = { failureType: 'FAILED', thresholdPercentage: 40, minNumberOfExecutedThings: 3 } as const;
    const below = await abort(criteria, 6, ['SUCCEEDED', 'SUCCEEDED', 'FAILED']);
    expect(below.job.status).toBe('IN_PROGRESS');
    const at = await abort(criteria, 6, ['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED', 'FAILED', 'FAILED']);
    expect(at.job.status).toBe('CANCELED');
  });

  it('wait for the least number of executed things (API reference, AbortCriteria)', async () => {
    const early = await abort({ minNumberOfExecutedThings: 3 }, 4, ['FAILED', 'FAILED']);
    expect(early.job.status).toBe('IN_PROGRESS');
    const enough = await abort({ minNumberOfExecutedThings: 3 }, 4, ['FAILED', 'FAILED', 'FAILED']);
    expect(enough.job.status).toBe('CANCELED');
  });

  it('count their own failure type alone (API reference, AbortCriteria)', async () => {
    expect((await abort({ failureType: 'REJECTED' }, 3, ['FAILED'])).job.status).toBe('IN_PROGRESS');
    expect((await abort({ failureType: 'REJECTED' }, 3, ['REJECTED'])).job.status).toBe('CANCELED');
    const mixed = await abort({ minNumberOfExecutedThings: 2 }, 3, ['REJECTED', 'FAILED']);
    expect(mixed.job.status).toBe('CANCELED');
  });

  it('cancel what is queued, and let go on what runs (AWS IoT developer guide, How job configurations work)', async () => {
    const { job, statuses } = await abort({}, 4, ['IN_PROGRESS', 'FAILED']);
    expect(statuses).toEqual(['IN_PROGRESS', 'FAILED', 'CANCELED', 'CANCELED']);
    expect(job.jobProcessDetails).toMatchObject({ numberOfCanceledThings: 2, numberOfInProgressThings: 1 });
  });

  it('have the service fill in reason code and comment (API reference, Job)', async () => {
    const { job } = await abort({}, 2, ['FAILED']);
    expect([job.reasonCode, job.comment]).toEqual([expect.stringMatching(/^[A-Z0-9_]+$/), expect.stringMatching(/./)]);
  });

  it('end a rollout that is under way (AWS IoT developer guide, How job configurations work)', async () => {
    const things = await lab.things(4);
    const jobId = 'rollout-aborted';
    const criteria = { failureType: 'ALL', action: 'CANCEL', thresholdPercentage: 50, minNumberOfExecutedThings: 1 };
    await lab.createJob(jobId, things, {
      jobExecutionsRolloutConfig: { maximumPerMinute: 1 },
      abortConfig: { criteriaList: [criteria as AbortCriteria] },
    });
    await lab.dataPlane.updateJobExecution({ thingName: things[0], jobId, status: 'FAILED' });
    expect(await rollout(jobId, 2)).toEqual([1, 1, 1]);
  });

  it.each([
    ['a threshold of 100.5 per cent', { thresholdPercentage: 100.5 }],
    ['a threshold with three decimals', { thresholdPercentage: 1.125 }],
    ['no executed thing', { minNumberOfExecutedThings: 0 }],
    ['another action', { action: 'STOP' as 'CANCEL' }],
  ])('with %s are refused (API reference, AbortCriteria)', async (_, criteria) => {
    await expect(abort(criteria, 1, [])).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  });
});
