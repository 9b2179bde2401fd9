import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DAY, HOUR, JOBS, MINUTE, SECOND, WEEK, World } from '../support/world.ts';
import { expectNextJob, expectTruth, ONCE, work } from './truth.ts';

/** Weeks without a connection, or without the device; what the service does of itself meanwhile; and what is true then. */
let world: World;

beforeAll(async () => {
  world = await World.start();
});

beforeEach(() => world.beginAnew());

afterAll(() => world.close());

const offline = (): void => {
  world.network.weather = 'refusing';
};
const online = (): void => {
  world.network.weather = 'fair';
};

/** Weeks pass: what the device tries meanwhile, it tries once an hour. */
const weeks = (count: number) => world.advance(count * WEEK, HOUR);

const RETRIES = { jobExecutionsRetryConfig: { criteriaList: [{ failureType: 'ALL', numberOfRetries: 2 }] } };
const withTimeout = (inProgressTimeoutInMinutes: number) => ({ timeoutConfig: { inProgressTimeoutInMinutes } });

/** What the agent has asked of UpdateJobExecution for `job`, oldest first. */
const updates = () =>
  world.simulator.messages
    .list({ client: 'pi', topic: `${JOBS}/job/update` })
    .map((entry) => ('payload' in entry ? (entry.payload as Record<string, unknown>) : {}));

it('a result waits for weeks, through restarts and deaths, and then arrives with its details', async () => {
  await world.operator.createJob('job', work('job'));
  await world.advance(10 * SECOND);
  offline();
  await weeks(1);
  world.killDevice();
  await weeks(1);
  await world.startDevice();
  await weeks(1);
  await world.stopDevice();
  await world.startDevice();
  await weeks(1);
  expect(world.device.journal?.outbox()).toHaveLength(1);
  online();
  expect(await world.outcome('job')).toBe('SUCCEEDED');
  expect((await world.execution('job'))?.statusDetails).toEqual({ reason: '2 of 2 steps succeeded', edition: 'job' });
  expect(world.deeds.of('job')).toEqual(ONCE);
  await expectNextJob(world);
  await expectTruth(world);
});

it('a result waits for weeks while the network swallows everything', async () => {
  await world.operator.createJob('job', work('job'));
  await world.advance(10 * SECOND);
  world.network.weather = 'silent';
  await weeks(2);
  online();
  expect(await world.outcome('job')).toBe('SUCCEEDED');
  expect(world.deeds.of('job')).toEqual(ONCE);
  await expectNextJob(world);
  await expectTruth(world);
});

it('a result waits for weeks while the service throttles every update', async () => {
  world.order({ kind: 'failNext', operation: 'UpdateJobExecution', code: 'RequestThrottled', skip: 1, times: 0 });
  await world.operator.createJob('job', work('job'));
  await weeks(2);
  world.simulator.faults.clear();
  expect(await world.outcome('job')).toBe('SUCCEEDED');
  expect(world.deeds.of('job')).toEqual(ONCE);
  await expectNextJob(world);
  await expectTruth(world);
});

it('the service is gone for weeks, and comes back with all that it had', async () => {
  await world.operator.createJob('job', work('job'));
  await world.operator.createJob('queued', work('queued'));
  await world.advance(10 * SECOND);
  await world.stopSimulator();
  await weeks(2);
  await world.startSimulator();
  expect(await world.outcome('job')).toBe('SUCCEEDED');
  expect(await world.outcome('queued')).toBe('SUCCEEDED');
  expect(world.deeds.of('job')).toEqual(ONCE);
  await expectNextJob(world);
  await expectTruth(world);
});

it('jobs that were queued meanwhile run afterwards, the oldest first, each once', async () => {
  offline();
  const jobs = ['c', 'a', 'd', 'b'];
  for (const job of jobs) {
    await world.operator.createJob(job, work(job));
    await world.advance(2 * DAY, HOUR);
  }
  online();
  for (const job of jobs) expect(await world.outcome(job)).toBe('SUCCEEDED');
  expect(world.deeds.starts).toEqual(jobs.flatMap((job) => [`${job}#1 first`, `${job}#1 second`]));
  await expectNextJob(world);
  await expectTruth(world);
});

it('more jobs than a list has room for run afterwards, each once', async () => {
  offline();
  const jobs = Array.from({ length: 24 }, (_, index) => `job-${index}`);
  for (const job of jobs) await world.operator.createJob(job, work(job, { steps: [{ name: 'only' }] }));
  online();
  for (const job of jobs) expect(await world.outcome(job, 2 * HOUR)).toBe('SUCCEEDED');
  expect(world.deeds.starts).toEqual(jobs.map((job) => `${job}#1 only`));
  await expectNextJob(world);
  await expectTruth(world);
});

