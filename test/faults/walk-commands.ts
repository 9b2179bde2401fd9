import fc, { type Arbitrary } from 'fast-check';
import type { FaultOrder } from '../../src/simulator/faults/fault-rule.ts';
import type { Weather } from '../support/world/network.ts';
import { Refused } from '../support/world/operator.ts';
import type { WorkDocument } from '../support/world/work.ts';
import { DAY, HOUR, JOBS, MINUTE, SECOND, WEEK, type World } from '../support/world.ts';
import { Causes } from './walk-causes.ts';
import { type WalkJob, walkJob } from './walk-jobs.ts';

/** What a walk has done, as far as later commands and the last look have to know. */
export interface Walk {
  readonly ids: Set<string>;
  /** When each id was deleted last. */
  readonly deletedAt: Map<string, number>;
  editions: number;
  /** A step's end may have been lost with a write: it may then run again, and no journal can help it. */
  mayRepeat: boolean;
  readonly causes: Causes;
}

export function newWalk(): Walk {
  return { ids: new Set(), deletedAt: new Map(), editions: 0, mayRepeat: false, causes: new Causes() };
}

/** One thing that happens. What the service refuses, and what cannot be in the state of things, happens not. */
export class Event implements fc.AsyncCommand<Walk, World> {
  readonly #name: string;
  readonly #can: (walk: Readonly<Walk>) => boolean;
  readonly #happen: (walk: Walk, world: World) => unknown;

  constructor(
    name: string,
    happen: (walk: Walk, world: World) => unknown,
    can: (walk: Readonly<Walk>) => boolean = () => true,
  ) {
    this.#name = name;
    this.#happen = happen;
    this.#can = can;
  }

  check(walk: Readonly<Walk>): boolean {
    return this.#can(walk);
  }

