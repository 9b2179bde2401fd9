import { beforeEach, describe, expect, test } from 'vitest';
import { AccountLab, ARN } from '../../support/account-lab.ts';

/** What the service does of itself. Times are minutes after 2026-01-05T00:00Z, a Monday. */
let lab: AccountLab;

beforeEach(() => {
  lab = new AccountLab();
  lab.things('t1', 't2', 't3', 't4');
});

describe('cancel and delete', () => {
  test('a cancel leaves what runs, a forced one does not', () => {
    lab.job('a', ['t1', 't2']);
    lab.job('b', ['t1', 't2']);
    for (const jobId of ['a', 'b']) lab.update('t1', jobId, 'IN_PROGRESS');
    lab.jobs.cancel('a', false, { reasonCode: 'OPERATOR_ASKED', comment: 'enough' });
    lab.jobs.cancel('b', true, {});
    expect([lab.counts('a'), lab.counts('b')]).toEqual([{ InProgress: 1, Canceled: 1 }, { Canceled: 2 }]);
    expect(lab.describe('a')).toMatchObject({ status: 'CANCELED', reasonCode: 'OPERATOR_ASKED', comment: 'enough' });
    expect(lab.describe('b')).toMatchObject({ forceCanceled: true });
    expect(() => lab.update('t1', 'b', 'SUCCEEDED')).toThrow(/terminal state CANCELED/);
  });

  test('an execution is cancelled by its version only, and with force while it runs', () => {
    lab.job('a');
    const cancel = (options: object) => () => lab.executions.cancel('t1', 'a', { force: false, ...options });
    expect(cancel({ expectedVersion: 7 })).toThrow(expect.objectContaining({ code: 'VersionConflictException' }));
    lab.update('t1', 'a', 'IN_PROGRESS');
    expect(cancel({})).toThrow(expect.objectContaining({ code: 'InvalidStateTransitionException' }));
    cancel({ force: true, expectedVersion: 2, statusDetails: { why: 'asked' } })();
    expect(lab.executions.describe('t1', 'a')).toMatchObject({
      execution: { status: 'CANCELED', forceCanceled: true, statusDetails: { detailsMap: { why: 'asked' } } },
    });
  });

  test('an execution is deleted by its number, one that runs with force; the device hears of it', () => {
    lab.job('a');
    lab.update('t1', 'a', 'IN_PROGRESS');
    expect(() => lab.executions.delete('t1', 'a', 1, false)).toThrow(/without force/);
    expect(() => lab.executions.delete('t1', 'a', 2, true)).toThrow(/No execution/);
    expect(lab.topics(() => lab.executions.delete('t1', 'a', 1, true))).toEqual([
      't1/jobs/notify',
      't1/jobs/notify-next',
    ]);
    expect(() => lab.update('t1', 'a', 'SUCCEEDED')).toThrow(
      expect.objectContaining({ code: 'ResourceNotFoundException' }),
    );
  });

  test('a queued execution is deleted without force, unless decided otherwise', () => {
    lab.job('a', ['t1', 't2']);
    lab.executions.delete('t1', 'a', 1, false);
    lab.settings.update({ deleteQueuedExecution: false });
    expect(() => lab.executions.delete('t2', 'a', 1, false)).toThrow(/without force/);
  });

  test('a deletion that takes time is visible as DELETION_IN_PROGRESS, and refuses another', () => {
    lab.settings.update({ deletionSeconds: 120 });
    lab.job('a');
    lab.jobs.delete('a', true);
    expect(lab.describe('a')['status']).toBe('DELETION_IN_PROGRESS');
    expect(() => lab.jobs.delete('a', true)).toThrow(
      expect.objectContaining({ code: 'InvalidStateTransitionException' }),
    );
    expect(() => lab.jobs.cancel('a', true, {})).toThrow(/cannot be canceled/);
    lab.advance(2);
    expect(() => lab.describe('a')).toThrow(/does not exist/);
    expect(lab.statuses('t1')).toEqual([]);
  });

  test('ten deletions at a time, and no more', () => {
    lab.settings.update({ deletionSeconds: 120 });
    for (let index = 0; index < 11; index += 1) lab.job(`j${index}`);
    for (let index = 0; index < 10; index += 1) lab.jobs.delete(`j${index}`, true);
    expect(() => lab.jobs.delete('j10', true)).toThrow(expect.objectContaining({ code: 'LimitExceededException' }));
  });
});

test('a reset forgets timers with the jobs', () => {
  lab.job('a', ['t1'], { timeoutConfig: { inProgressTimeoutInMinutes: 1 } });
  lab.update('t1', 'a', 'IN_PROGRESS');
  lab.account.reset({ registry: false });
  expect(lab.topics(() => lab.advance(60))).toEqual([]);
  expect(lab.statuses('t1')).toEqual([]);
});

describe('events', () => {
  const events = (action: () => void) => lab.topics(action).filter((topic) => topic.startsWith('$aws/events/'));

  test('nothing is published until they are switched on', () => {
    lab.job('a');
    expect(events(() => lab.update('t1', 'a', 'SUCCEEDED'))).toEqual([]);
  });

  test('jobs and executions say how they ended', () => {
    lab.account.registry.events.update({ JOB: { Enabled: true }, JOB_EXECUTION: { Enabled: true } });
    lab.job('a', ['t1', 't2']);
    lab.update('t1', 'a', 'SUCCEEDED', { statusDetails: { x: '1' } });
    expect(lab.take().filter(({ topic }) => topic.startsWith('$aws/events/'))).toEqual([
      {
        topic: '$aws/events/jobExecution/a/succeeded',
        payload: {
          eventType: 'JOB_EXECUTION',
          eventId: expect.any(String),
          timestamp: 1767571200,
          operation: 'succeeded',
          jobId: 'a',
          thingArn: `${ARN}:thing/t1`,
          status: 'SUCCEEDED',
          statusDetails: { x: '1' },
        },
      },
    ]);
    expect(events(() => lab.update('t2', 'a', 'REJECTED'))).toEqual([
      '$aws/events/jobExecution/a/rejected',
      '$aws/events/job/a/completed',
    ]);
  });

  test('a cancel is announced and then done; a deletion too', () => {
    lab.account.registry.events.update({ JOB: { Enabled: true } });
    lab.job('a');
    expect(events(() => lab.jobs.cancel('a', true, {}))).toEqual([
      '$aws/events/job/a/cancellation_in_progress',
      '$aws/events/job/a/canceled',
    ]);
    expect(events(() => lab.jobs.delete('a', false))).toEqual([
      '$aws/events/job/a/deletion_in_progress',
      '$aws/events/job/a/deleted',
    ]);
  });
});

describe('namespaces', () => {
  test('a namespace is a queue of its own, with topics of its own', () => {
    lab.job('plain');
    const created = lab.topics(() => lab.job('gg', ['t1'], { namespaceId: 'aws-gg-deployment' }));
    expect(created).toEqual([
      't1/jobs/notify-namespace-aws-gg-deployment',
      't1/jobs/notify-next-namespace-aws-gg-deployment',
    ]);
    expect(lab.devices.getPending('t1').queuedJobs.map(({ jobId }) => jobId)).toEqual(['plain']);
    expect(lab.devices.describe('t1', '$next', {}, 'aws-gg-deployment').execution?.jobId).toBe('gg');
    expect(() => lab.devices.update('t1', 'plain', { status: 'FAILED' }, 'aws-gg-deployment')).toThrow(/No execution/);
  });
});
