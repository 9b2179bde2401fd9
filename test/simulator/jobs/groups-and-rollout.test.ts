import { beforeEach, describe, expect, test } from 'vitest';
import { AccountLab, ARN } from '../../support/account-lab.ts';

/** What the service does of itself. Times are minutes after 2026-01-05T00:00Z, a Monday. */
let lab: AccountLab;

beforeEach(() => {
  lab = new AccountLab();
  lab.things('t1', 't2', 't3', 't4');
});

describe('groups', () => {
  test('a SNAPSHOT job is for those who are in the group now; who joins later does not get it', () => {
    lab.group('g', 't1', 't2');
    lab.job('a', ['@g']);
    lab.join('t3', 'g');
    lab.leave('t2', 'g');
    expect(['t1', 't2', 't3'].map((thing) => lab.statuses(thing))).toEqual([['a#1 QUEUED'], ['a#1 QUEUED'], []]);
  });

  test('a CONTINUOUS job is given to who joins, also after all others have finished, and never completes', () => {
    lab.group('g', 't1');
    lab.job('a', ['@g'], { targetSelection: 'CONTINUOUS' });
    lab.update('t1', 'a', 'SUCCEEDED');
    expect(lab.describe('a')['status']).toBe('IN_PROGRESS');
    expect(lab.topics(() => lab.join('t2', 'g'))).toEqual(['t2/jobs/notify', 't2/jobs/notify-next']);
  });

  test('who leaves loses its execution as REMOVED, and hears of it; who comes back has a new one', () => {
    lab.group('g', 't1');
    lab.job('a', ['@g'], { targetSelection: 'CONTINUOUS' });
    lab.update('t1', 'a', 'IN_PROGRESS');
    expect(lab.topics(() => lab.leave('t1', 'g'))).toEqual(['t1/jobs/notify', 't1/jobs/notify-next']);
    lab.join('t1', 'g');
    expect(lab.statuses('t1')).toEqual(['a#1 REMOVED', 'a#2 QUEUED']);
  });

  test('who leaves one of two target groups keeps its execution', () => {
    lab.group('g', 't1');
    lab.group('h', 't1');
    lab.job('a', ['@g', '@h'], { targetSelection: 'CONTINUOUS' });
    lab.leave('t1', 'g');
    expect(lab.statuses('t1')).toEqual(['a#1 QUEUED']);
  });

  test('a job for a parent group is for the things of its child groups', () => {
    lab.account.registry.groups.create('parent', {});
    lab.account.registry.groups.create('child', { parentGroupName: 'parent' });
    lab.job('a', ['@parent'], { targetSelection: 'CONTINUOUS' });
    lab.join('t1', 'child');
    expect(lab.statuses('t1')).toEqual(['a#1 QUEUED']);
  });

  test('AssociateTargetsWithJob gives a CONTINUOUS job to more things, once each', () => {
    lab.job('a', ['t1'], { targetSelection: 'CONTINUOUS' });
    lab.jobs.associateTargets('a', { targets: [`${ARN}:thing/t1`, `${ARN}:thing/t2`] });
    expect([lab.statuses('t1'), lab.statuses('t2')]).toEqual([['a#1 QUEUED'], ['a#1 QUEUED']]);
    expect(lab.describe('a')['targets']).toEqual([`${ARN}:thing/t1`, `${ARN}:thing/t2`]);
    lab.job('b');
    expect(() => lab.jobs.associateTargets('b', { targets: [`${ARN}:thing/t2`] })).toThrow(/only a CONTINUOUS one/);
  });

  test('executions of a deleted thing are REMOVED and nobody is told, unless decided otherwise', () => {
    lab.job('a', ['t1', 't2']);
    lab.update('t2', 'a', 'SUCCEEDED');
    expect(lab.topics(() => lab.account.registry.deleteThing('t1'))).toEqual([]);
    expect(lab.counts('a')).toEqual({ Succeeded: 1, Removed: 1 });
    expect(lab.describe('a')['status']).toBe('COMPLETED');
    lab.settings.update({ deletedThing: 'KEPT' });
    lab.job('b', ['t2']);
    lab.account.registry.deleteThing('t2');
    expect(lab.counts('b')).toEqual({ Queued: 1 });
  });

  test('who lost the job by leaving gets it again as a target of its own', () => {
    lab.group('g', 't1', 't2');
    lab.job('a', ['@g'], { targetSelection: 'CONTINUOUS' });
    lab.leave('t1', 'g');
    lab.jobs.associateTargets('a', { targets: [`${ARN}:thing/t1`, `${ARN}:thing/t2`] });
    expect(lab.statuses('t1')).toEqual(['a#1 REMOVED', 'a#2 QUEUED']);
    expect(lab.statuses('t2')).toEqual(['a#1 QUEUED']);
  });

  test('what times out for a deleted thing is not retried, where its executions are kept', () => {
    lab.settings.update({ deletedThing: 'KEPT' });
    const jobExecutionsRetryConfig = { criteriaList: [{ failureType: 'TIMED_OUT', numberOfRetries: 5 }] };
    lab.job('a', ['t1'], { jobExecutionsRetryConfig, timeoutConfig: { inProgressTimeoutInMinutes: 1 } });
    lab.devices.startNext('t1', {});
    lab.account.registry.deleteThing('t1');
    lab.advance(1);
    expect(lab.counts('a')).toEqual({ TimedOut: 1 });
  });

  test('a job for an empty group is complete at once', () => {
    lab.group('empty');
    lab.job('a', ['@empty']);
    expect(lab.describe('a')['status']).toBe('COMPLETED');
  });
});

