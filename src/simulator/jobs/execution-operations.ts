import { JOB_EXECUTION_STATUSES, JOB_ID, TERMINAL_STATUSES } from '../../jobs/model.ts';
import type { Decisions } from '../decisions.ts';
import { numberedKey, page, type Query } from '../page.ts';
import { ServiceError } from '../service-error.ts';
import type { StoredExecution } from './entities.ts';
import type { JobLifecycle } from './job-lifecycle.ts';
import type { JobTargets } from './job-targets.ts';
import { executionSummary, executionView } from './job-views.ts';
import type { JobsState } from './jobs-state.ts';

import { oneOf, optionalInteger, statusDetails, text } from './validation.ts';

/** The operations on executions of the control plane (AWS IoT API reference). */
export class ExecutionOperations {
  readonly #state: JobsState;
  readonly #lifecycle: JobLifecycle;
  readonly #targets: JobTargets;
  readonly #thingExists: (thingName: string) => boolean;
  readonly #decisions: () => Decisions;

  constructor(deps: {
    state: JobsState;
    lifecycle: JobLifecycle;
    targets: JobTargets;
    thingExists: (thingName: string) => boolean;
    decisions: () => Decisions;
  }) {
    this.#state = deps.state;
    this.#lifecycle = deps.lifecycle;
    this.#targets = deps.targets;
    this.#thingExists = deps.thingExists;
    this.#decisions = deps.decisions;
  }

  listForJob(jobId: string, query: Query): object {
    if (!this.#state.job(text('jobId', jobId, JOB_ID))) {
      throw new ServiceError('ResourceNotFoundException', `Job ${jobId} does not exist`);
    }
    const { items, ...rest } = page(query, withStatus(this.#state.executionsOfJob(jobId), query), inOrder);
    const executionSummaries = items.map((execution) => ({
      thingArn: this.#targets.arnOf(execution.thingName),
      jobExecutionSummary: executionSummary(execution),
    }));
    return { executionSummaries, ...rest };
  }

  listForThing(thingName: string, query: Query): object {
    if (!this.#thingExists(thingName)) {
      throw new ServiceError('ResourceNotFoundException', `Thing ${thingName} does not exist`);
    }
    const { jobId, namespaceId } = query;
    const executions = withStatus(this.#state.executionsOfThing(thingName), query).filter(
      (execution) =>
        (jobId === undefined || execution.jobId === jobId) &&
        (namespaceId === undefined || execution.namespaceId === namespaceId),
    );
    const { items, ...rest } = page(query, executions, inOrder);
    const executionSummaries = items.map((execution) => ({
      jobId: execution.jobId,
      jobExecutionSummary: executionSummary(execution),
    }));
    return { executionSummaries, ...rest };
  }

  describe(thingName: string, jobId: string, executionNumber?: number): object {
    const execution = this.#execution(thingName, jobId, executionNumber);
    const thingArn = this.#targets.arnOf(thingName);
    return { execution: executionView(execution, thingArn, this.#state.clock.now()) };
  }

  cancel(
    thingName: string,
    jobId: string,
    options: { force: boolean; expectedVersion?: unknown; statusDetails?: unknown },
  ): void {
    const execution = this.#execution(thingName, jobId);
    const details = statusDetails(options.statusDetails);
    const expected = optionalInteger('expectedVersion', options.expectedVersion);
    if (expected !== undefined && expected !== execution.versionNumber) {
      const message = `Expected version ${expected} but found version ${execution.versionNumber}`;
      throw new ServiceError('VersionConflictException', message);
    }
    const running = execution.status === 'IN_PROGRESS' && !options.force;
    if (running || TERMINAL_STATUSES.has(execution.status)) {
      const message = `The execution is ${execution.status} and cannot be canceled${running ? ' without force' : ''}`;
      throw new ServiceError('InvalidStateTransitionException', message);
    }
    this.#lifecycle.transition(execution, 'CANCELED', {
      ...(details ? { statusDetails: details } : {}),
      ...(options.force ? { forceCanceled: true } : {}),
    });
  }

  delete(thingName: string, jobId: string, executionNumber: number, force: boolean): void {
    const execution = this.#execution(thingName, jobId, executionNumber);
    const { status } = execution;
    const queuedStays = status === 'QUEUED' && !this.#decisions().deleteQueuedExecution;
    if (!force && (status === 'IN_PROGRESS' || queuedStays)) {
      const message = `The execution is ${status} and cannot be deleted without force`;
      throw new ServiceError('InvalidStateTransitionException', message);
    }
    this.#lifecycle.deleteExecution(execution);
  }

  #execution(thingName: string, jobId: string, executionNumber?: number): StoredExecution {
    const execution = this.#state.execution(thingName, text('jobId', jobId, JOB_ID), executionNumber);
    if (execution) return execution;
    throw new ServiceError('ResourceNotFoundException', `No execution of job ${jobId} for thing ${thingName}`);
  }
}

/** In the order of creation. */
function inOrder({ sequence }: StoredExecution): string {
  return numberedKey(sequence);
}

function withStatus(executions: StoredExecution[], { status }: Query): StoredExecution[] {
  if (status === undefined) return executions;
  const wanted = oneOf('status', status, JOB_EXECUTION_STATUSES);
  return executions.filter((execution) => execution.status === wanted);
}
