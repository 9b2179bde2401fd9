import type { AccountLab } from '../support/account-lab.ts';
import { NAMESPACE } from './job-shape.ts';
import type { JobsModel } from './jobs-model.ts';
import { deadline, defined, type Execution, type Job, seconds } from './records.ts';

/** Everything that operators and devices can see of the simulator, in one value that the model must equal. */
export function seen(lab: AccountLab): object {
  const { jobs } = lab.jobs.list({ maxResults: '250' }) as { jobs: { jobId: string }[] };
  const things = lab.account.registry.things.list().map(({ thingName }) => thingName);
  return {
    jobs: byName(jobs.map(({ jobId }) => [jobId, { ...jobOf(lab, jobId), executions: executionsOf(lab, jobId) }])),
    pending: byName(
      things.map((thing) => [
        thing,
        {
          ...lab.devices.getPending(thing),
          next: lab.devices.describe(thing, '$next', {}),
          nextOfNamespace: lab.devices.describe(thing, '$next', {}, NAMESPACE),
        },
      ]),
    ),
    faults: lab.faults,
  };
}

/** The same, as the model has it. */
export function expected(model: JobsModel): object {
  return {
    jobs: byName(model.jobs.map((job) => [job.id, expectedJob(model, job)])),
    pending: byName(
      model.registry.things.map(({ name }) => [
        name,
        {
          ...model.getPending(name),
          next: model.describe(name, '$next', {}),
          nextOfNamespace: model.describe(name, '$next', {}, NAMESPACE),
        },
      ]),
    ),
    faults: [],
  };
}

/** The messages to each thing in their order; no order is kept between things (docs/protocol.md, Notifications). */
export function published(messages: Iterable<{ thing: string; topic: string; payload: object }>): object {
  const things: Record<string, object[]> = {};
  for (const { thing, topic, payload } of messages) {
    things[thing] = [...(things[thing] ?? []), { topic, payload }];
  }
  return things;
}

export function* messagesOf(lab: AccountLab): Iterable<{ thing: string; topic: string; payload: object }> {
  for (const { topic, payload } of lab.take()) {
    const [, , thing = '', , name = ''] = topic.split('/');
    yield { thing, topic: name, payload };
  }
}

function jobOf(lab: AccountLab, jobId: string): object {
  const { status, targets, jobProcessDetails, isConcurrent, completedAt, forceCanceled, timeoutConfig } =
    lab.describe(jobId);
  return defined({
    ...{ status, isConcurrent, completedAt, timeoutConfig },
    forceCanceled: forceCanceled ?? false,
    targets: (targets as string[]).map((arn) => arn.replace(/^.*:thing\//, '').replace(/^.*:thinggroup\//, '@')),
    counts: { ...(jobProcessDetails as object), processingTargets: undefined },
  });
}

function expectedJob(model: JobsModel, job: Job): object {
  const counts = {
    numberOfCanceledThings: model.count(job, 'CANCELED'),
    numberOfSucceededThings: model.count(job, 'SUCCEEDED'),
    numberOfFailedThings: model.count(job, 'FAILED'),
    numberOfRejectedThings: model.count(job, 'REJECTED'),
    numberOfQueuedThings: model.count(job, 'QUEUED'),
    numberOfInProgressThings: model.count(job, 'IN_PROGRESS'),
    numberOfRemovedThings: model.count(job, 'REMOVED'),
    numberOfTimedOutThings: model.count(job, 'TIMED_OUT'),
  };
  return defined({
    status: job.status,
    isConcurrent: job.status === 'IN_PROGRESS' && job.waiting.length > 0,
    completedAt: job.completedAt === undefined ? undefined : job.completedAt / 1000,
    timeoutConfig: job.timeout === undefined ? undefined : { inProgressTimeoutInMinutes: job.timeout },
    forceCanceled: job.forceCanceled,
    targets: job.targets,
    counts: { ...counts, processingTargets: undefined },
    executions: byName(
      model.executionsOf(job).map((one) => [`${one.thing}#${one.number}`, expectedExecution(model, one)]),
    ),
  });
}

function executionsOf(lab: AccountLab, jobId: string): object {
  const { executionSummaries } = lab.executions.listForJob(jobId, { maxResults: '250' }) as {
    executionSummaries: {
      thingArn: string;
      jobExecutionSummary: { executionNumber: number; retryAttempt?: number };
    }[];
  };
  const entries = executionSummaries.map(({ thingArn, jobExecutionSummary: { executionNumber, retryAttempt } }) => {
    const thing = thingArn.replace(/^.*:thing\//, '');
    const { execution } = lab.executions.describe(thing, jobId, executionNumber) as { execution: object };
    const { jobId: _, thingArn: __, ...rest } = execution as Record<string, unknown>;
    return [`${thing}#${executionNumber}`, defined({ ...rest, retryAttempt })] as const;
  });
  return byName(entries);
}

function expectedExecution(model: JobsModel, execution: Execution): object {
  const { status, number, version, details, queuedAt, startedAt, updatedAt, forceCanceled, retried } = execution;
  const end = deadline(execution);
  return defined({
    status,
    forceCanceled,
    statusDetails: { detailsMap: details },
    queuedAt: queuedAt / 1000,
    startedAt: startedAt === undefined ? undefined : startedAt / 1000,
    lastUpdatedAt: updatedAt / 1000,
    executionNumber: number,
    versionNumber: version,
    approximateSecondsBeforeTimedOut: end === undefined ? undefined : seconds(end - model.now),
    retryAttempt: retried.FAILED + retried.TIMED_OUT || undefined,
  });
}

function byName(entries: readonly (readonly [string, object])[]): object {
  return Object.fromEntries(entries);
}
