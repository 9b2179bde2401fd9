/** What the model remembers: plain records, changed in place. Times are epoch milliseconds. */

export type Status =
  | 'QUEUED'
  | 'IN_PROGRESS'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'TIMED_OUT'
  | 'REJECTED'
  | 'REMOVED'
  | 'CANCELED';

export type Details = Readonly<Record<string, string>>;

export interface Retry {
  readonly failureType: 'FAILED' | 'TIMED_OUT' | 'ALL';
  readonly numberOfRetries: number;
}

export interface Abort {
  readonly failureType: 'FAILED' | 'REJECTED' | 'TIMED_OUT' | 'ALL';
  readonly thresholdPercentage: number;
  readonly minNumberOfExecutedThings: number;
}

/** Minutes after the start of the clock; windows open once an hour. */
export interface Schedule {
  readonly start?: number;
  readonly end?: number;
  readonly endBehavior?: 'STOP_ROLLOUT' | 'CANCEL' | 'FORCE_CANCEL';
  readonly window?: { readonly minute: number; readonly duration: number };
}

/** What CreateJob may be asked for; targets are `t1`, or `@g1` for a group. */
export interface JobRequest {
  readonly targets: readonly string[];
  readonly continuous?: boolean;
  readonly namespace?: string;
  readonly timeout?: number;
  readonly retry?: readonly Retry[];
  readonly rate?: number;
  readonly abort?: readonly Abort[];
  readonly schedule?: Schedule;
}

export interface Job {
  readonly id: string;
  readonly request: JobRequest;
  readonly createdAt: number;
  status: 'SCHEDULED' | 'IN_PROGRESS' | 'COMPLETED' | 'CANCELED';
  targets: string[];
  timeout: number | undefined;
  retry: readonly Retry[];
  /** Things that the rollout has still to reach, in its order. */
  waiting: string[];
  /** The rollout's present minute, and how many things it has been given to in it. */
  minute: { from: number; given: number };
  /** Some thing has been given it. */
  begun: boolean;
  ended: boolean;
  completedAt?: number;
  forceCanceled: boolean;
}

export interface Execution {
  readonly thing: string;
  readonly job: Job;
  readonly number: number;
  readonly queuedAt: number;
  /** How many earlier executions were retried, by what had become of them. */
  readonly retried: { readonly FAILED: number; readonly TIMED_OUT: number };
  status: Status;
  details: Details;
  version: number;
  startedAt?: number;
  updatedAt: number;
  forceCanceled: boolean;
  inProgressEnd?: number | undefined;
  stepEnd?: number | undefined;
}

/** A refusal, by the name of AWS's service models. */
export class Refusal extends Error {
  readonly code: string;
  readonly executionState: object | undefined;

  constructor(code: string, executionState?: object) {
    super(code);
    this.code = code;
    this.executionState = executionState;
  }
}

export function isPending({ status }: Execution): boolean {
  return status === 'QUEUED' || status === 'IN_PROGRESS';
}

/** Section 4.2: the step timer, bounded by the in-progress timer. */
export function deadline(execution: Execution): number | undefined {
  const ends = [execution.inProgressEnd, execution.stepEnd].filter((end) => end !== undefined);
  return execution.status === 'IN_PROGRESS' && ends.length > 0 ? Math.min(...ends) : undefined;
}

/** Section 2.0, the shapes on the wire: whole seconds, and nothing that has no value. */
export function summary(execution: Execution): object {
  return defined({
    jobId: execution.job.id,
    queuedAt: seconds(execution.queuedAt),
    startedAt: execution.startedAt === undefined ? undefined : seconds(execution.startedAt),
    lastUpdatedAt: seconds(execution.updatedAt),
    executionNumber: execution.number,
    versionNumber: execution.version,
  });
}

export function state({ status, details, version }: Execution): object {
  return defined({ status, statusDetails: filled(details), versionNumber: version });
}

export function full(execution: Execution, now: number, withDocument = true): object {
  const end = deadline(execution);
  return defined({
    ...summary(execution),
    status: execution.status,
    statusDetails: filled(execution.details),
    approximateSecondsBeforeTimedOut: end === undefined ? undefined : seconds(end - now),
    jobDocument: withDocument ? { a: 1 } : undefined,
  });
}

function filled(details: Details): Details | undefined {
  return Object.keys(details).length > 0 ? details : undefined;
}

export function defined(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
