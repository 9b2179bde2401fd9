import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WorkDocument } from '../support/world/work.ts';
import { HOUR, JOBS, MINUTE, SECOND, World } from '../support/world.ts';
import { expectNextJob, expectTruth, ONCE, work } from './truth.ts';

/**
 * A job is deleted by force and another one made with its id: execution numbers begin anew, and only `queuedAt` and the
 * version tell the two apart. Neither progress nor result of the old one may reach the new one, which runs its own
 * document, once.
 */
let world: World;

beforeAll(async () => {
  world = await World.start();
});

beforeEach(() => world.beginAnew());

afterAll(() => world.close());

const create = (document: WorkDocument) => world.operator.createJob('job', document);
const old = (changes: Partial<WorkDocument> = {}) => create(work('old', changes));

/** Where the old one stands when it is deleted. */
const stages: Record<string, () => Promise<void>> = {
  'waits behind another': async () => {
    await world.operator.createJob('blocker', work('blocker', { steps: [{ name: 'long', seconds: 600 }] }));
    await old();
    await world.advance(SECOND);
  },
  'is being claimed': async () => {
    world.order({ kind: 'delay', direction: 'in', topic: `${JOBS}/job/update`, ms: 5 * SECOND });
    await old();
    await world.settle();
  },
  'is being described': async () => {
    await world.stopDevice();
    world.order({ kind: 'delay', direction: 'in', topic: `${JOBS}/job/update`, ms: 5 * SECOND });
    await old();
    await world.startDevice();
    await world.settle();
  },
  'runs its first step': async () => {
    await old({ steps: [{ name: 'first', seconds: 600, progress: true }, { name: 'second' }] });
    await world.advance(10 * SECOND);
  },
  'runs its last step': async () => {
    await old({ steps: [{ name: 'first' }, { name: 'second', seconds: 600, progress: true }] });
    await world.advance(10 * SECOND);
  },
  'runs a step past its point of no return': async () => {
    await old({ steps: [{ name: 'first', seconds: 300, progress: true, pointOfNoReturn: true }, { name: 'second' }] });
    await world.advance(10 * SECOND);
  },
  'waits between two tries': async () => {
    const retry = { attempts: 5, delaySeconds: 120 };
    await old({ steps: [{ name: 'first', ends: ['fail'], retry }] });
    await world.advance(10 * SECOND);
  },
  'is to run again later': async () => {
    await old({
      steps: [{ name: 'first' }, { name: 'second', ends: [...Array<'defer'>(9).fill('defer'), 'succeed'] }],
    });
    await world.advance(10 * SECOND);
  },
  'cleans up': async () => {
    await old({ steps: [{ name: 'first' }], cleanup: [{ name: 'tidy', seconds: 300 }] });
    await world.advance(10 * SECOND);
  },
  'has a result that the service does not take': async () => {
    world.order({ kind: 'failNext', operation: 'UpdateJobExecution', code: 'InternalError', skip: 1, times: 0 });
    await old({ steps: [{ name: 'first' }] });
    await world.advance(10 * SECOND);
  },
  'has a result whose answer is late': async () => {
    world.order({ kind: 'delay', direction: 'out', topic: `${JOBS}/job/update/accepted`, skip: 1, ms: 9 * SECOND });
    await old({ steps: [{ name: 'first' }] });
    await world.settle();
  },
  'is refused by the device, and the service does not take that': async () => {
    world.order({ kind: 'failNext', operation: 'UpdateJobExecution', code: 'InternalError', times: 0 });
    await old({ unacceptable: true });
    await world.advance(10 * SECOND);
  },
  'has ended': async () => {
    await old();
    await world.outcome('job');
  },
};

/** What happens while it is deleted and made anew; `heal` ends it. */
const circumstances: Record<string, { readonly begin: () => unknown; readonly heal: () => unknown }> = {
  'the device hears of it': { begin: () => undefined, heal: () => undefined },
  'notifications are lost': {
    begin: () => world.order({ kind: 'never', topic: `${JOBS}/+`, times: 0 }),
    heal: () => undefined,
  },
  'notifications are late': {
    begin: () => world.order({ kind: 'delay', direction: 'out', topic: `${JOBS}/+`, times: 0, ms: 20 * SECOND }),
    heal: () => undefined,
  },
  'the device is offline': {
    begin: () => {
      world.network.weather = 'refusing';
    },
    heal: () => {
      world.network.weather = 'fair';
    },
  },
  'the network swallows everything': {
    begin: () => {
      world.network.weather = 'silent';
    },
    heal: () => {
      world.network.weather = 'fair';
    },
  },
  'the agent has been killed': { begin: () => world.killDevice(), heal: () => world.startDevice() },
  'the agent is stopped': { begin: () => world.stopDevice(), heal: () => world.startDevice() },
};

describe.each(Object.entries(stages))('a job that %s is deleted and made anew', (_stage, reach) => {
  it.each(Object.entries(circumstances))('while %s', async (_circumstance, { begin, heal }) => {
    await reach();
    await begin();
    await world.operator.deleteJob('job', true);
    await world.advance(2 * SECOND);
    await create(work('new'));
    await world.advance(4 * MINUTE);
    await heal();
    world.simulator.faults.clear();
    expect(await world.outcome('job', 3 * HOUR), world.story()).toBe('SUCCEEDED');
    expect(world.deeds.of('new')).toEqual(ONCE);
    await expectNextJob(world);
    expect((await world.execution('job'))?.statusDetails['edition']).toBe('new');
    await expectTruth(world);
  });
});

