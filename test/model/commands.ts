import fc, { type Arbitrary } from 'fast-check';
import { ARN, MINUTE } from '../support/account-lab.ts';
import { BURST, JOBS, type JobShape, jobFields, jobRequest, NAMESPACE } from './job-shape.ts';
import { type Abort, type Details, isPending, type Retry } from './records.ts';
import { ChosenStep, Step } from './step.ts';

const thing = fc.constantFrom('t1', 't1', 't2', 't3', 't4');
const group = fc.constantFrom('g1', 'g1', 'g2', 'g3');
/** Few jobs, so that commands meet. */
const job = fc.constantFrom(...JOBS);
const jobId = fc.oneof(
  { weight: 20, arbitrary: job },
  { weight: 3, arbitrary: fc.constantFrom(...BURST) },
  { weight: 1, arbitrary: fc.constant('nope') },
);
const target = fc.oneof(
  thing,
  group.map((name) => `@${name}`),
);
const targets = fc.array(target, { minLength: 1, maxLength: 3 });
const details = fc.constantFrom<Details>({ step: '1' }, { step: '2', of: '9' }, {}, { step: 'two\nlines' });
const stepTimeout = fc.constantFrom(1, 3, 30, 90, -1, 0);
const small = fc.constantFrom(1, 2, 3);
const flag = fc.boolean();
const namespace = fc.constantFrom(undefined, undefined, undefined, NAMESPACE);

/** A job by its id, there or not, or the n-th of those that are there. */
type SomeJob = string | number;
const someJob: Arbitrary<SomeJob> = fc.oneof(
  { weight: 1, arbitrary: jobId },
  { weight: 6, arbitrary: fc.nat({ max: 9 }) },
);

interface ExecutionName {
  readonly thing: string;
  readonly id: string;
  readonly number: number;
}

/** An execution by name, there or not, or the n-th of those that are there: of all, or of those that are pending. */
type SomeExecution = ExecutionName | { readonly nth: number; readonly pending: boolean };
const someExecution: Arbitrary<SomeExecution> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ thing, id: jobId, number: fc.constantFrom(1, 2, 3) }) },
  { weight: 6, arbitrary: fc.record({ nth: fc.nat({ max: 30 }), pending: fc.constantFrom(true, true, true, false) }) },
);

function ofJob(name: string, which: SomeJob, step: (id: string) => Step): Step {
  if (typeof which === 'string') return step(which);
  return new ChosenStep(name, ({ jobs }) => {
    const found = jobs[which % jobs.length];
    return found && step(found.id);
  });
}

function ofExecution(name: string, which: SomeExecution, step: (execution: ExecutionName) => Step): Step {
  if ('thing' in which) return step(which);
  return new ChosenStep(name, ({ executions }) => {
    const among = which.pending ? executions.filter(isPending) : executions;
    const found = among[which.nth % among.length];
    return found && step({ thing: found.thing, id: found.job.id, number: found.number });
  });
}

/** Fields that are there or not. */
function some<T extends object>(fields: { [Name in keyof T]: Arbitrary<T[Name]> }): Arbitrary<Partial<T>> {
  return fc.record<T, never>(fields, { requiredKeys: [] }) as Arbitrary<Partial<T>>;
}

const retry = fc.constantFrom<readonly Retry[]>(
  [{ failureType: 'FAILED', numberOfRetries: 1 }],
  [{ failureType: 'ALL', numberOfRetries: 2 }],
  [
    { failureType: 'FAILED', numberOfRetries: 2 },
    { failureType: 'TIMED_OUT', numberOfRetries: 1 },
  ],
);
const abort = fc.constantFrom<readonly Abort[]>(
  [{ failureType: 'FAILED', thresholdPercentage: 50, minNumberOfExecutedThings: 2 }],
  [{ failureType: 'ALL', thresholdPercentage: 40, minNumberOfExecutedThings: 1 }],
  [
    { failureType: 'TIMED_OUT', thresholdPercentage: 100, minNumberOfExecutedThings: 1 },
    { failureType: 'REJECTED', thresholdPercentage: 30, minNumberOfExecutedThings: 3 },
  ],
);
const optional = <T>(arbitrary: Arbitrary<T>, freq = 2) => fc.option(arbitrary, { nil: undefined, freq });
const schedule = fc.record({
  startIn: optional(fc.constantFrom(36, 60)),
  endIn: optional(fc.constantFrom(96, 150)),
  endBehavior: fc.constantFrom('STOP_ROLLOUT', 'CANCEL', 'FORCE_CANCEL'),
  windowFor: optional(fc.constantFrom(12, 42)),
});
const shape: Arbitrary<JobShape> = fc.record({
  targets,
  continuous: flag,
  namespace,
  timeout: optional(fc.constantFrom(1, 5, 45)),
  retry: optional(retry),
  abort: optional(abort),
  pace: fc.oneof(
    { weight: 6, arbitrary: fc.constant({}) },
    { weight: 2, arbitrary: fc.record({ rate: fc.constantFrom(1, 2) }) },
    { weight: 2, arbitrary: fc.record({ schedule }) },
  ),
});