describe('rollout', () => {
  test('so many things are given the job each minute; the job is concurrent until all are', () => {
    lab.job('a', ['t1', 't2', 't3'], { jobExecutionsRolloutConfig: { maximumPerMinute: 2 } });
    expect([lab.counts('a'), lab.describe('a')['isConcurrent']]).toEqual([{ Queued: 2 }, true]);
    expect(lab.describe('a')['jobProcessDetails']).toHaveProperty('processingTargets');
    expect(lab.topics(() => lab.advance(1))).toEqual(['t3/jobs/notify', 't3/jobs/notify-next']);
    expect([lab.counts('a'), lab.describe('a')['isConcurrent']]).toEqual([{ Queued: 3 }, false]);
    expect(lab.describe('a')['jobProcessDetails']).not.toHaveProperty('processingTargets');
  });

  test('a job is not complete while things wait for it', () => {
    lab.job('a', ['t1', 't2'], { jobExecutionsRolloutConfig: { maximumPerMinute: 1 } });
    lab.update('t1', 'a', 'SUCCEEDED');
    expect(lab.describe('a')['status']).toBe('IN_PROGRESS');
    lab.advance(1);
    lab.update('t2', 'a', 'SUCCEEDED');
    expect(lab.describe('a')['status']).toBe('COMPLETED');
  });

  test('the rate of a minute is that of its beginning, whatever is reported within it', () => {
    lab.things('t3', 't4', 't5', 't6');
    const exponentialRate = {
      baseRatePerMinute: 2,
      incrementFactor: 2,
      rateIncreaseCriteria: { numberOfSucceededThings: 1 },
    };
    lab.job('a', ['t1', 't2', 't3', 't4', 't5', 't6'], { jobExecutionsRolloutConfig: { exponentialRate } });
    lab.update('t1', 'a', 'SUCCEEDED');
    expect(lab.counts('a')).toEqual({ Succeeded: 1, Queued: 1 });
    lab.advance(1);
    expect(lab.counts('a')).toEqual({ Succeeded: 1, Queued: 5 });
  });

  test('an exponential rate grows each time that its count is reached once more', () => {
    const names = Array.from({ length: 40 }, (_, index) => `x${index}`);
    lab.things(...names);
    lab.group('all', ...names);
    const exponentialRate = {
      baseRatePerMinute: 5,
      incrementFactor: 2,
      rateIncreaseCriteria: { numberOfNotifiedThings: 10 },
    };
    lab.job('a', ['@all'], { jobExecutionsRolloutConfig: { exponentialRate } });
    const given: unknown[] = [];
    for (let minute = 0; minute < 5; minute += 1) {
      given.push(lab.counts('a')['Queued']);
      lab.advance(1);
    }
    // 5 a minute up to 10 things, 10 a minute up to 20, then 20 a minute.
    expect(given).toEqual([5, 10, 20, 40, 40]);
  });

  test('an exponential rate may also wait for successes', () => {
    const exponentialRate = {
      baseRatePerMinute: 1,
      incrementFactor: 3,
      rateIncreaseCriteria: { numberOfSucceededThings: 1 },
    };
    lab.job('a', ['t1', 't2', 't3', 't4'], { jobExecutionsRolloutConfig: { exponentialRate } });
    lab.update('t1', 'a', 'SUCCEEDED');
    lab.advance(1);
    expect(lab.counts('a')).toEqual({ Succeeded: 1, Queued: 3 });
  });
});

