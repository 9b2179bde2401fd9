import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Refused } from '../support/world/operator.ts';
import type { WorkDocument } from '../support/world/work.ts';
import { HOUR, JOBS, MINUTE, SECOND, World } from '../support/world.ts';
import { expectNextJob, expectTruth, ONCE, work } from './truth.ts';

/** What an operator takes back is ended here, cleaned up, and not reported; and only then comes the next one. */
let world: World;

beforeAll(async () => {
  world = await World.start();
});

beforeEach(() => world.beginAnew());

afterAll(() => world.close());

const create = (changes: Partial<WorkDocument> = {}) => world.operator.createJob('job', work('job', changes));
const tidy = { cleanup: [{ name: 'tidy', seconds: 20 }] };
const TIDIED = ['cleanup: tidy started', 'cleanup: tidy succeeded'];

interface Stage {
  readonly reach: () => Promise<void>;
  /** What the steps have done in the end, when the device hears of it at once. */
  readonly deeds: readonly string[];
  /** The same, when nobody tells it until its steps are over. */
  readonly unheard?: readonly string[];
}

const STAGES: Record<string, Stage> = {
  'waits behind another': {
    reach: async () => {
      await world.operator.createJob('blocker', work('blocker', { steps: [{ name: 'long', seconds: 300 }] }));
      await create(tidy);
      await world.advance(SECOND);
    },
    deeds: [],
  },
  'runs a step': {
    reach: async () => {
      await create({
        ...tidy,
        steps: [{ name: 'first' }, { name: 'second', seconds: 100, progress: true }, { name: 'third' }],
      });
      await world.advance(10 * SECOND);
    },
    deeds: ['first started', 'first succeeded', 'second started', 'second ended', ...TIDIED],
    unheard: [...ONCE, 'third started', 'third succeeded', ...TIDIED],
  },
  'runs a step that does not heed its signal': {
    reach: async () => {
      await create({ ...tidy, steps: [{ name: 'first', seconds: 100, stubborn: true }, { name: 'second' }] });
      await world.advance(10 * SECOND);
    },
    deeds: ['first started', 'first succeeded', ...TIDIED],
    unheard: ['first started', 'first succeeded', 'second started', 'second succeeded', ...TIDIED],
  },
  'runs a step past its point of no return': {
    reach: async () => {
      await create({ ...tidy, steps: [{ name: 'first', seconds: 100, pointOfNoReturn: true }, { name: 'second' }] });
      await world.advance(10 * SECOND);
    },
    deeds: ['first started', 'first succeeded', 'second started', 'second succeeded', ...TIDIED],
  },
  'waits between two tries': {
    reach: async () => {
      const retry = { attempts: 1, delaySeconds: 100 };
      await create({ ...tidy, steps: [{ name: 'first', ends: ['fail', 'succeed'], retry }] });
      await world.advance(10 * SECOND);
    },
    deeds: ['first started', 'first failed', ...TIDIED],
    unheard: ['first started', 'first failed', 'first started', 'first succeeded', ...TIDIED],
  },
  'cleans up': {
    reach: async () => {
      await create({ steps: [{ name: 'first' }], cleanup: [{ name: 'tidy', seconds: 100 }] });
      await world.advance(10 * SECOND);
    },
    deeds: ['first started', 'first succeeded', ...TIDIED],
  },
  'has a result that the service does not take': {
    reach: async () => {
      world.order({ kind: 'failNext', operation: 'UpdateJobExecution', code: 'InternalError', skip: 1, times: 0 });
      await create({ steps: [{ name: 'first' }] });
      await world.advance(10 * SECOND);
    },
    deeds: ['first started', 'first succeeded'],
  },
};

const TAKEN_BACK: Record<
  string,
  { readonly act: (force: boolean) => Promise<void>; readonly left: string | undefined }
> = {
  'its job is cancelled': { act: (force) => world.operator.cancelJob('job', force), left: 'CANCELED' },
  'its execution is cancelled': { act: (force) => world.operator.cancelExecution('job', force), left: 'CANCELED' },
  'its job is deleted': { act: (force) => world.operator.deleteJob('job', force), left: undefined },
  'its execution is deleted': { act: (force) => world.operator.deleteExecution('job', 1, force), left: undefined },
};

