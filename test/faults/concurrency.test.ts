import { afterAll, beforeAll, expect, it } from 'vitest';
import { HOUR, SECOND, World } from '../support/world.ts';
import { expectNextJob, expectTruth, work } from './truth.ts';

let world: World;

beforeAll(async () => {
  world = await World.start({ concurrency: 2 });
});

afterAll(() => world.close());

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
