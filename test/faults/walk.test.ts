import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ServiceExecution } from '../support/world/operator.ts';
import { isWork, nameOf, type WorkDocument } from '../support/world/work.ts';
import { HOUR, SECOND, WEEK, World } from '../support/world.ts';
import { expectNextJob, expectTruth } from './truth.ts';
import type { Causes } from './walk-causes.ts';
import { create, EVENTS, newWalk, type Walk } from './walk-commands.ts';
import { walkJob } from './walk-jobs.ts';

/**
 * A walk at random through all that may happen to device, network, disk and service, and then the promise: no finished
 * step has run twice, no outcome is lost, no job hangs, and the next one gets its turn. A longer walk, and another:
 * `FC_RUNS=1000 FC_SEED=7`. What meets a failure again: FC_SEED, FC_PATH and FC_REPLAY, as the failure tells them.
 */
const SEED = Number(process.env['FC_SEED'] ?? 20_350_101);
const RUNS = Number(process.env['FC_RUNS'] ?? 25);
/** One job at a time, or with an odd seed two. */
const CONCURRENCY = 1 + (SEED % 2);
const MOST_EVENTS = 40;
/** Jobs of some steps, each of two hours and put off ten times, one after the other. */
const LONGEST = 4 * WEEK;
const ENDED_BY_SERVICE = ['CANCELED', 'TIMED_OUT', 'REMOVED'];

/** What comes after the walk, when all is well: a job, and one end of the agent that lasts no time. */
const calm = fc.record({ job: walkJob, killedAfter: fc.constantFrom(0, 4 * SECOND, 400 * SECOND, 450 * SECOND) });

let world: World;

beforeAll(async () => {
  world = await World.start({ concurrency: CONCURRENCY });
});

afterAll(() => world.close());

it(
  `keeps the promise through ${RUNS} walks (FC_SEED=${SEED})`,
  async () => {
    const { FC_PATH: path, FC_REPLAY: replayPath } = process.env;
    const events = fc.commands(EVENTS, {
      maxCommands: MOST_EVENTS,
      size: 'max',
      ...(replayPath === undefined ? {} : { replayPath }),
    });
    await fc.assert(
      fc.asyncProperty(events, calm, async (walked, { job, killedAfter }) => {
        const walk = newWalk();
        await begin();
        await fc.asyncModelRun(() => ({ model: walk, real: world }), walked);
        await heal();
        await create(walk, world, 'calm', job);
        await world.advance(killedAfter);
        world.killDevice();
        await world.startDevice();
        await rest();
        await expectPromise(walk);
      }),
      { seed: SEED, numRuns: RUNS, ...(path === undefined ? {} : { path, endOnFailure: true }) },
    );
  },
  RUNS * 60_000,
);

async function begin(): Promise<void> {
  await world.operator.failAt({});
  world.reseed(SEED);
  await world.beginAnew();
}

/** All is well again, and stays so until everything has ended. */
async function heal(): Promise<void> {
  world.network.weather = 'fair';
  world.disk.failures = 0;
  world.disk.fatal = undefined;
  if (!world.isServiceUp) await world.startSimulator();
  world.simulator.faults.clear();
  await world.operator.failAt({});
  if (!world.isDeviceUp) await world.startDevice();
  await rest();
}

/** Time passes until nothing is left to do. */
async function rest(): Promise<void> {
  const pending = async () =>
    (await world.operator.executions()).filter(({ status }) => status === 'QUEUED' || status === 'IN_PROGRESS');
  await world.until('every execution has ended', async () => (await pending()).length === 0, LONGEST);
  // Past its point of no return a job goes on to its end though the service has ended its execution.
  const { journal } = world.device;
  await world.until('the device has nothing to do', () => journal?.runnable().length === 0, LONGEST);
  await world.advance(2 * HOUR, HOUR / 6);
}

async function expectPromise(walk: Walk): Promise<void> {
  await expectNextJob(world, 'canary');
  await expectTruth(world, CONCURRENCY);
  const documents = await world.operator.documents();
  for (const execution of await world.operator.executions()) {
    const document = documents.get(execution.jobId);
    if (isWork(document)) expectDone(document, execution, walk.causes);
  }
  if (!walk.mayRepeat) {
    const done = world.deeds.all
      .filter(({ what }) => what === 'succeeded')
      .map((deed) => `${nameOf(deed)} ${deed.step}`);
    expect(done.length).toBe(new Set(done).size);
  }
  expect(world.log.filter(({ text }) => text.includes('instead of giving a result'))).toEqual([]);
  // What waits in the end is the hourly look at the list.
  expect(world.device.clock.waits.length).toBeLessThanOrEqual(1);
}

/** What the service has is what the steps did, unless the service has ended it, and had a cause to. */
function expectDone(document: WorkDocument, execution: ServiceExecution, causes: Causes): void {
  const { executionNumber: number, status, statusDetails: details } = execution;
  const name = nameOf({ edition: document.edition, executionNumber: number });
  const deeds = world.deeds.of(document.edition, number);
  const story = `${name} is ${status} ${JSON.stringify(details)} after ${JSON.stringify(deeds)}\n${world.story()}`;
  if (ENDED_BY_SERVICE.includes(status)) {
    expect(causes.of(execution, document, world.deeds.all), `there is a cause: ${story}`).toBeDefined();
    return;
  }
  const result = world.results.get(name);
  if (result) expect(result.status, story).toBe(status);
  if (document.unacceptable) {
    expect(status, story).toBe('REJECTED');
    expect(deeds, story).toEqual([]);
    return;
  }
  const reason = details['reason'] ?? '';
  const canFail = document.timeoutSeconds !== undefined || document.steps.some(canStepFail);
  if (status === 'FAILED') {
    expect(canFail || /interrupted|was stopped|had ended here/.test(reason), story).toBe(true);
    return;
  }
  expect(status, story).toBe('SUCCEEDED');
  for (const { name: step, ignoreFailure, onInterrupted } of document.steps) {
    if (ignoreFailure || onInterrupted === 'skip') continue;
    expect(deeds, story).toContain(`${step} succeeded`);
  }
}

function canStepFail({
  ends = [],
  seconds = 0,
  timeoutSeconds = Number.POSITIVE_INFINITY,
}: WorkDocument['steps'][number]): boolean {
  return ends.includes('fail') || ends.includes('reboot') || seconds >= timeoutSeconds;
}
