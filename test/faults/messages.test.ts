import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FaultOrder } from '../../src/simulator/faults/fault-rule.ts';
import { HOUR, JOBS, MINUTE, SECOND, World } from '../support/world.ts';
import { expectTruth, ONCE, work } from './truth.ts';

/** Every fault that the simulator can order, at every message of a job's life (docs/simulator.md). */
let world: World;

beforeAll(async () => {
  world = await World.start();
});

beforeEach(() => world.beginAnew());

afterAll(() => world.close());

/** Where a message of a job's life passes, and how many like it pass before. */
interface Place {
  readonly direction: 'in' | 'out';
  readonly topic: string;
  readonly skip?: number;
  /** It is sent only when the job is there before the agent connects. */
  readonly atConnect?: boolean;
}

const update = `${JOBS}/job/update`;
const MESSAGES: Record<string, Place> = {
  'the request for the list': { direction: 'in', topic: `${JOBS}/get`, atConnect: true },
  'the list': { direction: 'out', topic: `${JOBS}/get/accepted`, atConnect: true },
  'the request to describe': { direction: 'in', topic: `${JOBS}/job/get`, atConnect: true },
  'the description': { direction: 'out', topic: `${JOBS}/job/get/accepted`, atConnect: true },
  'the second request to describe': { direction: 'in', topic: `${JOBS}/job/get`, skip: 1, atConnect: true },
  'the second description': { direction: 'out', topic: `${JOBS}/job/get/accepted`, skip: 1, atConnect: true },
  'notify of the job': { direction: 'out', topic: `${JOBS}/notify` },
  'notify-next of the job': { direction: 'out', topic: `${JOBS}/notify-next` },
  'the claim': { direction: 'in', topic: update },
  'the answer to the claim': { direction: 'out', topic: `${update}/accepted` },
  'the progress': { direction: 'in', topic: update, skip: 1 },
  'the answer to the progress': { direction: 'out', topic: `${update}/accepted`, skip: 1 },
  'the result': { direction: 'in', topic: update, skip: 2 },
  'the answer to the result': { direction: 'out', topic: `${update}/accepted`, skip: 2 },
  'notify of the end': { direction: 'out', topic: `${JOBS}/notify`, skip: 1 },
  'notify-next of the end': { direction: 'out', topic: `${JOBS}/notify-next`, skip: 1 },
};

type Fault = Omit<FaultOrder, 'direction' | 'topic' | 'skip'>;

const OF_ALL: Record<string, Fault> = {
  'is lost': { kind: 'drop' },
  'comes 5 s late': { kind: 'delay', ms: 5 * SECOND },
  'comes 15 s late, after its deadline': { kind: 'delay', ms: 15 * SECOND },
  'comes three times': { kind: 'duplicate', copies: 2 },
  'comes after the next one like it': { kind: 'reorder' },
  'is cut off with the connection': { kind: 'cut' },
  'is the last of its connection': { kind: 'cut', when: 'after' },
};

const OF_ANSWERS: Record<string, Fault> = {
  'comes 25 s late': { kind: 'late', ms: 25 * SECOND },
  'is no JSON': { kind: 'wrong', payload: 'no JSON' },
  'is empty': { kind: 'wrong', payload: null },
  'is an object of nothing': { kind: 'wrong', payload: {} },
  'is an object of nonsense': {
    kind: 'wrong',
    payload: { execution: 7, inProgressJobs: 'x', queuedJobs: [null, 3], jobs: [], executionState: [], timestamp: 'y' },
  },
};

/** The job is made, before or after the agent has come, and one that waits behind it; both run. */
async function expectBothRunOnce(atConnect: boolean, order: () => void): Promise<void> {
  if (atConnect) await world.stopDevice();
  else order();
  await world.operator.createJob('job', work('job'));
  await world.operator.createJob('next', work('next'));
  if (atConnect) {
    order();
    await world.startDevice();
  }
  for (const job of ['job', 'next']) {
    expect(await world.outcome(job, 3 * HOUR), world.story()).toBe('SUCCEEDED');
    expect(world.deeds.of(job), world.story()).toEqual(ONCE);
  }
  await world.advance(MINUTE);
  expect(world.simulator.faults.list().map(({ hits }) => hits > 0)).toEqual([true]);
  expect(world.device.journal?.outbox()).toEqual([]);
  await expectTruth(world);
}

describe.each(Object.entries(MESSAGES))('a job runs once, is reported, and the next one runs when %s', (_, place) => {
  const { atConnect = false, ...message } = place;
  const faults = { ...OF_ALL, ...(message.direction === 'out' ? OF_ANSWERS : {}) };

  it.each(Object.entries(faults))('%s', async (_fault, fault) => {
    const { direction, ...which } = message;
    const isOfAnswers = fault.kind === 'late' || fault.kind === 'wrong' || fault.kind === 'never';
    await expectBothRunOnce(atConnect, () =>
      world.order({ ...fault, ...which, ...(isOfAnswers ? {} : { direction }) }),
    );
  });
});

