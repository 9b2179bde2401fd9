import {
  JOB_ID,
  type JobExecution,
  type JobExecutionState,
  type JobExecutionSummary,
  TERMINAL_STATUSES,
} from '../../jobs/model.ts';
import { ServiceError } from '../service-error.ts';
import type { StoredExecution } from './entities.ts';
import type { JobsState } from './jobs-state.ts';
import { executionOf, pendingLists } from './pending-list.ts';
import { oneOf, optionalBoolean, optionalInteger, record, statusDetails, stepTimeout, text } from './validation.ts';

/** What a device may set; the other statuses are the service's own (developer guide, Jobs and job execution states). */
const DEVICE_STATUSES = ['IN_PROGRESS', 'SUCCEEDED', 'FAILED', 'REJECTED'] as const;

/** The four operations for devices, in the shapes of MQTT (docs/protocol.md, Operations). */
export class DeviceApi {
  readonly #state: JobsState;
  readonly #thingExists: (thingName: string) => boolean;

  constructor(state: JobsState, thingExists: (thingName: string) => boolean) {
    this.#state = state;
    this.#thingExists = thingExists;
  }

  getPending(thingName: string): { inProgressJobs: JobExecutionSummary[]; queuedJobs: JobExecutionSummary[] } {
    this.#requireThing(thingName);
    const { inProgress, queued } = pendingLists(this.#state.pending(thingName));
    return { inProgressJobs: inProgress, queuedJobs: queued };
  }

  startNext(thingName: string, request: unknown): { execution?: JobExecution } {
    this.#requireThing(thingName);
    const fields = record(request);
    const details = statusDetails(fields['statusDetails']);
    const stepTimeoutInMinutes = stepTimeout(fields['stepTimeoutInMinutes'], false);
    const next = this.#state.pending(thingName)[0];
    if (!next) return {};
    // One that runs already is given again as it is: neither details nor version change.
    const started =
      next.status === 'IN_PROGRESS'
        ? next
        : this.#state.transition(next, 'IN_PROGRESS', {
            ...(details ? { statusDetails: details } : {}),
            ...(stepTimeoutInMinutes === undefined ? {} : { stepTimeoutInMinutes }),
          });
    return { execution: this.#withDocument(started, true) };
  }

  describe(thingName: string, jobIdOrNext: string, request: unknown): { execution?: JobExecution } {
    this.#requireThing(thingName);
    const fields = record(request);
    const executionNumber = optionalInteger('executionNumber', fields['executionNumber']);
    const includeDocument = optionalBoolean('includeJobDocument', fields['includeJobDocument']) ?? true;
    if (jobIdOrNext === '$next') {
      const next = this.#state.pending(thingName)[0];
      return next ? { execution: this.#withDocument(next, includeDocument) } : {};
    }
    const execution = this.#require(thingName, jobIdOrNext, executionNumber);
    if (TERMINAL_STATUSES.has(execution.status)) {
      // The guide: TerminalStateReached is for describing a job in a terminal state; the model: 410. No capture.
      throw new ServiceError(
        'TerminalStateException',
        `The job execution is in the terminal state ${execution.status}`,
      );
    }
    return { execution: this.#withDocument(execution, includeDocument) };
  }

  update(
    thingName: string,
    jobId: string,
    request: unknown,
  ): { executionState?: JobExecutionState; jobDocument?: unknown } {
    this.#requireThing(thingName);
    const fields = record(request);
    const status = oneOf('status', fields['status'], DEVICE_STATUSES);
    const details = statusDetails(fields['statusDetails']);
    const expectedVersion = optionalInteger('expectedVersion', fields['expectedVersion']);
    const executionNumber = optionalInteger('executionNumber', fields['executionNumber']);
    const stepTimeoutInMinutes = stepTimeout(fields['stepTimeoutInMinutes'], true);
    const includeState = optionalBoolean('includeJobExecutionState', fields['includeJobExecutionState']) ?? false;
    const includeDocument = optionalBoolean('includeJobDocument', fields['includeJobDocument']) ?? false;
    const execution = this.#require(thingName, text('jobId', jobId, JOB_ID), executionNumber);
    if (TERMINAL_STATUSES.has(execution.status)) {
      const message = `Job execution in terminal state ${execution.status} cannot be updated to ${status}`;
      throw new ServiceError('InvalidStateTransitionException', message, stateOf(execution));
    }
    if (expectedVersion !== undefined && expectedVersion !== execution.versionNumber) {
      const message = `Expected version ${expectedVersion} but found version ${execution.versionNumber}`;
      throw new ServiceError('VersionMismatch', message, stateOf(execution));
    }
    const updated = this.#state.transition(execution, status, {
      ...(details ? { statusDetails: details } : {}),
      ...(stepTimeoutInMinutes === undefined ? {} : { stepTimeoutInMinutes }),
    });
    return {
      ...(includeState ? { executionState: stateOf(updated) } : {}),
      ...(includeDocument ? { jobDocument: this.#withDocument(updated, true).jobDocument } : {}),
    };
  }

  #withDocument(execution: StoredExecution, include: boolean): JobExecution {
    return executionOf(execution, include ? this.#state.jobs.get(execution.jobId)?.document : undefined);
  }

  #require(thingName: string, jobId: string, executionNumber: number | undefined): StoredExecution {
    const execution = this.#state.execution(thingName, text('jobId', jobId, JOB_ID), executionNumber);
    if (execution) return execution;
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
