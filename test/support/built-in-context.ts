import { runProgram } from '../../src/handlers/program.ts';
import type { BuiltInContext } from '../../src/handlers/step.ts';
import type { StatusDetails } from '../../src/jobs/model.ts';
import { ProcessRunner } from '../../src/system/child-process.ts';
import type { Log } from '../../src/system/log.ts';

export interface ContextChanges {
  readonly signal?: AbortSignal;
  readonly lastProgress?: unknown;
  readonly runAsUser?: string;
  readonly jobId?: string;
  /** Also called with what the step saves, at the moment that it does. */
  readonly onSave?: (value: unknown) => void;
  /** Also called with each line of the log. */
  readonly onLine?: (line: string) => void;
  readonly refreshInput?: () => Promise<unknown>;
}

/** A context for one start of a built-in, which keeps what the built-in says. */
export class RecordedContext implements BuiltInContext {
  readonly job;
  readonly stepIndex = 0;
  readonly attempt = 1;
  readonly rebooted = false;
  readonly scratchDirectory = '/nonexistent';
  readonly signal: AbortSignal;
  readonly lastProgress: unknown;
  readonly runAsUser: string | undefined;
  readonly output = { write: () => undefined };
  /** The last that was saved, after a way through JSON. */
  saved: unknown;
  readonly reports: StatusDetails[] = [];
  /** Everything logged. */
  readonly lines: string[] = [];
  readonly log: Log;
  readonly #changes: ContextChanges;
  readonly #processes = new ProcessRunner();

  constructor(changes: ContextChanges = {}) {
    this.#changes = changes;
    this.job = { thingName: 'thing', jobId: changes.jobId ?? 'job', executionNumber: 1, document: {} };
    this.signal = changes.signal ?? new AbortController().signal;
    this.lastProgress = changes.lastProgress;
    this.runAsUser = changes.runAsUser;
    const line = (fields: object, message: string) => {
      this.lines.push(`${message} ${JSON.stringify(fields, shownError)}`);
      changes.onLine?.(message);
    };
    this.log = { debug: line, info: line, warn: line, error: line };
  }

  saveProgress(value: unknown): void {
    this.saved = JSON.parse(JSON.stringify(value));
    this.#changes.onSave?.(this.saved);
  }

  reportProgress(details: StatusDetails): void {
    this.reports.push(details);
  }

  async refreshDocument(): Promise<unknown> {
    return this.job.document;
  }

  async refreshInput(): Promise<unknown> {
    if (this.#changes.refreshInput === undefined) throw new Error('the service cannot be asked');
    return this.#changes.refreshInput();
  }

  runProgram(words: readonly string[], options: { environment?: Readonly<Record<string, string>> } = {}) {
    const { environment = {} } = options;
    return runProgram(words, { user: this.runAsUser, environment, includeStdOut: false }, this, {
      processes: this.#processes,
      allowedDirectories: [],
    });
  }
}

function shownError(_key: string, value: unknown): unknown {
  return value instanceof Error ? { message: value.message, cause: value.cause, stack: value.stack } : value;
}
