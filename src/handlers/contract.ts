import type { Log } from '../system/log.ts';

/**
 * The public contract of a plug-in: an ES module whose default export is a JobHandler. It needs no import of ours to
 * work; `defineHandler` exists for its types. It has `accepts`, or `schema`, or both (docs/handlers.md).
 */
export interface JobHandler<Document = unknown> {
  /** Unique among the plug-ins of one agent; shown in logs and status details. */
  readonly name: string;
  /**
   * True when this handler wants the job. Asked in the order of the config; the first that accepts gets it. Without
   * it, the handler wants the documents that its schema takes.
   */
  accepts?(document: unknown): boolean | Promise<boolean>;
  /**
   * What a document must be that `accepts` wants: its problems make the job REJECTED, each with its path. `job.document`
   * is then what the schema made of it, defaults filled in.
   */
  readonly schema?: StandardSchema<Document> | undefined;
  /**
   * Does the work, in a process of its own that ends with it. A return without a result means SUCCEEDED; a throw means
   * FAILED with the error's message.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing is the common case
  run(context: JobContext<Document>): Promise<JobResult | void> | JobResult | void;
}

export interface JobContext<Document = unknown> {
  readonly job: Job<Document>;
  /** From 1: how often this work has been started for this job, cut-off starts and retries counted. */
  readonly attempt: number;
  /** What `saveProgress` put on disk last in an earlier attempt; undefined when nothing. */
  readonly lastProgress: unknown;
  /** True when an earlier attempt asked for a reboot and the device has started anew since. */
  readonly rebooted: boolean;
  /** An empty directory of this job's own, kept between attempts, removed when the job has its result. */
  readonly scratchDirectory: string;
  /** Aborted when the agent wants the work to end; a handler that does not heed it is killed five seconds later. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /**
   * Puts a JSON value of at most 64 KiB on disk for the next attempt. Resolves once it is there; rejects when it cannot
   * be put there.
   */
  saveProgress(value: unknown): Promise<void>;
  /** Tells the cloud how far the work is; at most 10 pairs, the latest replaces what was not yet sent. */
  reportProgress(details: Details): void;
}

/** Status details as a handler gives them: numbers and booleans are sent as text. */
export type Details = Readonly<Record<string, string | number | boolean>>;

export interface Job<Document = unknown> {
  readonly thingName: string;
  readonly jobId: string;
  readonly executionNumber: number;
  /** The job document, as parsed JSON; with a schema, what that made of it. */
  readonly document: Document;
}

export type JobResult =
  | {
      readonly status: 'SUCCEEDED' | 'FAILED';
      /** A `reason` here replaces the agent's own. */
      readonly statusDetails?: Details | undefined;
    }
  /** Not now: run again after the agent's back-off, with `attempt` counted up. */
  | { readonly status: 'LATER'; readonly reason: string }
  /** The device is to start anew; then run again, with `rebooted` set. */
  | { readonly status: 'REBOOT' };

/** What a plug-in says of a document. */
export type Acceptance =
  | { readonly kind: 'accepted' }
  /** `why` is a phrase, where there is more to say than no. */
  | { readonly kind: 'declined'; readonly why?: string | undefined }
  /** It is for this plug-in, and wrong: every problem with its path. Never empty. */
  | { readonly kind: 'invalid'; readonly problems: readonly string[] };

/** A schema of any library that follows Standard Schema (https://standardschema.dev): Valibot, Zod, ArkType and more. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * Returns its argument: it gives a handler written in TypeScript, or checked JavaScript, its types; with a schema, those
 * of `job.document` too.
 */
export function defineHandler<Document = unknown, Handler extends JobHandler<Document> = JobHandler<Document>>(
  handler: Handler & JobHandler<Document>,
): Handler {
  return handler;
}
