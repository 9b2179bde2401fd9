import * as v from 'valibot';
import { ThingAgentError } from '../errors.ts';
import {
  JOB_EXECUTION_STATUSES,
  JOB_ID,
  type JobExecution,
  type JobExecutionState,
  type JobExecutionSummary,
} from './model.ts';

/**
 * What the service sends, put into typed values. Lenient where sources disagree (docs/protocol.md, Variants): arrays may
 * be missing or null, times may be seconds or milliseconds, a document may be an object or a string of JSON, unknown fields are
 * ignored. A bad entry of a list costs that entry, not the list.
 */

/** A message that cannot be understood. It is logged and ignored. */
export class WireError extends ThingAgentError {
  constructor(message: string) {
    super('WIRE_INVALID', message);
  }
}

/** Times above this are milliseconds: as seconds it would be the year 5138. */
const LARGEST_SECONDS = 1e11;

const number = v.union([
  v.pipe(v.number(), v.finite()),
  v.pipe(
    v.string(),
    v.regex(/^-?\d{1,16}$/),
    v.transform((text) => Number(text)),
  ),
]);
const time = v.pipe(
  number,
  v.transform((value) => Math.floor(value > LARGEST_SECONDS ? value / 1000 : value)),
  // Beyond it SQLite could store what JavaScript cannot read back: one entry would stop the queue for ever.
  v.check((value) => value >= 0 && value <= LARGEST_SECONDS, 'expected a time in epoch seconds or milliseconds'),
);
const text = v.string();

const summaryShape = {
  jobId: v.pipe(text, v.regex(JOB_ID)),
  executionNumber: v.pipe(number, v.safeInteger()),
  versionNumber: v.nullish(number, 0),
  queuedAt: v.nullish(time, 0),
  lastUpdatedAt: v.nullish(time, 0),
  startedAt: v.nullish(time),
};
const summary = v.object(summaryShape);

const status = v.picklist(JOB_EXECUTION_STATUSES);
const statusDetails = v.nullish(v.record(text, text));

const execution = v.object({
  ...summaryShape,
  // A notify-next of the documentation carries no status: what is next and not said to run is queued.
  status: v.nullish(status, 'QUEUED'),
  statusDetails,
  approximateSecondsBeforeTimedOut: v.nullish(number),
  jobDocument: v.nullish(v.unknown()),
});

const executionState = v.object({ status, statusDetails, versionNumber: number });
const envelope = v.object({ clientToken: v.nullish(text), timestamp: v.nullish(time) });

const rejected = v.object({
  code: v.nullish(text, 'Unknown'),
  message: v.nullish(text, ''),
  executionState: v.nullish(v.unknown()),
});

/** Executions that the service has for this thing, in its order. */
export interface PendingList {
  /** Epoch seconds at the service. */
  readonly timestamp: number | undefined;
  readonly inProgress: readonly JobExecutionSummary[];
  readonly queued: readonly JobExecutionSummary[];
  /** How many entries could not be understood; such a list says nothing about what is missing from it. */
  readonly unreadable: number;
}

/** The JSON object in a payload; an empty payload is an empty object. Throws WireError. */
export function parsePayload(payload: Uint8Array): Record<string, unknown> {
  if (payload.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (error) {
    throw new WireError(`expected JSON in UTF-8: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(value)) throw new WireError(`expected a JSON object, got ${describe(value)}`);
  return value;
}

/** Client token and time, where they are there and legible. */
export function parseEnvelope(message: Record<string, unknown>): { clientToken?: string; timestamp?: number } {
  const clientToken = v.safeParse(envelope.entries.clientToken, message['clientToken']);
  const timestamp = v.safeParse(envelope.entries.timestamp, message['timestamp']);
  return {
    ...(clientToken.success && typeof clientToken.output === 'string' ? { clientToken: clientToken.output } : {}),
    ...(timestamp.success && typeof timestamp.output === 'number' ? { timestamp: timestamp.output } : {}),
  };
}

/** The lists of `jobs/get/accepted`. */
export function parsePendingList(message: Record<string, unknown>): PendingList {
  return pendingList(message, message['inProgressJobs'], message['queuedJobs']);
}

/** The lists of `notify`. */
export function parseNotify(message: Record<string, unknown>): PendingList {
  const jobs = isObject(message['jobs']) ? message['jobs'] : {};
  return pendingList(message, jobs['IN_PROGRESS'], jobs['QUEUED']);
}

/** The execution of a describe, start-next or notify-next message; undefined when nothing is pending. Throws WireError. */
export function parseExecution(message: Record<string, unknown>): JobExecution | undefined {
  const value = message['execution'];
  if (value === undefined || value === null) return undefined;
  const result = v.safeParse(execution, value);
  if (!result.success) throw new WireError(`execution: ${issueText(result.issues)}`);
  const { jobDocument, ...rest } = result.output;
  return dropUndefined({ ...rest, jobDocument: parseDocument(jobDocument) });
}

export function parseExecutionState(value: unknown): JobExecutionState | undefined {
  const result = v.safeParse(executionState, value);
  return result.success ? dropUndefined(result.output) : undefined;
}

export function parseRejected(message: Record<string, unknown>): {
  readonly code: string;
  readonly message: string;
  readonly executionState: JobExecutionState | undefined;
} {
  const result = v.safeParse(rejected, message);
  if (!result.success) return { code: 'Unknown', message: issueText(result.issues), executionState: undefined };
  return { ...result.output, executionState: parseExecutionState(result.output.executionState) };
}

function pendingList(message: Record<string, unknown>, inProgress: unknown, queued: unknown): PendingList {
  const running = summaries(inProgress);
  const waiting = summaries(queued);
  return {
    timestamp: parseEnvelope(message).timestamp,
    inProgress: running.entries,
    queued: waiting.entries,
    unreadable: running.unreadable + waiting.unreadable,
  };
}

function summaries(value: unknown): { entries: JobExecutionSummary[]; unreadable: number } {
  if (value === undefined || value === null) return { entries: [], unreadable: 0 };
  if (!Array.isArray(value)) return { entries: [], unreadable: 1 };
  const entries: JobExecutionSummary[] = [];
  for (const item of value) {
    const result = v.safeParse(summary, item);
    if (result.success) entries.push(dropUndefined(result.output));
  }
  return { entries, unreadable: value.length - entries.length };
}

/** A string of JSON becomes what it says; any other string stays, for the document parser to refuse. */
function parseDocument(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined | null> };

/** Optional fields are absent in our types, never undefined or null. */
function dropUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== undefined && field !== null),
  ) as Defined<T>;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

function issueText(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues.map((issue) => `${v.getDotPath(issue) ?? '(value)'}: ${issue.message}`).join('; ');
}
