import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { WorkStep } from '../support/world/work.ts';
import { HOUR, JOBS, MINUTE, SECOND, World } from '../support/world.ts';
import { expectNextJob, expectTruth, ONCE, work } from './truth.ts';

/** A step that is cut off, by a death, a stop or a reboot: its job never hangs, whatever is to become of the step. */
let world: World;

beforeAll(async () => {
  world = await World.start();
});

beforeEach(() => world.beginAnew());

afterAll(() => world.close());

const CUT_OFF: Record<string, () => Promise<void>> = {
  killed: async () => {
    world.killDevice();
    await world.startDevice();
  },
  stopped: async () => {
    await world.stopDevice();
    await world.startDevice();
  },
};

const last: WorkStep = { name: 'last' };
const LAST = ['last started', 'last succeeded'];

describe.each(Object.entries(CUT_OFF))('a step amid which the agent is %s', (_how, cutOff) => {
  /** Up to where it was cut off; after a stop it knows that. */
  const begun = async (step: Partial<WorkStep>, where: 'steps' | 'cleanup' = 'steps'): Promise<string[]> => {
    const long = { name: 'long', seconds: 300, ...step };
    const document = where === 'steps' ? { steps: [long, last] } : { steps: [last], cleanup: [long] };
    await world.operator.createJob('job', work('job', document));
    await world.advance(10 * SECOND);
    await cutOff();
    const deeds = world.deeds.of('job');
    expect(deeds.at(-1)).toMatch(/long (started|ended)/);
    return deeds;
  };

  it.each([
    ['retry', ['long started', 'long succeeded', ...LAST], 'SUCCEEDED'],
    ['skip', LAST, 'SUCCEEDED'],
    ['fail', [], 'FAILED'],
  ] as const)('ends as its onInterrupted "%s" says', async (onInterrupted, then, status) => {
    const before = await begun({ onInterrupted });
    expect(await world.outcome('job'), world.story()).toBe(status);
    expect(world.deeds.of('job')).toEqual([...before, ...then]);
    await expectNextJob(world);
    await expectTruth(world);
  });

  it('does not hold its job up when it is to fail then, and its failure is ignored', async () => {
    const before = await begun({ onInterrupted: 'fail', ignoreFailure: true });
    expect(await world.outcome('job'), world.story()).toBe('SUCCEEDED');
    expect(world.deeds.of('job')).toEqual([...before, ...LAST]);
    await expectNextJob(world);
    await expectTruth(world);
  });

  it.each([
    'retry',
    'skip',
    'fail',
  ] as const)('of the cleanup: likewise, and the outcome stays (%s)', async (onInterrupted) => {
    await begun({ onInterrupted }, 'cleanup');
    expect(await world.outcome('job'), world.story()).toBe('SUCCEEDED');
    await expectNextJob(world);
    await expectTruth(world);
  });

  it('ends its job some day if that happens again and again', async () => {
    await begun({});
    for (let times = 1; times < 12; times += 1) {
      await world.advance(10 * SECOND);
      if (world.isDeviceUp && world.device.journal?.runnable().length === 0) break;
      await cutOff();
    }
    expect(await world.outcome('job'), world.story()).toBe('FAILED');
    expect((await world.execution('job'))?.statusDetails['reason']).toMatch(/(interrupted 3|was stopped 10) times/);
    await expectNextJob(world);
    await expectTruth(world);
  });
});