describe('abort', () => {
  const abort = (failureType: string, thresholdPercentage: number, minNumberOfExecutedThings: number) => ({
    abortConfig: { criteriaList: [{ failureType, action: 'CANCEL', thresholdPercentage, minNumberOfExecutedThings }] },
  });

  test('too many failures cancel what is queued; what runs goes on', () => {
    lab.job('a', ['t1', 't2', 't3', 't4'], abort('FAILED', 50, 2));
    lab.update('t4', 'a', 'IN_PROGRESS');
    lab.update('t1', 'a', 'FAILED');
    expect(lab.describe('a')['status']).toBe('IN_PROGRESS');
    lab.update('t2', 'a', 'SUCCEEDED');
    expect(lab.describe('a')).toMatchObject({ status: 'CANCELED', comment: expect.stringContaining('FAILED') });
    expect(lab.counts('a')).toEqual({ Failed: 1, Succeeded: 1, Canceled: 1, InProgress: 1 });
    lab.update('t4', 'a', 'SUCCEEDED');
    expect(lab.statuses('t4')).toEqual(['a#1 SUCCEEDED']);
  });

  test('failures of another type do not count; ALL counts every type', () => {
    lab.job('a', ['t1', 't2'], abort('TIMED_OUT', 1, 1));
    lab.job('b', ['t1', 't2'], abort('ALL', 100, 1));
    for (const jobId of ['a', 'b']) lab.update('t1', jobId, 'REJECTED');
    expect([lab.describe('a')['status'], lab.describe('b')['status']]).toEqual(['IN_PROGRESS', 'CANCELED']);
  });

  test('the first criterion of the list that is met is the one that is named', () => {
    const criterion = { action: 'CANCEL', thresholdPercentage: 10, minNumberOfExecutedThings: 1 };
    const criteriaList = ['ALL', 'FAILED'].map((failureType) => ({ ...criterion, failureType }));
    lab.job('a', ['t1', 't2'], { abortConfig: { criteriaList } });
    lab.update('t1', 'a', 'FAILED');
    expect(lab.describe('a')['comment']).toContain('ALL');
  });

  test('things that still wait are not given an aborted job', () => {
    lab.job('a', ['t1', 't2'], { ...abort('FAILED', 1, 1), jobExecutionsRolloutConfig: { maximumPerMinute: 1 } });
    lab.update('t1', 'a', 'FAILED');
    lab.advance(5);
    expect(lab.statuses('t2')).toEqual([]);
    expect(lab.describe('a')['jobProcessDetails']).not.toHaveProperty('processingTargets');
  });
});