it('a job that a failing disk could not take in is asked for again within seconds, not at the next list', async () => {
  world.disk.failures = 4;
  await world.operator.createJob('job', work('job'));
  expect(await world.outcome('job', 3 * MINUTE), world.story()).toBe('SUCCEEDED');
  expect(world.deeds.of('job')).toEqual(ONCE);
  await expectNextJob(world);
  await expectTruth(world);
});

describe('while the device is offline', () => {
  it.each([
    ['cancelled', () => world.operator.cancelJob('job', true)],
    ['deleted', () => world.operator.deleteJob('job', true)],
  ])('a job that runs is %s: its result is for nobody, and the next one runs', async (_what, act) => {
    await world.operator.createJob('job', work('job', { steps: [{ name: 'long', seconds: 3 * 24 * 3600 }] }));
    await world.advance(10 * SECOND);
    offline();
    await act();
    await weeks(1);
    expect(world.device.journal?.outbox()).toHaveLength(1);
    online();
    await expectNextJob(world);
    await expectTruth(world);
  });

  it('a job that runs is cancelled: it is ended at the reconnect', async () => {
    await world.operator.createJob('job', work('job', { steps: [{ name: 'long', seconds: 30 * 24 * 3600 }] }));
    await world.advance(10 * SECOND);
    offline();
    await world.operator.cancelJob('job', true);
    await world.advance(6 * DAY, HOUR);
    online();
    await world.until('its step is ended', () => world.deeds.of('job').includes('long ended'), 10 * MINUTE);
    await expectNextJob(world);
    await expectTruth(world);
  });

  it('a job that waits here is cancelled: it does not run', async () => {
    await world.operator.createJob('first', work('first'));
    await world.operator.createJob('job', work('job'));
    await world.advance(10 * SECOND);
    offline();
    await world.operator.cancelJob('job');
    await weeks(1);
    online();
    expect(await world.outcome('first')).toBe('SUCCEEDED');
    await expectNextJob(world);
    expect(world.deeds.of('job')).toEqual([]);
    await expectTruth(world);
  });
});

describe('a retry of the service', () => {
  it('after a failure runs anew, under its own number', async () => {
    const steps = [{ name: 'first' }, { name: 'second', ends: ['fail'] as const }];
    await world.operator.createJob('job', work('job', { steps }), RETRIES);
    expect(await world.outcome('job', HOUR, 3)).toBe('FAILED');
    for (const number of [1, 2, 3]) {
      expect(world.deeds.of('job', number)).toEqual([...ONCE.slice(0, 3), 'second failed']);
    }
    await expectNextJob(world);
    await expectTruth(world);
  });

  it('after a time-out while offline runs anew; the old run is ended, and its progress goes nowhere', async () => {
    const steps = [
      { name: 'first', progress: true },
      { name: 'long', seconds: 24 * 3600, progress: true },
    ];
    await world.operator.createJob('job', work('job', { steps }), { ...RETRIES, ...withTimeout(10_080) });
    await world.advance(10 * SECOND);
    offline();
    await world.advance(HOUR);
    world.killDevice();
    await weeks(2);
    expect((await world.execution('job', 1))?.status).toBe('TIMED_OUT');
    online();
    await world.startDevice();
    expect(await world.outcome('job', 2 * DAY, 2)).toBe('SUCCEEDED');
    // It was running when the device died; whether it is still wanted was asked before anything went on.
    expect(world.deeds.of('job', 1)).toEqual(['first started', 'first succeeded', 'long started']);
    expect(world.deeds.of('job', 2)).toEqual([
      ...['first started', 'first succeeded', 'long started', 'long succeeded'],
    ]);
    await expectNextJob(world);
    await expectTruth(world);
  });
});