const HEARD: Record<string, { readonly begin: () => void; readonly atOnce: boolean }> = {
  'the device hears of it': { begin: () => undefined, atOnce: true },
  'notifications are lost': {
    begin: () => world.order({ kind: 'never', topic: `${JOBS}/+`, times: 0 }),
    atOnce: false,
  },
  'the device is offline': {
    begin: () => {
      world.network.weather = 'refusing';
    },
    atOnce: false,
  },
};

describe.each(Object.entries(STAGES))('a job that %s', (_stage, { reach, deeds, unheard = deeds }) => {
  describe.each(Object.entries(TAKEN_BACK))('when %s by force', (_act, { act, left }) => {
    it.each(Object.entries(HEARD))('is ended, and the next one runs, while %s', async (_heard, { begin, atOnce }) => {
      await reach();
      begin();
      await act(true);
      const before = await world.execution('job');
      await world.operator.createJob('after', work('after'));
      await world.advance(10 * MINUTE);
      world.network.weather = 'fair';
      world.simulator.faults.clear();
      expect(await world.outcome('after', 2 * HOUR), world.story()).toBe('SUCCEEDED');
      expect(world.deeds.of('job'), world.story()).toEqual(atOnce ? deeds : unheard);
      expect(world.deeds.of('after')).toEqual(ONCE);
      // Nothing was said of it since.
      expect(await world.execution('job')).toEqual(before);
      expect(before?.status).toBe(left);
      await expectNextJob(world);
      await expectTruth(world);
    });
  });
});

describe('without force', () => {
  it.each(Object.entries(TAKEN_BACK))('what runs goes on when %s', async (_act, { act }) => {
    await create();
    await world.advance(10 * SECOND);
    await act(false).catch((error: unknown) => {
      if (!(error instanceof Refused)) throw error;
    });
    expect(await world.outcome('job')).toBe('SUCCEEDED');
    expect(world.deeds.of('job')).toEqual(ONCE);
    await expectNextJob(world);
    await expectTruth(world);
  });
});

it('a queued job that is cancelled while it is being claimed does not run', async () => {
  world.order({ kind: 'delay', direction: 'in', topic: `${JOBS}/job/update`, ms: 5 * SECOND });
  await create();
  await world.settle();
  await world.operator.cancelJob('job');
  await expectNextJob(world);
  expect(world.deeds.of('job')).toEqual([]);
  expect((await world.execution('job'))?.status).toBe('CANCELED');
  await expectTruth(world);
});

it('the doubt about a job that runs outlives the connection: it is looked at after the next one', async () => {
  await create({ ...tidy, steps: [{ name: 'first', seconds: 7200 }] });
  await world.advance(10 * SECOND);
  world.order({ kind: 'drop', direction: 'in', topic: `${JOBS}/job/get` });
  await world.operator.cancelJob('job', true);
  await world.settle();
  world.network.cut();
  await world.advance(10 * MINUTE);
  expect(world.deeds.of('job')).toEqual(['first started', 'first ended', ...TIDIED]);
  await expectNextJob(world);
  await expectTruth(world);
});

it('what is missing from a list that was cut, though what is queued stands in it, is looked at', async () => {
  await create({ ...tidy, steps: [{ name: 'first', seconds: 7200 }] });
  for (let other = 1; other <= 12; other += 1) {
    await world.operator.createJob(`other-${other}`, work(`other-${other}`, { steps: [{ name: 'only' }] }));
  }
  await world.advance(10 * SECOND);
  world.order({ kind: 'never', topic: `${JOBS}/+`, times: 0 });
  await world.operator.cancelJob('job', true);
  // The list is asked for once an hour.
  await world.advance(HOUR);
  expect(world.deeds.of('job')).toEqual(['first started', 'first ended', ...TIDIED.slice(0, 1)]);
  expect(await world.outcome('other-12')).toBe('SUCCEEDED');
  await expectTruth(world);
});