const registry = [
  thing.map(
    (name) =>
      new Step(
        `createThing ${name}`,
        (lab) => void lab.things(name),
        (model) => model.registry.createThing(name),
      ),
  ),
  thing.map(
    (name) =>
      new Step(
        `deleteThing ${name}`,
        (lab) => lab.account.registry.deleteThing(name),
        (model) => model.deleteThing(name),
      ),
  ),
  fc.tuple(group, optional(group)).map(
    ([name, parent]) =>
      new Step(
        `createGroup ${name} ${text({ parent })}`,
        (lab) => void lab.account.registry.groups.create(name, parent ? { parentGroupName: parent } : {}),
        (model) => model.registry.createGroup(name, parent),
      ),
  ),
];

const membership = [
  fc.tuple(thing, group).map(
    ([name, to]) =>
      new Step(
        `join ${name} ${to}`,
        (lab) => lab.join(name, to),
        (model) => model.join(name, to),
      ),
  ),
  fc.tuple(thing, group).map(
    ([name, from]) =>
      new Step(
        `leave ${name} ${from}`,
        (lab) => lab.leave(name, from),
        (model) => model.leave(name, from),
      ),
  ),
];

const createJob = fc.tuple(job, shape).map(
  ([id, wanted]) =>
    new Step(
      `createJob ${id} ${text(wanted)}`,
      (lab) => lab.job(id, wanted.targets, jobFields(wanted, id, lab.clock.now())),
      (model) => model.createJob(id, jobRequest(wanted, id, model.now)),
    ),
);

const burst = thing.map(
  (name) =>
    new Step(
      `createJob ${BURST[0]} to ${BURST.at(-1)} for ${name}`,
      (lab) => {
        for (const id of BURST) lab.job(id, [name]);
      },
      (model) => {
        for (const id of BURST) model.createJob(id, { targets: [name] });
      },
    ),
);

const answerOf = (id: string) => ({ jobArn: `${ARN}:job/${id}`, jobId: id });

const added = (id: string, names: readonly string[]) =>
  new Step(
    `associateTargets ${id} ${text(names)}`,
    (lab) => lab.jobs.associateTargets(id, { targets: names.map(arnOf) }),
    (model) => {
      model.associateTargets(id, names);
      return answerOf(id);
    },
  );

const changed = (id: string, change: { retries?: number; timeout?: number }) =>
  new Step(
    `updateJob ${id} ${text(change)}`,
    (lab) => lab.jobs.update(id, updateFields(change)),
    (model) => model.updateJob(id, change),
  );

const canceled = (id: string, force: boolean) =>
  new Step(
    `cancelJob ${id} ${text({ force })}`,
    (lab) => lab.jobs.cancel(id, force, {}),
    (model) => {
      model.cancelJob(id, force);
      return answerOf(id);
    },
  );

const deleted = (id: string, force: boolean) =>
  new Step(
    `deleteJob ${id} ${text({ force })}`,
    (lab) => lab.jobs.delete(id, force),
    (model) => model.deleteJob(id, force),
  );

const operators = [
  fc.tuple(someJob, targets).map(([which, names]) => ofJob('associateTargets', which, (id) => added(id, names))),
  fc
    .tuple(someJob, some({ retries: fc.constantFrom(0, 0, 0, 1), timeout: fc.constantFrom(2, 30) }))
    .map(([which, change]) => ofJob('updateJob', which, (id) => changed(id, change))),
  fc.tuple(someJob, flag).map(([which, force]) => ofJob('cancelJob', which, (id) => canceled(id, force))),
  fc.tuple(someJob, flag).map(([which, force]) => ofJob('deleteJob', which, (id) => deleted(id, force))),
];

interface Cancel {
  readonly force: boolean;
  readonly expectedVersion?: number;
  readonly statusDetails?: Details;
}

const operatorsOnExecutions = [
  fc
    .tuple(someExecution, flag, fc.oneof(fc.constant({}), some({ expectedVersion: small, statusDetails: details })))
    .map(([which, force, rest]) =>
      ofExecution('cancelJobExecution', which, ({ thing: name, id }) => {
        const request: Cancel = { force, ...rest };
        return new Step(
          `cancelJobExecution ${name} ${id} ${text(request)}`,
          (lab) => lab.executions.cancel(name, id, request),
          (model) => model.cancelExecution(name, id, request),
        );
      }),
    ),
  fc.tuple(someExecution, flag).map(([which, force]) =>
    ofExecution(
      'deleteJobExecution',
      which,
      ({ thing: name, id, number }) =>
        new Step(
          `deleteJobExecution ${name} ${id} ${number} ${text({ force })}`,
          (lab) => lab.executions.delete(name, id, number, force),
          (model) => model.deleteExecution(name, id, number, force),
        ),
    ),
  ),
];