it('the new one is not taken for settled when the answer to the old one’s result comes after it was listed', async () => {
  world.order({ kind: 'delay', direction: 'out', topic: `${JOBS}/job/update/accepted`, skip: 1, ms: 9 * SECOND });
  await old({ steps: [{ name: 'first' }] });
  await world.settle();
  await world.operator.deleteJob('job', true);
  await world.operator.createJob('blocker', work('blocker'));
  await world.advance(2 * SECOND);
  await create(work('new'));
  expect(await world.outcome('job', 3 * HOUR), world.story()).toBe('SUCCEEDED');
  expect(world.deeds.of('new')).toEqual(ONCE);
  await expectTruth(world);
});

it('the new one’s result is not lost when a list that names the old one comes late', async () => {
  world.order({ kind: 'delay', direction: 'out', topic: `${JOBS}/notify`, ms: MINUTE });
  await old({ steps: [{ name: 'first', seconds: 600 }] });
  await world.settle();
  await world.operator.deleteJob('job', true);
  await world.advance(2 * SECOND);
  world.order({ kind: 'failNext', operation: 'UpdateJobExecution', code: 'InternalError', skip: 1, times: 0 });
  await create(work('new', { steps: [{ name: 'first' }] }));
  await world.advance(2 * MINUTE);
  world.simulator.faults.clear();
  expect(await world.outcome('job', 3 * HOUR), world.story()).toBe('SUCCEEDED');
  expect(world.deeds.of('new')).toEqual(['first started', 'first succeeded']);
  await expectTruth(world);
});

it('the new one is told from the old one though both were made in the same second', async () => {
  world.order({ kind: 'failNext', operation: 'UpdateJobExecution', code: 'InternalError', skip: 1, times: 0 });
  await old({ steps: [{ name: 'first' }] });
  await world.settle();
  await world.operator.deleteJob('job', true);
  await create(work('new'));
  world.simulator.faults.clear();
  expect(await world.outcome('job', 3 * HOUR), world.story()).toBe('SUCCEEDED');
  expect(world.deeds.of('new')).toEqual(ONCE);
  await expectTruth(world);
});

it('the new one runs though it was made in the very second in which the old one was made, ran and was reported', async () => {
  await old({ steps: [{ name: 'first' }] });
  await world.settle();
  expect((await world.execution('job'))?.status).toBe('SUCCEEDED');
  await world.operator.deleteJob('job');
  await create(work('new'));
  expect(await world.outcome('job', 3 * HOUR), world.story()).toBe('SUCCEEDED');
  expect(world.deeds.of('new')).toEqual(ONCE);
  await expectTruth(world);
});

describe('the new one, made in the very second in which the old one was made and began,', () => {
  const silent = (topic: string) => world.order({ kind: 'never', topic: `${JOBS}/${topic}`, times: 0 });
  const remake = async () => {
    await old({ steps: [{ name: 'first', seconds: 3 * 3600 }] });
    await world.settle();
    return async () => {
      await world.operator.deleteJob('job', true);
      await create(work('new'));
    };
  };

  it.each([
    ['the hourly list', 'notify', 'notify-next'],
    ['notify', 'notify-next'],
    ['notify-next', 'notify'],
  ])('is known by %s, which names as QUEUED what runs: the old one ends, and it runs', async (_by, ...lost) => {
    const happen = await remake();
    for (const topic of lost) silent(topic);
    // The old one is gone: what names nothing would be a sign by itself.
    for (const topic of ['notify', 'notify-next'].filter((one) => !lost.includes(one))) {
      world.order({ kind: 'drop', direction: 'out', topic: `${JOBS}/${topic}` });
    }
    await happen();
    expect(await world.outcome('job', 2 * HOUR), world.story()).toBe('SUCCEEDED');
    expect(world.deeds.of('old')).toEqual(['first started', 'first ended']);
    expect(world.deeds.of('new')).toEqual(ONCE);
    await expectTruth(world);
  });
});

it('the new one is not forgotten amid its step when it was listed again and again before it was known for another', async () => {
  await old({ steps: [{ name: 'first' }] });
  await world.settle();
  await world.operator.deleteJob('job');
  // The first look at what is settled is answered late, and so would be a second one.
  world.order({ kind: 'delay', direction: 'out', topic: `${JOBS}/job/get/accepted`, ms: 3 * SECOND });
  world.order({ kind: 'delay', direction: 'out', topic: `${JOBS}/job/get/accepted`, ms: 5 * SECOND });
  await create(work('new', { steps: [{ name: 'first', seconds: 600 }, { name: 'second' }] }));
  await world.settle();
  await world.operator.createJob('other', work('other', { steps: [{ name: 'quick' }] }));
  await world.advance(10 * SECOND);
  expect(world.deeds.of('new')).toEqual(['first started']);
  expect(await world.outcome('job', 3 * HOUR), world.story()).toBe('SUCCEEDED');
  expect(world.deeds.of('new')).toEqual(['first started', 'first succeeded', 'second started', 'second succeeded']);
  await expectTruth(world);
});
