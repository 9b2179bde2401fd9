import type { StatusDetails } from '../jobs/model.ts';
import type { Log } from '../system/log.ts';

/**
 * The public contract of a plug-in: an ES module whose default export is a JobHandler. It needs no import of ours to
 * work; `defineHandler` exists for its types.
 */
export interface JobHandler {
  /** Unique among the plug-ins of one agent; shown in logs and status details. */
  readonly name: string;
  /** True when this handler wants the job. Asked in the order of the config; the first that accepts gets it. */
  accepts(document: unknown): boolean | Promise<boolean>;
  /** Does the work. A return without a result means SUCCEEDED; a throw means FAILED with the error's message. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is the common case
  run(context: JobContext): Promise<JobResult | void> | JobResult | void;
}

export interface JobContext {
  readonly job: Job;
  /** Aborted when the agent wants the work to end; a handler that heeds it lets the agent stop quickly. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Tells the cloud how far the work is; at most 10 pairs, the latest replaces what was not yet sent. */
  reportProgress(details: StatusDetails): void;
}

export interface Job {
  readonly thingName: string;
  readonly jobId: string;
  readonly executionNumber: number;
  /** The job document, as parsed JSON. */
  readonly document: unknown;
}

export interface JobResult {
  readonly status: 'SUCCEEDED' | 'FAILED';
  readonly statusDetails?: StatusDetails;
}

/** Returns its argument: it gives a handler written in TypeScript, or checked JavaScript, its types. */
export function defineHandler(handler: JobHandler): JobHandler {
  return handler;
}
