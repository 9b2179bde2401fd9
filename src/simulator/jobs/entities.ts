import type { JobExecutionStatus, StatusDetails } from '../../jobs/model.ts';
import type { AbortConfig } from './configuration/abort.ts';
import type { RetryConfig } from './configuration/retry.ts';
import type { RolloutConfig } from './configuration/rollout.ts';
import type { SchedulingConfig } from './configuration/scheduling.ts';
import type { TimeoutConfig } from './configuration/timeout.ts';
import type { PresignedUrlConfig } from './document-substitution.ts';

/** What an operator may configure of a job (API reference, CreateJob). */
export interface JobConfiguration {
  readonly presignedUrlConfig?: PresignedUrlConfig;
  readonly jobExecutionsRolloutConfig?: RolloutConfig;
  readonly abortConfig?: AbortConfig;
  readonly timeoutConfig?: TimeoutConfig;
  readonly jobExecutionsRetryConfig?: RetryConfig;
  readonly schedulingConfig?: SchedulingConfig;
}

/** API reference, Job: status. */
export type JobStatus = 'SCHEDULED' | 'IN_PROGRESS' | 'COMPLETED' | 'CANCELED' | 'DELETION_IN_PROGRESS';

/** A job as the simulator keeps it. Times are epoch milliseconds; each front gives its own unit. */
export interface StoredJob extends JobConfiguration {
  readonly jobId: string;
  readonly jobArn: string;
  /** ARNs of things and thing groups. */
  readonly targets: readonly string[];
  /** JSON text as devices get it, but for presigned URLs, which are made at each delivery. */
  readonly document: string;
  /** As it was before parameters were put in. */
  readonly documentBeforeSubstitution?: string;
  readonly documentSource?: string;
  readonly documentParameters?: Readonly<Record<string, string>>;
  readonly jobTemplateArn?: string;
  readonly namespaceId?: string;
  readonly description?: string;
  readonly targetSelection: 'SNAPSHOT' | 'CONTINUOUS';
  readonly status: JobStatus;
  readonly createdAt: number;
  readonly lastUpdatedAt: number;
  readonly completedAt?: number;
  readonly forceCanceled?: boolean;
  readonly reasonCode?: string;
  readonly comment?: string;
  /** Things that are still to be given the job. */
  readonly waiting: readonly string[];
  /** How many things have been given it. */
  readonly notified: number;
  /** The minute that the rollout is in: when it began, how many things may be given the job in it, and how many were. */
  readonly rolloutMinute: { readonly startedAt: number; readonly rate: number; readonly given: number };
  /** Its end time has come. */
  readonly ended?: boolean;
  /** When its deletion is done; only while it lasts. */
  readonly deletedAt?: number;
  /** Its executions are in no list: it waits for its time, or did when its deletion began. */
  readonly hidden?: boolean;
}

/** Neither ended nor being deleted. */
export function isActive({ status }: StoredJob): boolean {
  return status === 'IN_PROGRESS' || status === 'SCHEDULED';
}

/** One thing's execution of a job. */
export interface StoredExecution {
  readonly jobId: string;
  readonly thingName: string;
  readonly executionNumber: number;
  readonly status: JobExecutionStatus;
  readonly statusDetails: StatusDetails;
  readonly queuedAt: number;
  readonly startedAt?: number;
  readonly lastUpdatedAt: number;
  readonly versionNumber: number;
  /** Order of creation: times on the wire have whole seconds, and ties need a finer key. */
  readonly sequence: number;
  readonly namespaceId?: string;
  readonly forceCanceled?: boolean;
  /** When the in-progress timer ends; set with `startedAt`, never moved. */
  readonly timesOutAt?: number;
  /** When the step timer ends. */
  readonly stepTimesOutAt?: number;
  /** How many earlier executions of this thing failed, by type, and were retried. */
  readonly retried: { readonly FAILED: number; readonly TIMED_OUT: number };
}

export function executionId({ thingName, jobId, executionNumber }: ExecutionKey): string {
  return `${thingName}/${jobId}/${executionNumber}`;
}

export interface ExecutionKey {
  readonly thingName: string;
  readonly jobId: string;
  readonly executionNumber: number;
}

export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