it('the same execution delivered again, with a fresh presigned URL each time, runs once', async () => {
  const directory = join(world.dataDirectory, 'objects', 'releases');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'firmware.bin'), 'firmware');
  const url = `\${aws:iot:s3-presigned-url:https://s3.us-east-1.amazonaws.com/releases/firmware.bin}`;
  const presignedUrlConfig = { roleArn: 'arn:aws:iam::123456789012:role/x', expiresInSec: 60 };
  world.order({ kind: 'duplicate', direction: 'out', topic: `${JOBS}/+`, times: 0, copies: 2 });
  await world.operator.createJob('job', work('job', { url }), { presignedUrlConfig });
  await world.advance(10 * SECOND);
  world.network.cut();
  await world.advance(10 * SECOND);
  world.killDevice();
  await world.advance(DAY);
  await world.startDevice();
  await world.advance(10 * SECOND);
  await world.stopDevice();
  await world.startDevice();
  expect(await world.outcome('job')).toBe('SUCCEEDED');
  expect(world.deeds.of('job')).toEqual([
    ...['first started', 'first succeeded'],
    // Killed, then stopped and cut off after its grace, then done.
    ...['second started', 'second started', 'second ended', 'second started', 'second succeeded'],
  ]);
  const urls = world.simulator.messages.list({ client: 'pi' }).flatMap((entry) => {
    const found = /"url":"(http[^"]+)"/.exec(JSON.stringify('payload' in entry ? entry.payload : {}));
    return found?.[1] ?? [];
  });
  expect(urls.length).toBeGreaterThan(1);
  await expectNextJob(world);
  await expectTruth(world);
});

describe('the service’s step timer', () => {
  const steps = [
    { name: 'quick', seconds: 30, timeoutSeconds: 60 },
    { name: 'unlimited', seconds: 40 * 60 },
    { name: 'tried again', seconds: 60, timeoutSeconds: 600, retry: { attempts: 2, delaySeconds: 30 } },
    { name: 'long', seconds: 40 * 60, timeoutSeconds: 45 * 60 },
  ];

  it('is set from each step’s limit, with room for its tries and for the news, and discarded for one without', async () => {
    await world.operator.createJob('job', work('job', { steps }), withTimeout(10_000));
    expect(await world.outcome('job', 3 * HOUR)).toBe('SUCCEEDED');
    expect(updates().map((update) => [update['status'], update['stepTimeoutInMinutes']])).toEqual([
      ['IN_PROGRESS', 3],
      ['IN_PROGRESS', -1],
      ['IN_PROGRESS', 33],
      ['IN_PROGRESS', 47],
      ['SUCCEEDED', undefined],
    ]);
    await expectTruth(world);
  });

  it('is left alone where no step has a limit', async () => {
    await world.operator.createJob('job', work('job'));
    await world.outcome('job');
    for (const update of updates()) expect(update).not.toHaveProperty('stepTimeoutInMinutes');
  });

  it('is set as soon as there is a connection again, when the step began without one', async () => {
    await world.operator.createJob('job', work('job', { steps }), withTimeout(10_000));
    await world.advance(10 * SECOND);
    offline();
    await world.advance(MINUTE);
    online();
    expect(await world.outcome('job', 3 * HOUR)).toBe('SUCCEEDED');
    expect(world.deeds.of('job')).toHaveLength(8);
    await expectTruth(world);
  });

  /** A job of steps under a step timer: whatever is long here has no limit, or is within it. */
  const limited = (edition: string, ...steps: readonly object[]) =>
    work(edition, { steps: steps.map((step, index) => ({ name: `s${index + 1}`, timeoutSeconds: 60, ...step })) });
  const timers = () => updates().map((update) => update['stepTimeoutInMinutes']);

  it('does not go on amid the cleanup, however long that is, nor after a restart there', async () => {
    const cleanup = [{ name: 'long', seconds: 600 }];
    await world.operator.createJob('job', { ...limited('job', { seconds: 5 }), cleanup });
    await world.advance(MINUTE);
    world.killDevice();
    await world.startDevice();
    expect(await world.outcome('job')).toBe('SUCCEEDED');
    expect(timers()).toEqual([3, -1, -1, undefined]);
    await expectTruth(world);
  });

  it('does not go on while a step waits to be run again later, and is set again when it does', async () => {
    const ends = [...Array.from({ length: 10 }, () => 'defer' as const), 'succeed' as const];
    await world.operator.createJob('job', limited('job', { ends }));
    expect(await world.outcome('job', 2 * HOUR)).toBe('SUCCEEDED');
    // The first waits are of a second or two: what changes within one is told together.
    expect(timers().slice(-7)).toEqual([-1, 3, -1, 3, -1, 3, undefined]);
    await expectTruth(world);
  });

  it('does not go on while the device starts anew', async () => {
    await world.operator.createJob('job', limited('job', { ends: ['reboot'] }));
    await world.advance(4 * MINUTE);
    await world.rebootDevice();
    expect(await world.outcome('job')).toBe('SUCCEEDED');
    expect(timers()).toEqual([3, -1, 3, undefined]);
    await expectTruth(world);
  });

  it('does not go on while the device starts anew within a second of other news', async () => {
    await world.operator.createJob('job', limited('job', { progress: true, ends: ['reboot'] }));
    await world.settle();
    await world.stopDevice();
    expect(timers()).toEqual([3, undefined, -1]);
    await world.rebootDevice();
    expect(await world.outcome('job')).toBe('SUCCEEDED');
    await expectTruth(world);
  });

  it.each([
    0, 1,
  ])('is set anew when a step runs again that was cut off, be it the first one: step %i', async (index) => {
    const steps = [{}, {}].with(index, { seconds: 500, timeoutSeconds: 600 });
    await world.operator.createJob('job', limited('job', ...steps));
    await world.advance(400 * SECOND);
    world.killDevice();
    await world.startDevice();
    expect(await world.outcome('job')).toBe('SUCCEEDED');
    await expectTruth(world);
  });

  it('is set anew at each try, for a retry begins after a wait too', async () => {
    const retry = { attempts: 2, delaySeconds: 30 };
    await world.operator.createJob('job', limited('job', { retry, ends: ['fail', 'fail', 'succeed'] }));
    expect(await world.outcome('job')).toBe('SUCCEEDED');
    expect(timers()).toEqual([6, 6, 6, undefined]);
    await expectTruth(world);
  });

  it('is not set for a step that may take longer than a timer can', async () => {
    await world.operator.createJob('job', limited('job', {}, { timeoutSeconds: WEEK / SECOND }));
    expect(await world.outcome('job')).toBe('SUCCEEDED');
    expect(timers()).toEqual([3, -1, undefined]);
    await expectTruth(world);
  });

  it('ends the execution of a device that is away for too long: its result is for nobody', async () => {
    const cleanup = [{ name: 'tidy' }];
    const long = [{ name: 'long', seconds: 5 * 24 * 3600, timeoutSeconds: 6 * 24 * 3600 }];
    await world.operator.createJob('job', work('job', { steps: long, cleanup }), { ...withTimeout(10_000) });
    await world.advance(10 * SECOND);
    offline();
    await world.advance(6 * DAY + HOUR, HOUR);
    online();
    await expectNextJob(world);
    expect((await world.execution('job'))?.status).toBe('TIMED_OUT');
    expect(world.deeds.of('job')).toEqual([
      ...['long started', 'long succeeded', 'cleanup: tidy started', 'cleanup: tidy succeeded'],
    ]);
    await expectTruth(world);
  });
});

