import {
  JOB_ID,
  type JobExecution,
  type JobExecutionState,
  type JobExecutionSummary,
  TERMINAL_STATUSES,
} from '../../jobs/model.ts';
import type { Decisions } from '../decisions.ts';
import { ServiceError } from '../service-error.ts';
import { MINUTE } from './configuration/minute.ts';
import type { StoredExecution } from './entities.ts';
import type { ExecutionChanges } from './executions.ts';
import type { JobLifecycle } from './job-lifecycle.ts';
import type { JobsState } from './jobs-state.ts';
import { executionOf, pendingLists } from './pending-list.ts';
import { oneOf, optionalBoolean, optionalInteger, record, statusDetails, stepTimeout, text } from './validation.ts';

/** What a device may set; the other statuses are the service's own (developer guide, Jobs and job execution states). */
const DEVICE_STATUSES = ['IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED'] as const;

/** The four operations for devices, in the shapes of MQTT (docs/protocol.md, Operations). */
export class DeviceApi {
  readonly #state: JobsState;
  readonly #lifecycle: JobLifecycle;
  readonly #thingExists: (thingName: string) => boolean;
  readonly #decisions: () => Decisions;

  constructor(deps: {
    state: JobsState;
    lifecycle: JobLifecycle;
    thingExists: (thingName: string) => boolean;
    decisions: () => Decisions;
  }) {
    this.#state = deps.state;
    this.#lifecycle = deps.lifecycle;
    this.#thingExists = deps.thingExists;
    this.#decisions = deps.decisions;
  }

