import type { DeviceOutcome, JobExecution, JobExecutionState, StatusDetails } from './model.ts';
import type { PendingList } from './wire.ts';

/**
 * The four operations that AWS IoT Jobs offers to a device, whatever carries them. Each has a deadline of its own and
 * rejects with a JobsRejectedError (the service said no), a JobsUnansweredError (it said nothing in time) or a
 * ConnectionError (it could not be asked).
 */
export interface JobsClient {
  /** GetPendingJobExecutions. */
  getPending(signal?: AbortSignal): Promise<PendingList>;
  /** StartNextPendingJobExecution: undefined when nothing is pending. */
  startNext(request: StartNextRequest, signal?: AbortSignal): Promise<JobExecution | undefined>;
  /** DescribeJobExecution, of `$next` too: undefined when nothing is pending. */
  describe(jobId: string, request: DescribeRequest, signal?: AbortSignal): Promise<JobExecution | undefined>;
  /** UpdateJobExecution. */
  update(jobId: string, request: UpdateRequest, signal?: AbortSignal): Promise<UpdateAnswer>;
}

export interface StartNextRequest {
  readonly statusDetails?: StatusDetails;
  /** 1–10,080. */
  readonly stepTimeoutInMinutes?: number;
}

export interface DescribeRequest {
  /** Absent: the latest. */
  readonly executionNumber?: number;
  /** Absent: true. */
  readonly includeJobDocument?: boolean;
}

export interface UpdateRequest {
  readonly status: DeviceOutcome | 'IN_PROGRESS';
  /** Absent: unchanged. Given: replaces what is there. */
  readonly statusDetails?: StatusDetails;
  readonly executionNumber?: number;
  readonly expectedVersion?: number;
  readonly includeJobExecutionState?: boolean;
  readonly includeJobDocument?: boolean;
  /** 1–10,080, or -1 to discard the step timer. */
  readonly stepTimeoutInMinutes?: number;
}

export interface UpdateAnswer {
  readonly executionState?: JobExecutionState;
  readonly jobDocument?: unknown;
}
