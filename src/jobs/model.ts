/**
 * AWS IoT Jobs in types: the words of the service, shared by the agent and the simulator. Times are epoch seconds.
 * Source: service model `iot-jobs-data` (2017-09-29) and the captures listed in docs/protocol.md.
 */

/** Every status an execution can have; the last six are terminal. */
export const JOB_EXECUTION_STATUSES = [
  'QUEUED',
  'IN_PROGRESS',
  'SUCCEEDED',
  'FAILED',
  'TIMED_OUT',
  'REJECTED',
  'REMOVED',
  'CANCELED',
] as const;

export type JobExecutionStatus = (typeof JOB_EXECUTION_STATUSES)[number];

/** The final statuses that a device may report. */
export type DeviceOutcome = 'SUCCEEDED' | 'FAILED' | 'REJECTED';

export const TERMINAL_STATUSES: ReadonlySet<JobExecutionStatus> = new Set(JOB_EXECUTION_STATUSES.slice(2));

/** At most 10 pairs; keys `[a-zA-Z0-9:_-]{1,128}`, values 1–1,024 characters without `\p{C}`. */
export type StatusDetails = Readonly<Record<string, string>>;

/** One line of a pending list (`jobs/get/accepted`, `notify`). */
export interface JobExecutionSummary {
  readonly jobId: string;
  readonly queuedAt: number;
  readonly lastUpdatedAt: number;
  readonly startedAt?: number;
  readonly executionNumber: number;
  readonly versionNumber: number;
}

/** One execution with, where asked for, its document. */
export interface JobExecution {
  readonly jobId: string;
  readonly status: JobExecutionStatus;
  readonly statusDetails?: StatusDetails;
  readonly queuedAt: number;
  readonly startedAt?: number;
  readonly lastUpdatedAt: number;
  readonly versionNumber: number;
  readonly executionNumber: number;
  readonly approximateSecondsBeforeTimedOut?: number;
  readonly jobDocument?: unknown;
}

/** The state that an update answers with, and that a rejection for VersionMismatch carries. */
export interface JobExecutionState {
  readonly status: JobExecutionStatus;
  readonly statusDetails?: StatusDetails;
  readonly versionNumber: number;
}

/** The longest list the service sends without a scheduling configuration: one of this length may be cut. */
export const PENDING_LIST_LIMIT = 10;

/** `thingName` (service model ThingName). */
export const THING_NAME = /^[a-zA-Z0-9:_-]{1,128}$/;
/** `jobId` (service model JobId). */
export const JOB_ID = /^[a-zA-Z0-9_-]{1,64}$/;