const getPending = thing.map(
  (name) =>
    new Step(
      `get ${name}`,
      (lab) => lab.devices.getPending(name),
      (model) => model.getPending(name),
    ),
);

const startNext = fc.tuple(thing, some({ statusDetails: details, stepTimeoutInMinutes: stepTimeout })).map(
  ([name, request]) =>
    new Step(
      `startNext ${name} ${text(request)}`,
      (lab) => lab.devices.startNext(name, request),
      (model) => model.startNext(name, request),
    ),
);

const described = (
  name: string,
  id: string,
  request: { executionNumber?: number; includeJobDocument?: boolean },
  space: string | undefined,
) =>
  new Step(
    `describe ${name} ${id} ${text({ ...request, namespace: space })}`,
    (lab) => lab.devices.describe(name, id, request, space),
    (model) => model.describe(name, id, request, space),
  );

const describeExecution = fc.oneof(
  { weight: 1, arbitrary: fc.tuple(thing, namespace).map(([name, space]) => described(name, '$next', {}, space)) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(someExecution, some({ executionNumber: small, includeJobDocument: flag }), namespace)
      .map(([which, request, space]) =>
        ofExecution('describe', which, ({ thing: name, id }) => described(name, id, request, space)),
      ),
  },
);

const statuses = ['IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED'];
const status = fc.oneof(
  { weight: 14, arbitrary: fc.constantFrom(...statuses, 'IN_PROGRESS', 'FAILED') },
  { weight: 1, arbitrary: fc.constantFrom('CANCELED', 'TIMED_OUT', 'QUEUED', 'REMOVED', 'DONE') },
);
const updateExtras = some({
  expectedVersion: small,
  stepTimeoutInMinutes: stepTimeout,
  statusDetails: details,
  includeJobExecutionState: flag,
  includeJobDocument: flag,
});
/** Most updates say little else, or too many would be refused. */
const updateRequest = fc
  .tuple(fc.option(status, { freq: 20, nil: undefined }), fc.oneof(fc.constant({}), updateExtras), optional(small, 6))
  .map(([to, extras, executionNumber]) => ({
    ...(to === undefined ? {} : { status: to }),
    ...extras,
    ...(executionNumber === undefined || executionNumber === 3 ? {} : { executionNumber }),
  }));

const update = fc.tuple(someExecution, updateRequest, namespace).map(([which, request, space]) =>
  ofExecution(
    'update',
    which,
    ({ thing: name, id }) =>
      new Step(
        `update ${name} ${id} ${text({ ...request, namespace: space })}`,
        (lab) => lab.devices.update(name, id, request, space),
        (model) => model.update(name, id, request, space),
      ),
  ),
);

const timePasses = fc.constantFrom(1, 1, 5, 60).map(
  (minutes) =>
    new Step(
      `${minutes} minutes pass`,
      (lab) => lab.advance(minutes),
      (model) => model.advance(minutes * MINUTE),
    ),
);

/** Any command, the ones that lead on more often than those that only look or are refused. */
export const command: Arbitrary<Step> = fc.oneof(
  { weight: 16, arbitrary: createJob },
  { weight: 1, arbitrary: burst },
  { weight: 3, arbitrary: fc.oneof(...registry) },
  { weight: 8, arbitrary: fc.oneof(...membership) },
  { weight: 9, arbitrary: fc.oneof(...operators) },
  { weight: 6, arbitrary: fc.oneof(...operatorsOnExecutions) },
  { weight: 2, arbitrary: getPending },
  { weight: 14, arbitrary: startNext },
  { weight: 4, arbitrary: describeExecution },
  { weight: 30, arbitrary: update },
  { weight: 9, arbitrary: timePasses },
);

function arnOf(name: string): string {
  return name.startsWith('@') ? `${ARN}:thinggroup/${name.slice(1)}` : `${ARN}:thing/${name}`;
}

function updateFields({ retries, timeout }: { retries?: number; timeout?: number }): object {
  return {
    ...(retries === undefined
      ? {}
      : { jobExecutionsRetryConfig: { criteriaList: [{ failureType: 'ALL', numberOfRetries: retries }] } }),
    ...(timeout === undefined ? {} : { timeoutConfig: { inProgressTimeoutInMinutes: timeout } }),
  };
}

function text(value: unknown): string {
  return JSON.stringify(value);
}
