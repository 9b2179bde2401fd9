import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HOUR, JOBS, MINUTE, SECOND, World } from '../support/world.ts';
import { expectNextJob, expectTruth, ONCE, work } from './truth.ts';

/**
 * The service says of an execution, as often as it is asked, that it is gone or over, and it is not. That is believed:
 * what runs is ended, and a result given up. When it shows to have been a mishap, no step runs again and the service
 * hears how it ended.
 */
let world: World;

beforeAll(async () => {
  world = await World.start();
});

beforeEach(() => world.beginAnew());

afterAll(() => world.close());

const CODES = ['ResourceNotFound', 'InvalidStateTransition', 'TerminalStateReached'];
const LONG = [{ name: 'first' }, { name: 'second', seconds: 2 * 3600 }, { name: 'third' }];
const CUT_OFF = ['first started', 'first succeeded', 'second started', 'second ended'];

const refuse = (operation: string, code: string, times: number) =>
  world.order({ kind: 'failNext', service: 'iot-jobs-data', operation, code, times });
const denials = () => refuse('DescribeJobExecution', CODES[0] ?? '', 2);
const reasonOf = async () => (await world.execution('job'))?.statusDetails['reason'];
const GIVEN_UP =
  /had ended here, and the service has it IN_PROGRESS: it is told once more, and none of its steps was run again/;

/** A list without it makes the agent ask. */
async function makeDoubtful(): Promise<void> {
  world.order({ kind: 'wrong', topic: `${JOBS}/notify`, payload: {} });
  await world.operator.createJob('other', work('other'));
}

describe.each(CODES)('an execution that is denied twice with %s, though it is there,', (code) => {
  it('is ended amid its step, cleaned up and reported FAILED: no step of it runs again', async () => {
    await world.operator.createJob('job', work('job', { steps: LONG, cleanup: [{ name: 'tidy' }] }));
    await world.advance(10 * SECOND);
    refuse('DescribeJobExecution', code, 2);
    await makeDoubtful();
    expect(await world.outcome('job', 2 * HOUR), world.story()).toBe('FAILED');
    expect(await reasonOf()).toMatch(GIVEN_UP);
    expect(world.deeds.of('job')).toEqual([...CUT_OFF, 'cleanup: tidy started', 'cleanup: tidy succeeded']);
    await expectNextJob(world);
    await expectTruth(world);
  });

  it('has its result told once more, with its details', async () => {
    await world.operator.createJob('job', work('job'));
    await world.advance(10 * SECOND);
    refuse('UpdateJobExecution', code, 1);
    refuse('DescribeJobExecution', code, 2);
    expect(await world.outcome('job', 2 * HOUR), world.story()).toBe('SUCCEEDED');
    expect((await world.execution('job'))?.statusDetails).toMatchObject({ edition: 'job' });
    expect(await reasonOf()).toBe('2 of 2 steps succeeded');
    expect(world.deeds.of('job')).toEqual(ONCE);
    await expectNextJob(world);
    await expectTruth(world);
  });
});

it('what was denied is known after deaths of the agent, too', async () => {
  await world.operator.createJob('job', work('job', { steps: LONG }));
  await world.advance(10 * SECOND);
  denials();
  world.order({ kind: 'never', topic: `${JOBS}/get/accepted`, times: 0 });
  await makeDoubtful();
  await world.advance(MINUTE);
  expect(world.deeds.of('job')).toEqual(CUT_OFF);
  world.killDevice();
  world.simulator.faults.clear();
  await world.startDevice();
  expect(await world.outcome('job', 2 * HOUR), world.story()).toBe('FAILED');
  expect(world.deeds.of('job')).toEqual(CUT_OFF);
  await expectTruth(world);
});

it('a mishap of a moment, which refuses whatever is asked in it, ends nothing', async () => {
  await world.operator.createJob('job', work('job'));
  await world.advance(10 * SECOND);
  refuse('DescribeJobExecution', 'ResourceNotFound', 0);
  await makeDoubtful();
  await world.advance(SECOND - 1);
  world.simulator.faults.clear();
  expect(await world.outcome('job', HOUR), world.story()).toBe('SUCCEEDED');
  expect(world.deeds.of('job')).toEqual(ONCE);
  await expectTruth(world);
});

it('what has not begun runs though it was denied before', async () => {
  await world.stopDevice();
  await world.operator.createJob('job', work('job'));
  denials();
  await world.startDevice();
  expect(await world.outcome('job', HOUR), world.story()).toBe('SUCCEEDED');
  expect(world.deeds.of('job')).toEqual(ONCE);
  await expectTruth(world);
});

it('another job that was made with its id in the same second runs', async () => {
  await world.operator.createJob('job', work('old', { steps: LONG }));
  await world.settle();
  await world.operator.deleteJob('job', true);
  await world.operator.createJob('job', work('new'));
  expect(await world.outcome('job', 3 * HOUR), world.story()).toBe('SUCCEEDED');
  expect(world.deeds.of('old')).toEqual(CUT_OFF);
  expect(world.deeds.of('new')).toEqual(ONCE);
  await expectTruth(world);
});
