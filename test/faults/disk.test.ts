import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HOUR, JOBS, MINUTE, SECOND, World } from '../support/world.ts';
import { expectNextJob, expectTruth, ONCE, work } from './truth.ts';

/** A disk that takes no write for hours, and then does: all goes on within a minute or little more, wherever it was. */
let world: World;

beforeAll(async () => {
  world = await World.start();
});

beforeEach(() => world.beginAnew());

afterAll(() => world.close());

const fails = () => {
  world.disk.failures = Number.POSITIVE_INFINITY;
};
const recovers = () => {
  world.disk.failures = 0;
};
/** The longest wait between two looks at the disk, and some seconds for what follows. */
const SOON = MINUTE + 5 * SECOND;

/** Whatever waits by a clock of its own is due at one of them by chance, and not at all three. */
const HOURS = [3 * HOUR, 3 * HOUR + 70 * SECOND, 3 * HOUR + 140 * SECOND];

describe.each(HOURS)('when the disk has recovered after %i ms', (span) => {
  it('a step that had ended meanwhile is noted as ended, and the next one starts', async () => {
    await world.operator.createJob('job', work('job', { steps: [{ name: 'first', seconds: 10 }, { name: 'second' }] }));
    await world.advance(5 * SECOND);
    fails();
    await world.advance(span);
    expect(world.deeds.of('job')).toEqual(['first started', 'first succeeded']);
    recovers();
    expect(await world.outcome('job', SOON), world.story()).toBe('SUCCEEDED');
    expect(world.deeds.of('job')).toEqual(ONCE);
    await expectNextJob(world);
    await expectTruth(world);
  });

  it('a step whose start could not be noted starts', async () => {
    await world.operator.createJob('job', work('job', { steps: [{ name: 'first', ends: ['defer', 'succeed'] }] }));
    await world.settle();
    fails();
    await world.advance(span);
    expect(world.deeds.of('job')).toEqual(['first started', 'first deferred']);
    recovers();
    expect(await world.outcome('job', SOON), world.story()).toBe('SUCCEEDED');
    await expectNextJob(world);
    await expectTruth(world);
  });

  it('a result that the service has heard is noted as heard', async () => {
    world.order({ kind: 'delay', direction: 'out', topic: `${JOBS}/job/update/accepted`, skip: 1, ms: 5 * SECOND });
    await world.operator.createJob('job', work('job', { steps: [{ name: 'first' }] }));
    await world.settle();
    expect((await world.execution('job'))?.status).toBe('SUCCEEDED');
    fails();
    await world.advance(span);
    expect(world.device.journal?.outbox()).toHaveLength(1);
    recovers();
    await world.until('it is noted', () => world.device.journal?.outbox().length === 0, SOON);
    await expectTruth(world);
  });
});