describe('the service’s in-progress timer', () => {
  const steps = [{ name: 'first' }, { name: 'long', seconds: 24 * 3600 }];
  const cleanup = [{ name: 'tidy' }];
  const ended = [
    ...['first started', 'first succeeded', 'long started', 'long ended'],
    ...['cleanup: tidy started', 'cleanup: tidy succeeded'],
  ];

  it.each([
    ['the device hears of it', () => undefined],
    ['the notifications are lost', () => world.order({ kind: 'never', topic: `${JOBS}/+`, times: 0 })],
  ])('ends the execution: the step ends within seconds, cleanup runs, nothing is reported, when %s', async (_, begin) => {
    await world.operator.createJob('job', work('job', { steps, cleanup }), withTimeout(5));
    await world.settle();
    begin();
    await world.advance(5 * MINUTE + 10 * SECOND);
    const execution = await world.execution('job');
    expect(execution?.status).toBe('TIMED_OUT');
    expect(world.deeds.of('job')).toEqual(ended);
    await expectNextJob(world);
    expect(await world.execution('job')).toEqual(execution);
    await expectTruth(world);
  });

  it('is known again after a restart: the step ends within seconds though no notification comes', async () => {
    await world.operator.createJob('job', work('job', { steps, cleanup }), withTimeout(5));
    await world.advance(MINUTE);
    world.killDevice();
    await world.startDevice();
    await world.settle();
    world.order({ kind: 'never', topic: `${JOBS}/+`, times: 0 });
    await world.advance(4 * MINUTE + 10 * SECOND);
    expect((await world.execution('job'))?.status).toBe('TIMED_OUT');
    expect(world.deeds.of('job')).toEqual([...ended.slice(0, 3), ...ended.slice(2)]);
    await expectNextJob(world);
    await expectTruth(world);
  });

  it('may be late, as AWS’s is: the execution is looked at until it has ended', async () => {
    await world.operator.createJob('job', work('job', { steps, cleanup }), withTimeout(5));
    await world.settle();
    // The service says for a minute that it is still IN_PROGRESS.
    world.order({ kind: 'failNext', operation: 'DescribeJobExecution', code: 'InternalError', times: 6 });
    world.order({ kind: 'never', topic: `${JOBS}/+`, times: 0 });
    await world.advance(8 * MINUTE);
    expect(world.deeds.of('job')).toEqual(ended);
    await expectNextJob(world);
    await expectTruth(world);
  });
});