  async run(walk: Walk, world: World): Promise<void> {
    const { causes } = walk;
    const from = world.clock.now();
    const wasTroubled = causes.isTroubled(world);
    try {
      await this.#happen(walk, world);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
    await world.settle();
    if (wasTroubled || causes.isTroubled(world)) causes.trouble(from, world.clock.now());
  }

  toString(): string {
    return this.#name;
  }
}

const id = fc.constantFrom('a', 'b', 'c');
const text = (value: unknown): string => JSON.stringify(value);
const needsService = (happen: (walk: Walk, world: World) => unknown) => (walk: Walk, world: World) =>
  world.isServiceUp ? happen(walk, world) : undefined;

async function remove(walk: Walk, world: World, jobId: string, force: boolean): Promise<void> {
  await world.operator.deleteJob(jobId, force);
  walk.ids.delete(jobId);
  walk.deletedAt.set(jobId, world.clock.now());
}

export async function create(walk: Walk, world: World, jobId: string, { work, fields }: WalkJob): Promise<void> {
  // queuedAt has whole seconds: what is made in the same one cannot be told apart before it has begun.
  if (world.clock.now() - (walk.deletedAt.get(jobId) ?? 0) < SECOND) await world.advance(SECOND);
  const document: WorkDocument = { edition: `${jobId}${walk.editions + 1}`, ...work };
  await world.operator.createJob(jobId, document, fields);
  walk.causes.created(jobId);
  walk.editions += 1;
  walk.ids.add(jobId);
}

const jobs: Arbitrary<Event>[] = [
  fc.tuple(id, walkJob).map(
    ([jobId, job]) =>
      new Event(
        `create ${jobId} ${text(job)}`,
        needsService((walk, world) => create(walk, world, jobId, job)),
        ({ ids }) => !ids.has(jobId),
      ),
  ),
  fc.tuple(id, fc.boolean()).map(
    ([jobId, force]) =>
      new Event(
        `cancel ${jobId} ${text({ force })}`,
        needsService(async (walk, world) => {
          await world.operator.cancelJob(jobId, force);
          walk.causes.canceled(jobId);
        }),
        ({ ids }) => ids.has(jobId),
      ),
  ),
  fc.tuple(id, fc.boolean()).map(
    ([jobId, force]) =>
      new Event(
        `cancel the execution of ${jobId} ${text({ force })}`,
        needsService(async (walk, world) => {
          await world.operator.cancelExecution(jobId, force);
          walk.causes.canceled(jobId);
        }),
        ({ ids }) => ids.has(jobId),
      ),
  ),
  fc.tuple(id, fc.boolean()).map(
    ([jobId, force]) =>
      new Event(
        `delete ${jobId} ${text({ force })}`,
        needsService((walk, world) => remove(walk, world, jobId, force)),
        ({ ids }) => ids.has(jobId),
      ),
  ),
  fc.tuple(id, fc.constantFrom(1, 2)).map(
    ([jobId, number]) =>
      new Event(
        `delete execution ${number} of ${jobId}`,
        needsService((_walk, world) => world.operator.deleteExecution(jobId, number, true)),
        ({ ids }) => ids.has(jobId),
      ),
  ),
  fc.tuple(id, walkJob, fc.constantFrom(SECOND, 3 * SECOND, MINUTE)).map(
    ([jobId, job, gap]) =>
      new Event(
        `delete ${jobId}, and after ${gap / SECOND} s make it anew ${text(job)}`,
        needsService(async (walk, world) => {
          await remove(walk, world, jobId, true);
          await world.advance(gap);
          await create(walk, world, jobId, job);
        }),
        ({ ids }) => ids.has(jobId),
      ),
  ),
];

const topic = fc.constantFrom(
  ...[`${JOBS}/#`, `${JOBS}/+`, `${JOBS}/notify`, `${JOBS}/notify-next`],
  ...[`${JOBS}/get`, `${JOBS}/get/accepted`, `${JOBS}/+/get`, `${JOBS}/+/get/accepted`, `${JOBS}/+/get/rejected`],
  ...[`${JOBS}/+/update`, `${JOBS}/+/update/accepted`, `${JOBS}/+/update/rejected`],
);
const which = {
  topic,
  skip: fc.constantFrom(0, 0, 0, 1, 2),
  times: fc.constantFrom(1, 1, 1, 2, 3),
};
const direction = fc.constantFrom('in' as const, 'out' as const);
const ms = fc.constantFrom(SECOND, 4 * SECOND, 9 * SECOND, 11 * SECOND, MINUTE, HOUR);
const payload = fc.constantFrom<unknown>('no JSON', null, {}, { execution: 7, inProgressJobs: 'x', jobs: [] });
const ofMessages: Arbitrary<FaultOrder> = fc.oneof(
  fc.record({ kind: fc.constant('drop'), direction, ...which }),
  fc.record({ kind: fc.constant('delay'), direction, ms, ...which }),
  fc.record({ kind: fc.constant('duplicate'), direction, copies: fc.constantFrom(1, 3), ...which }),
  fc.record({ kind: fc.constant('reorder'), direction, ms, ...which }),
  fc.record({ kind: fc.constant('cut'), direction, when: fc.constantFrom('before', 'after'), ...which }),
  fc.record({ kind: fc.constant('never'), ...which }),
  fc.record({ kind: fc.constant('late'), ms, ...which }),
  fc.record({ kind: fc.constant('wrong'), payload, ...which }),
  fc.record({ kind: fc.constant('refuse'), times: fc.constantFrom(1, 3) }),
) as Arbitrary<FaultOrder>;

const OPERATIONS = ['GetPendingJobExecutions', 'DescribeJobExecution', 'UpdateJobExecution'];
/** Codes that pass, and codes that say: it is over. */
const PASSING = ['InvalidRequest', 'VersionMismatch', 'InternalError', 'RequestThrottled'];
const LYING = ['InvalidStateTransition', 'ResourceNotFound', 'TerminalStateReached'];

const order = (fault: FaultOrder) =>
  needsService(({ causes }, world) => {
    world.order(fault);
    // What it holds back comes when the rule itself is long spent.
    const now = world.clock.now();
    causes.trouble(now, now + ('ms' in fault && fault.ms !== undefined ? fault.ms : 0));
  });

/** @param times how often in a row; 0: for ever. */
const refusals = (codes: readonly string[], ...times: number[]): Arbitrary<Event> =>
  fc
    .record({
      operation: fc.constantFrom(...OPERATIONS),
      code: fc.constantFrom(...codes),
      skip: which.skip,
      times: fc.constantFrom(...times),
    })
    .map((rule) => {
      const fault: FaultOrder = { kind: 'failNext', service: 'iot-jobs-data', ...rule };
      return new Event(`order ${text(fault)}`, order(fault));
    });

const faults: Arbitrary<Event>[] = [
  ofMessages.map((fault) => new Event(`order ${text(fault)}`, order(fault))),
  ofMessages.map((fault) => new Event(`order ${text(fault)}`, order(fault))),
  refusals(PASSING, 1, 2, 5, 0),
  refusals(LYING, 1, 2, 3),
  fc
    .record({
      internalError: fc.constantFrom(0, 0.1, 0.3),
      throttled: fc.constantFrom(0, 0.3),
      seed: fc.constantFrom(1, 2, 3),
    })
    .map(
      (rates) =>
        new Event(
          `fail at ${text(rates)}`,
          needsService((walk, world) => {
            walk.causes.hasRates = true;
            return world.operator.failAt(rates);
          }),
        ),
    ),
  fc.constant(
    new Event(
      'no more faults',
      needsService((walk, world) => {
        walk.causes.hasRates = false;
        world.simulator.faults.clear();
      }),
    ),
  ),
];

const network: Arbitrary<Event>[] = [
  fc.constant(
    new Event('cut', ({ causes }, world) => {
      causes.trouble(world.clock.now(), world.clock.now());
      world.network.cut();
    }),
  ),
  fc.constantFrom<Weather>('fair', 'refusing', 'silent').map(
    (weather) =>
      new Event(`the network is ${weather}`, (_walk, world) => {
        world.network.weather = weather;
      }),
  ),
];

const short = fc.constantFrom(SECOND, 5 * SECOND, 11 * SECOND, 61 * SECOND);
const long = fc.constantFrom(10 * MINUTE, HOUR + SECOND, 3 * HOUR, DAY, 2 * WEEK);
const time: Arbitrary<Event>[] = [
  short.map((span) => new Event(`${span / SECOND} s pass`, (_walk, world) => world.advance(span))),
  short.map((span) => new Event(`${span / SECOND} s pass`, (_walk, world) => world.advance(span))),
  fc.tuple(long, fc.constantFrom(0, 0, MINUTE, HOUR)).map(
    ([span, grain]) =>
      new Event(`${span / SECOND} s pass in steps of ${grain / SECOND} s`, async ({ causes }, world) => {
        const from = world.clock.now();
        // Weeks one thing after the other take too long.
        const coarse = span > DAY ? HOUR : grain;
        await world.advance(span, coarse);
        // As if the device had been suspended.
        if (coarse > 0) causes.trouble(from, world.clock.now());
      }),
  ),
];

const startDevice = async (world: World): Promise<void> => {
  if (!world.isDeviceUp) await world.startDevice();
};

const device: Arbitrary<Event>[] = [
  fc.constant(
    new Event('the agent is stopped and started', async (_walk, world) => {
      if (world.isDeviceUp) await world.stopDevice();
      await startDevice(world);
    }),
  ),
  fc.constant(
    new Event('the agent is killed and started', async (_walk, world) => {
      world.killDevice();
      await startDevice(world);
    }),
  ),
  fc.constant(new Event('the device starts anew', (_walk, world) => world.rebootDevice())),
  fc.constant(new Event('the agent is killed', (_walk, world) => world.killDevice())),
  fc.constant(new Event('the agent is started', (_walk, world) => startDevice(world))),
  fc.constantFrom(1, 2, 5, 30).map(
    (failures) =>
      new Event(`${failures} writes fail`, (walk, world) => {
        walk.mayRepeat = true;
        world.disk.failures = failures;
      }),
  ),
  fc.tuple(fc.nat({ max: 12 }), fc.constantFrom('before' as const, 'after' as const)).map(
    ([writes, when]) =>
      new Event(`the device dies ${when} write ${writes + 1} from now`, (walk, world) => {
        walk.mayRepeat = true;
        world.disk.fatal = { writes, when };
      }),
  ),
];

const service: Arbitrary<Event>[] = [
  fc.constantFrom(0, 5 * SECOND, HOUR).map(
    (span) =>
      new Event(
        `the service is away for ${span / SECOND} s`,
        needsService(async (_walk, world) => {
          await world.stopSimulator();
          await world.advance(span);
          await world.startSimulator();
        }),
      ),
  ),
];

/** Weighted by repetition: jobs and time are what most of a walk consists of. */
export const EVENTS: Arbitrary<Event>[] = [
  ...[...jobs, ...jobs, ...jobs.slice(0, 1), ...jobs.slice(0, 1), ...jobs.slice(0, 1)],
  ...[...time, ...time, ...faults, ...network, ...device, ...service],
];