it('a job of which no notification comes is heard of within the hour', async () => {
  world.order({ kind: 'never', topic: `${JOBS}/+`, times: 0 });
  await world.operator.createJob('job', work('job'));
  expect(await world.outcome('job', HOUR + 2 * MINUTE), world.story()).toBe('SUCCEEDED');
  expect(world.deeds.of('job')).toEqual(ONCE);
  await expectTruth(world);
});

const CODES = [
  ...['InvalidRequest', 'InvalidJson', 'InvalidTopic', 'InvalidStateTransition', 'ResourceNotFound'],
  ...['VersionMismatch', 'InternalError', 'RequestThrottled', 'TerminalStateReached'],
];

const REQUESTS: Record<string, { operation: string; skip?: number; atConnect?: boolean }> = {
  'the request for the list': { operation: 'GetPendingJobExecutions', atConnect: true },
  'the request to describe': { operation: 'DescribeJobExecution', atConnect: true },
  'the second request to describe': { operation: 'DescribeJobExecution', skip: 1, atConnect: true },
  'the claim': { operation: 'UpdateJobExecution' },
  'the progress': { operation: 'UpdateJobExecution', skip: 1 },
  'the result': { operation: 'UpdateJobExecution', skip: 2 },
};

describe.each(Object.entries(REQUESTS))('a job runs once, is reported, and the next one runs when %s', (_, request) => {
  const { atConnect = false, ...which } = request;

  it.each(CODES)('is refused with %s', async (code) => {
    await expectBothRunOnce(atConnect, () =>
      world.order({ kind: 'failNext', service: 'iot-jobs-data', code, ...which }),
    );
  });
});

it('a job runs once, is reported, and the next one runs though four of ten requests fail', async () => {
  await world.operator.createJob('job', work('job'));
  await world.operator.createJob('next', work('next'));
  await world.operator.failAt({ internalError: 0.2, throttled: 0.2, seed: 3 });
  for (const job of ['job', 'next']) {
    expect(await world.outcome(job, 3 * HOUR), world.story()).toBe('SUCCEEDED');
    expect(world.deeds.of(job), world.story()).toEqual(ONCE);
  }
  await world.operator.failAt({});
  await expectTruth(world);
});

describe.each([
  'ResourceNotFound',
  'InvalidStateTransition',
  'TerminalStateReached',
])('a describe that is refused once with %s, though the execution is there,', (code) => {
  const lie = () =>
    world.order({ kind: 'failNext', service: 'iot-jobs-data', operation: 'DescribeJobExecution', code });
  const begin = async () => {
    await world.operator.createJob('job', work('job'));
    await world.advance(10 * SECOND);
    lie();
  };
  const expectOnce = async (deeds: readonly string[] = ONCE) => {
    expect(await world.outcome('job', HOUR), world.story()).toBe('SUCCEEDED');
    expect(world.deeds.of('job'), world.story()).toEqual(deeds);
    expect(world.simulator.faults.list().map(({ hits }) => hits)).toContain(1);
    await expectTruth(world);
  };

  it('ends nothing that runs', async () => {
    await begin();
    // A list without it.
    world.order({ kind: 'wrong', topic: `${JOBS}/notify`, payload: {} });
    await world.operator.createJob('other', work('other'));
    await expectOnce();
  });

  it('costs no result', async () => {
    await begin();
    // The version is not known any more.
    world.network.cut();
    await expectOnce();
  });

  it('ends nothing that a restart goes on with', async () => {
    await begin();
    world.killDevice();
    await world.startDevice();
    await expectOnce(['first started', 'first succeeded', 'second started', 'second started', 'second succeeded']);
  });
});

describe('a document that nobody accepts', () => {
  const refused = work('job', { unacceptable: true });

  it.each(CODES)('is REJECTED, though that is refused at first with %s', async (code) => {
    world.order({ kind: 'failNext', service: 'iot-jobs-data', operation: 'UpdateJobExecution', code });
    await world.operator.createJob('job', refused);
    expect(await world.outcome('job', HOUR), world.story()).toBe('REJECTED');
    await expectTruth(world);
  });

  it('becomes FAILED, with its reason, where the service does not take REJECTED from IN_PROGRESS', async () => {
    await world.operator.decide({ rejectWhileInProgress: false });
    await world.stopDevice();
    await world.operator.createJob('job', refused);
    // Another agent of this thing began it, and is gone.
    await world.operator.begin('job');
    await world.startDevice();
    expect(await world.outcome('job', HOUR), world.story()).toBe('FAILED');
    expect((await world.execution('job'))?.statusDetails).toEqual({ reason: 'job is not acceptable' });
    expect(world.deeds.all).toEqual([]);
  });
});