  getPending(thingName: string): { inProgressJobs: JobExecutionSummary[]; queuedJobs: JobExecutionSummary[] } {
    this.#requireThing(thingName);
    const pending = this.#state.pending(thingName);
    const { inProgress, queued } = pendingLists(pending, this.#state.listLimit(pending));
    return { inProgressJobs: inProgress, queuedJobs: queued };
  }

  startNext(thingName: string, request: unknown): { execution?: JobExecution } {
    this.#requireThing(thingName);
    const fields = record(request);
    const details = statusDetails(fields['statusDetails']);
    const timer = this.#stepTimer(fields['stepTimeoutInMinutes'], false);
    const next = this.#state.pending(thingName)[0];
    if (!next) return {};
    if (next.status !== 'IN_PROGRESS') {
      const changes = { ...(details ? { statusDetails: details } : {}), ...timer };
      return { execution: this.#show(this.#lifecycle.transition(next, 'IN_PROGRESS', changes), true) };
    }
    // One that runs already is given again as it is: neither details nor version change.
    const again = this.#decisions().restartStepTimer
      ? this.#lifecycle.restartStepTimer(next, timer.stepTimesOutAt)
      : next;
    return { execution: this.#show(again, true) };
  }

  /** `$next` is the first pending execution, of the namespace if one is given. */
  describe(
    thingName: string,
    jobIdOrNext: string,
    request: unknown,
    namespaceId?: string,
  ): { execution?: JobExecution } {
    this.#requireThing(thingName);
    const fields = record(request);
    const executionNumber = optionalInteger('executionNumber', fields['executionNumber']);
    const includeDocument = optionalBoolean('includeJobDocument', fields['includeJobDocument']) ?? true;
    if (jobIdOrNext === '$next') {
      const next = this.#state.pending(thingName, namespaceId)[0];
      return next ? { execution: this.#show(next, includeDocument) } : {};
    }
    const execution = this.#require(thingName, jobIdOrNext, executionNumber, namespaceId);
    if (TERMINAL_STATUSES.has(execution.status)) {
      // The guide: TerminalStateReached is for describing a job in a terminal state; the model: 410. No capture.
      throw new ServiceError(
        'TerminalStateException',
        `The job execution is in the terminal state ${execution.status}`,
      );
    }
    return { execution: this.#show(execution, includeDocument) };
  }

  update(
    thingName: string,
    jobId: string,
    request: unknown,
    namespaceId?: string,
  ): { executionState?: JobExecutionState; jobDocument?: unknown } {
    this.#requireThing(thingName);
    const fields = record(request);
    const { deviceMayCancel } = this.#decisions();
    const allowed = [...DEVICE_STATUSES, ...(deviceMayCancel ? (['CANCELED'] as const) : [])];
    const status = oneOf('status', fields['status'], allowed);
    const details = statusDetails(fields['statusDetails']);
    const expectedVersion = optionalInteger('expectedVersion', fields['expectedVersion']);
    const executionNumber = optionalInteger('executionNumber', fields['executionNumber']);
    const timer = this.#stepTimer(fields['stepTimeoutInMinutes'], true);
    const includeState = optionalBoolean('includeJobExecutionState', fields['includeJobExecutionState']) ?? false;
    const includeDocument = optionalBoolean('includeJobDocument', fields['includeJobDocument']) ?? false;
    const execution = this.#require(thingName, jobId, executionNumber, namespaceId);
    this.#checkTransition(execution, status);
    if (expectedVersion !== undefined && expectedVersion !== execution.versionNumber) {
      const message = `Expected version ${expectedVersion} but found version ${execution.versionNumber}`;
      throw new ServiceError('VersionMismatch', message, stateOf(execution));
    }
    const changes = { ...(details ? { statusDetails: details } : {}), ...timer };
    const updated = this.#lifecycle.transition(execution, status, changes);
    return {
      ...(includeState ? { executionState: stateOf(updated) } : {}),
      ...(includeDocument ? { jobDocument: this.#show(updated, true).jobDocument } : {}),
    };
  }

  #checkTransition(execution: StoredExecution, status: string): void {
    const decisions = this.#decisions();
    if (TERMINAL_STATUSES.has(execution.status)) {
      const message = `Job execution in terminal state ${execution.status} cannot be updated to ${status}`;
      throw decisions.endedUpdateCode === 'TerminalStateReached'
        ? new ServiceError('TerminalStateException', message)
        : new ServiceError('InvalidStateTransitionException', message, stateOf(execution));
    }
    if (status === 'REJECTED' && execution.status === 'IN_PROGRESS' && !decisions.rejectWhileInProgress) {
      const message = 'Job execution cannot go from IN_PROGRESS to REJECTED';
      throw new ServiceError('InvalidStateTransitionException', message, stateOf(execution));
    }
  }

  /** Absent: the timer that runs goes on. -1: it is discarded (API reference, UpdateJobExecution). */
  #stepTimer(value: unknown, discardable: boolean): Pick<ExecutionChanges, 'stepTimesOutAt'> {
    const minutes = stepTimeout(value, discardable);
    if (minutes === undefined) return {};
    return { stepTimesOutAt: minutes === -1 ? undefined : this.#state.clock.now() + minutes * MINUTE };
  }

  #show(execution: StoredExecution, includeDocument: boolean): JobExecution {
    const document = includeDocument ? this.#state.documentOf(execution.jobId) : undefined;
    return executionOf(execution, this.#state.clock.now(), document);
  }

  #require(
    thingName: string,
    jobId: string,
    executionNumber: number | undefined,
    namespaceId: string | undefined,
  ): StoredExecution {
    const execution = this.#state.execution(thingName, text('jobId', jobId, JOB_ID), executionNumber);
    // A topic of a namespace reaches that namespace's jobs only; one without reaches all.
    if (execution && (namespaceId === undefined || execution.namespaceId === namespaceId)) return execution;
    throw new ServiceError('ResourceNotFoundException', `No execution of job ${jobId} for thing ${thingName}`);
  }

  /** Not captured: the model of GetPendingJobExecutions has ResourceNotFoundException, and we take that for a thing. */
  #requireThing(thingName: string): void {
    if (!this.#thingExists(thingName)) {
      throw new ServiceError('ResourceNotFoundException', `Thing ${thingName} does not exist`);
    }
  }
}

/** Empty status details are left out, as captured. */
function stateOf(execution: StoredExecution): JobExecutionState {
  return {
    status: execution.status,
    ...(Object.keys(execution.statusDetails).length === 0 ? {} : { statusDetails: execution.statusDetails }),
    versionNumber: execution.versionNumber,
  };
}
