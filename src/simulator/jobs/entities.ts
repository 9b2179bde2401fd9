import type { JobExecutionStatus, StatusDetails } from '../../jobs/model.ts';

/** A job as the simulator keeps it. Times are epoch milliseconds; each front gives its own unit. */
export interface StoredJob {
  readonly jobId: string;
  readonly jobArn: string;
  readonly targets: readonly string[];
  /** JSON text, as it was given. */
  readonly document: string;
  readonly description?: string;
  readonly targetSelection: 'SNAPSHOT';
  readonly status: 'IN_PROGRESS' | 'COMPLETED' | 'CANCELED';
  readonly createdAt: number;
  readonly lastUpdatedAt: number;
  readonly completedAt?: number;
  readonly forceCanceled?: boolean;
  readonly reasonCode?: string;
  readonly comment?: string;
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
  readonly forceCanceled?: boolean;
  /** Kept; the timer itself is not simulated yet. */
  readonly stepTimeoutInMinutes?: number;
}

export function executionId(thingName: string, jobId: string, executionNumber: number): string {
  return `${thingName}/${jobId}/${executionNumber}`;
}

export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
