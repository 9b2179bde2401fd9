import type { Log } from '../../system/log.ts';
import type { JobContext } from '../contract.ts';
import type { ChildMessage } from './messages.ts';
import { toDetails, toLogLine, toSavedValue } from './values.ts';

/** Milliseconds between two messages of progress: the agent sends no more than one a second to the cloud. */
const PROGRESS_INTERVAL_MS = 100;
/** Lines of log that a plug-in may write in a second; what is more is counted. */
const LINES_PER_SECOND = 100;

interface Waiting {
  readonly value: unknown;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * What a running plug-in tells the agent, in its own process: bounded there, so that one that floods costs the agent
 * nothing. `send` must neither throw nor wait.
 */
export class PluginReports implements Pick<JobContext, 'log' | 'reportProgress' | 'saveProgress'> {
  readonly log: Log;
  readonly #send: (message: ChildMessage) => void;
  #progress: ReturnType<typeof toDetails>;
  #progressTimer: NodeJS.Timeout | undefined;
  #lines = { second: 0, count: 0 };
  #saving: { readonly id: number; readonly asked: readonly Waiting[] } | undefined;
  #unsaved: Waiting[] = [];
  #idle = Promise.withResolvers<void>();

  constructor(send: (message: ChildMessage) => void) {
    this.#send = send;
    this.log = {
      debug: (...line) => this.#log('debug', ...line),
      info: (...line) => this.#log('info', ...line),
      warn: (...line) => this.#log('warn', ...line),
      error: (...line) => this.#log('error', ...line),
    };
    this.#idle.resolve();
  }

  /** Throws a TypeError for what is no object of texts, numbers and booleans: that is a defect of the plug-in. */
  readonly reportProgress = (value: unknown): void => {
    const details = toDetails(value);
    if (details === undefined) throw new TypeError('reportProgress: expected an object of texts, numbers and booleans');
    this.#progress = details;
    if (this.#progressTimer === undefined) this.#sendProgress();
  };

  /** One value is on its way at a time; of those that come meanwhile the latest goes next, for all of them. */
  readonly saveProgress = async (value: unknown): Promise<void> => {
    const saved = toSavedValue(value);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (this.#saving === undefined && this.#unsaved.length === 0) this.#idle = Promise.withResolvers();
    this.#unsaved.push({ value: saved, resolve, reject });
    if (this.#saving === undefined) this.#saveLatest(1);
    return promise;
  };

  /** The agent has written what was sent, or could not. */
  saved(id: number, problem: string | undefined): void {
    if (this.#saving?.id !== id) return;
    const { asked } = this.#saving;
    this.#saving = undefined;
    for (const { resolve, reject } of asked) {
      if (problem === undefined) resolve();
      else reject(new Error(`saveProgress: ${problem}`));
    }
    if (this.#unsaved.length > 0) this.#saveLatest(id + 1);
    else this.#idle.resolve();
  }

  /** Resolves when all that was reported has been sent, and all that was saved is on disk, or cannot be put there. */
  async settle(): Promise<void> {
    this.#beginSecond(0);
    if (this.#progressTimer !== undefined) {
      clearTimeout(this.#progressTimer);
      this.#sendProgress();
      clearTimeout(this.#progressTimer);
    }
    await this.#idle.promise;
  }

  #sendProgress(): void {
    this.#progressTimer = undefined;
    if (this.#progress === undefined) return;
    this.#send({ type: 'progress', details: this.#progress });
    this.#progress = undefined;
    this.#progressTimer = setTimeout(() => this.#sendProgress(), PROGRESS_INTERVAL_MS).unref();
  }

  #saveLatest(id: number): void {
    const asked = this.#unsaved;
    this.#unsaved = [];
    this.#saving = { id, asked };
    this.#send({ type: 'save', id, value: asked.at(-1)?.value });
  }

  #log(level: keyof Log, first: unknown, second?: unknown): void {
    const now = Math.floor(Date.now() / 1000);
    const { second: current, count } = this.#lines;
    if (now === current && count >= LINES_PER_SECOND) {
      this.#lines.count += 1;
      return;
    }
    if (now !== current) this.#beginSecond(now);
    this.#lines.count += 1;
    this.#send({ type: 'log', level, ...toLogLine(first, second) });
  }

  #beginSecond(second: number): void {
    const dropped = this.#lines.count - LINES_PER_SECOND;
    this.#lines = { second, count: 0 };
    if (dropped <= 0) return;
    const message = `${dropped} lines of log were left out: more than ${LINES_PER_SECOND} in a second`;
    this.#send({ type: 'log', level: 'warn', fields: {}, message });
  }
}
