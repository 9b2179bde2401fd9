import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { statusDetails } from '../execution/status-details.ts';
import type { Acceptance } from '../handlers/contract.ts';
import { publicDetails, publicResult } from '../handlers/plugins/redaction.ts';
import { toLogLine } from '../handlers/plugins/values.ts';
import type { StepContext, StepResult } from '../handlers/step.ts';
import type { StatusDetails } from '../jobs/model.ts';
import type { Log } from '../system/log.ts';

/** What a handler is told of the job that it is run for. */
export interface JobOptions {
  /** Default `test-thing`. */
  readonly thingName?: string;
  /** Default `test-job`. */
  readonly jobId?: string;
  readonly executionNumber?: number;
  /** From 1, the default. */
  readonly attempt?: number;
  readonly rebooted?: boolean;
  /** Aborted: the agent wants the work to end. */
  readonly signal?: AbortSignal;
  /** Default: a temporary one, which is removed when the handler has ended. */
  readonly scratchDirectory?: string;
  /** Called with each progress report: to abort in the middle, say. */
  readonly onProgress?: (details: StatusDetails) => void;
}

/** What became of a run, as the cloud would hear of it. */
export interface HandlerRun {
  /** The job's status; or that the handler asked to be run later or after a reboot, or was interrupted. */
  readonly status: 'SUCCEEDED' | 'FAILED' | 'REJECTED' | 'LATER' | 'REBOOT' | 'INTERRUPTED';
  /** Cut to what the service takes. A failure has a `reason`. */
  readonly statusDetails: StatusDetails;
  /** All that was reported, in order. */
  readonly progress: readonly StatusDetails[];
  /** What was saved last; undefined when nothing was. */
  readonly savedProgress: unknown;
  readonly log: readonly LogEntry[];
  /** All that its process wrote; of a handler that runs in the test's own process it is empty. */
  readonly output: { readonly stdout: string; readonly stderr: string };
}

export interface LogEntry {
  readonly level: keyof Log;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

type NotAccepted = Exclude<Acceptance, { readonly kind: 'accepted' }>;

/** Runs some work with all that the agent would give it, and notes all that it does with it. */
export async function record(
  document: unknown,
  options: JobOptions & { readonly lastProgress?: unknown },
  work: (context: StepContext) => Promise<StepResult | NotAccepted>,
): Promise<HandlerRun> {
  const temporary = options.scratchDirectory === undefined ? await mkdtemp(join(tmpdir(), 'job-')) : undefined;
  const progress: StatusDetails[] = [];
  const log: LogEntry[] = [];
  const output = { stdout: '', stderr: '' };
  let savedProgress: unknown;
  const write = (level: keyof Log) => (first: unknown, second?: unknown) =>
    void log.push({ level, ...toLogLine(first, second) });
  const { thingName = 'test-thing', jobId = 'test-job', executionNumber = 1, attempt = 1, rebooted = false } = options;
  const context: StepContext = {
    job: { thingName, jobId, executionNumber, document },
    stepIndex: 0,
    attempt,
    signal: options.signal ?? new AbortController().signal,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    output: {
      write: (stream, chunk) => {
        output[stream] += chunk.toString();
      },
    },
    scratchDirectory: options.scratchDirectory ?? temporary ?? tmpdir(),
    lastProgress: options.lastProgress,
    rebooted,
    saveProgress: (value) => {
      savedProgress = value;
    },
    reportProgress: (details) => {
      const reported = statusDetails(publicDetails(details));
      progress.push(reported);
      // Not within the handler's own call: what the agent does, an abort say, comes from without.
      queueMicrotask(() => options.onProgress?.(reported));
    },
    refreshDocument: async () => document,
  };
  try {
    return { ...toEnd(await work(context)), progress, savedProgress, log, output };
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}

function toEnd(end: StepResult | NotAccepted): Pick<HandlerRun, 'status' | 'statusDetails'> {
  if ('kind' in end) return { status: 'REJECTED', statusDetails: statusDetails({ reason: rejection(end) }) };
  const result = publicResult(end);
  switch (result.outcome) {
    case 'succeeded':
      return { status: 'SUCCEEDED', statusDetails: statusDetails(result.details) };
    case 'failed':
      return { status: 'FAILED', statusDetails: statusDetails({ reason: result.reason, ...result.details }) };
    case 'deferred':
      return { status: 'LATER', statusDetails: statusDetails({ reason: result.reason }) };
    case 'reboot':
      return { status: 'REBOOT', statusDetails: {} };
    case 'interrupted':
      return { status: 'INTERRUPTED', statusDetails: {} };
  }
}

function rejection(acceptance: NotAccepted): string {
  if (acceptance.kind === 'invalid') return acceptance.problems.join('; ');
  return `it declines this document${acceptance.why === undefined ? '' : `: ${acceptance.why}`}`;
}