describe('a step that asks for a reboot', () => {
  /** The host has been told so often. */
  const asked = (times = 1) =>
    world.reallyUntil('the command for the reboot has ended', () => {
      const told = world.log.filter(({ text }) => text === 'waiting for the device to start anew');
      return told.length === times;
    });
  const reboots = (changes: Partial<WorkStep> = {}) =>
    work('job', { steps: [{ name: 'reboot', ends: ['reboot'], ...changes }, last] });

  it('is run again, and told, when the device has started anew', async () => {
    await world.operator.createJob('job', reboots());
    await asked();
    await world.rebootDevice();
    expect(await world.outcome('job'), world.story()).toBe('SUCCEEDED');
    expect(world.deeds.of('job')).toEqual([
      'reboot started',
      'reboot rebooting',
      'reboot started',
      'reboot succeeded',
      ...LAST,
    ]);
    await expectNextJob(world);
    await expectTruth(world);
  });

  it.each([
    ['fails', {}, 'FAILED', []],
    ['is passed over, where its failure is ignored,', { ignoreFailure: true }, 'SUCCEEDED', LAST],
  ] as const)('%s when the device does not start anew within the deadline', async (_what, changes, status, then) => {
    await world.operator.createJob('job', reboots(changes));
    await asked();
    await world.advance(4 * MINUTE);
    // A restart of the agent is no reboot: it is asked for once more.
    await CUT_OFF['killed']?.();
    await asked(2);
    expect(await world.outcome('job'), world.story()).toBe(status);
    expect(world.deeds.of('job')).toEqual(['reboot started', 'reboot rebooting', ...then]);
    await expectNextJob(world);
    await expectTruth(world);
  });

  it('is ended when its job is cancelled while it waits', async () => {
    await world.operator.createJob('job', reboots());
    await asked();
    await world.operator.cancelJob('job', true);
    await expectNextJob(world, 'next', HOUR);
    expect(world.deeds.of('job')).toEqual(['reboot started', 'reboot rebooting']);
    await expectTruth(world);
  });
});

describe('while a job waits for the device to start anew', () => {
  let two: World;

  beforeAll(async () => {
    two = await World.start({ concurrency: 2 });
  });

  beforeEach(() => two.beginAnew());

  afterAll(() => two.close());

  const isAsked = (times: number) =>
    two.reallyUntil('the command for the reboot has ended', () => {
      const told = two.log.filter(({ text }) => text === 'waiting for the device to start anew');
      return told.length === times;
    });

  it('a restart of the agent alone starts nothing that is queued: not before the device has started anew', async () => {
    await two.operator.createJob('job', work('job', { steps: [{ name: 'reboot', ends: ['reboot'] }, last] }));
    await isAsked(1);
    await two.operator.createJob('queued', work('queued'));
    two.killDevice();
    // What the agent asks about the job that waits is answered late.
    two.order({ kind: 'delay', direction: 'out', topic: `${JOBS}/job/get/accepted`, ms: 5 * SECOND });
    await two.startDevice();
    await two.advance(4 * SECOND);
    expect(two.deeds.of('queued')).toEqual([]);
    await two.advance(2 * SECOND);
    await isAsked(2);
    expect(two.deeds.of('queued')).toEqual([]);

    // After it, the two run side by side.
    await two.rebootDevice();
    two.order({ kind: 'delay', direction: 'out', topic: `${JOBS}/job/get/accepted`, ms: 5 * SECOND });
    await two.settle();
    expect(two.deeds.of('queued')).toContain('first started');
    for (const job of ['job', 'queued']) expect(await two.outcome(job), two.story()).toBe('SUCCEEDED');
    expect(two.deeds.of('queued')).toEqual(ONCE);
    await expectTruth(two, 2);
  });

  it('one that wants it powered off has that too: a new start for the one is none for the other', async () => {
    // Their steps begin together, and the one for the new start ends first.
    for (const [how, seconds] of [
      ['reboot', 10],
      ['shutdown', 11],
    ] as const)
      await two.operator.createJob(how, work(how, { steps: [{ name: how, seconds, ends: [how] }] }));
    await two.advance(12 * SECOND);
    await isAsked(1);
    await two.advance(MINUTE);
    const off = () => two.log.filter(({ text }) => text === 'waiting for power-off');
    expect(off()).toEqual([]);
    expect(two.log.filter(({ text }) => text === 'the device is told to power off')).toEqual([]);
    await two.rebootDevice();
    await two.advance(12 * SECOND);
    await two.reallyUntil('the command for the shutdown has ended', () => off().length === 1);
    expect(two.deeds.of('shutdown').at(-1)).toBe('shutdown rebooting');
    await two.rebootDevice();
    for (const how of ['reboot', 'shutdown']) expect(await two.outcome(how), two.story()).toBe('SUCCEEDED');
    expect(two.log.filter(({ text }) => text === 'the device is told to start anew')).toHaveLength(1);
    await expectTruth(two, 2);
  });
});
