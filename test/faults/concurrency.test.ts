import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { HOUR, MINUTE, SECOND, World } from '../support/world.ts';
import { expectNextJob, expectTruth, work } from './truth.ts';

let world: World;

beforeAll(async () => {
  world = await World.start({ concurrency: 2 });
});

afterAll(() => world.close());

beforeEach(() => world.beginAnew());

it('never more jobs run at once than are allowed, whoever is cancelled, and each gets its turn', async () => {
  const steps = [
    { name: 'first', seconds: 100 },
    { name: 'second', seconds: 100 },
  ];
  const cleanup = [{ name: 'tidy', seconds: 30 }];
  for (const job of ['a', 'b', 'c', 'd', 'e']) {
    await world.operator.createJob(job, work(job, { steps, cleanup }));
    await world.advance(SECOND);
  }
  expect(world.deeds.starts).toEqual(['a#1 first', 'b#1 first']);
  await world.operator.cancelJob('a', true);
  await world.operator.cancelJob('d');
  // Its cleanup comes first.
  await world.advance(20 * SECOND);
  expect(world.deeds.starts).toEqual(['a#1 first', 'b#1 first', 'a#1 cleanup: tidy']);
  await world.advance(60 * SECOND);
  expect(world.deeds.of('c')).toEqual(['first started']);
  world.network.cut();
  for (const job of ['b', 'c', 'e']) expect(await world.outcome(job, HOUR)).toBe('SUCCEEDED');
  expect(world.deeds.of('d')).toEqual([]);
  expect(world.deeds.mostAtOnce).toBe(2);
  await expectNextJob(world);
  await expectTruth(world, 2);
});

it('a retry of the service waits until what is left of the run before it is tidied up', async () => {
  const steps = [{ name: 'first', seconds: 3600 }];
  const cleanup = [{ name: 'tidy', seconds: 60 }];
  await world.operator.createJob('job', work('job', { steps, cleanup }), {
    timeoutConfig: { inProgressTimeoutInMinutes: 5 },
    jobExecutionsRetryConfig: { criteriaList: [{ failureType: 'TIMED_OUT', numberOfRetries: 1 }] },
  });
  await world.advance(5 * MINUTE + 30 * SECOND);
  expect(world.deeds.starts).toEqual(['job#1 first', 'job#1 cleanup: tidy']);
  await world.advance(MINUTE);
  expect(world.deeds.starts).toEqual(['job#1 first', 'job#1 cleanup: tidy', 'job#2 first']);
  await expectTruth(world, 2);
});
