import fc, { type Arbitrary } from 'fast-check';
import { ARN, MINUTE } from '../support/account-lab.ts';
import { BURST, JOBS, type JobShape, jobFields, jobRequest, NAMESPACE } from './job-shape.ts';
import type { Abort, Details, Retry } from './records.ts';
import { Step } from './step.ts';

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
  abort: optional(abort, 1),
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
  fc.tuple(group, optional(group, 1)).map(
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

const operators = [
  fc.tuple(job, targets).map(
    ([id, added]) =>
      new Step(
        `associateTargets ${id} ${text(added)}`,
        (lab) => lab.jobs.associateTargets(id, { targets: added.map(arnOf) }),
        (model) => {
          model.associateTargets(id, added);
          return answerOf(id);
        },
      ),
  ),
  fc.tuple(job, some({ retries: fc.constantFrom(0, 0, 0, 1), timeout: fc.constantFrom(2, 30) })).map(
    ([id, change]) =>
      new Step(
        `updateJob ${id} ${text(change)}`,
        (lab) => lab.jobs.update(id, updateFields(change)),
        (model) => model.updateJob(id, change),
      ),
  ),
  fc.tuple(jobId, flag).map(
    ([id, force]) =>
      new Step(
        `cancelJob ${id} ${text({ force })}`,
        (lab) => lab.jobs.cancel(id, force, {}),
        (model) => {
          model.cancelJob(id, force);
          return answerOf(id);
        },
      ),
  ),
  fc.tuple(jobId, flag).map(
    ([id, force]) =>
      new Step(
        `deleteJob ${id} ${text({ force })}`,
        (lab) => lab.jobs.delete(id, force),
        (model) => model.deleteJob(id, force),
      ),
  ),
];

const operatorsOnExecutions = [
  fc.tuple(thing, jobId, flag, some({ expectedVersion: small, statusDetails: details })).map(
    ([name, id, force, rest]) =>
      new Step(
        `cancelJobExecution ${name} ${id} ${text({ force, ...rest })}`,
        (lab) => lab.executions.cancel(name, id, { force, ...rest }),
        (model) => model.cancelExecution(name, id, { force, ...rest }),
      ),
  ),
  fc.tuple(thing, jobId, small, flag).map(
    ([name, id, number, force]) =>
      new Step(
        `deleteJobExecution ${name} ${id} ${number} ${text({ force })}`,
        (lab) => lab.executions.delete(name, id, number, force),
        (model) => model.deleteExecution(name, id, number, force),
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

const describeExecution = fc
  .tuple(
    thing,
    fc.oneof(jobId, fc.constant('$next')),
    some({ executionNumber: small, includeJobDocument: flag }),
    namespace,
  )
  .map(
    ([name, id, request, space]) =>
      new Step(
        `describe ${name} ${id} ${text({ ...request, namespace: space })}`,
        (lab) => lab.devices.describe(name, id, request, space),
        (model) => model.describe(name, id, request, space),
      ),
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

const update = fc.tuple(thing, jobId, updateRequest, namespace).map(
  ([name, id, request, space]) =>
    new Step(
      `update ${name} ${id} ${text({ ...request, namespace: space })}`,
      (lab) => lab.devices.update(name, id, request, space),
      (model) => model.update(name, id, request, space),
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
