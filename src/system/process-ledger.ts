import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../errors.ts';
import { BOOT_ID_PATH, readBootId } from './boot-id.ts';
import type { Log } from './log.ts';
import { processStatus } from './process-identity.ts';

/** The variable that names one start of a child; all that the child starts inherits it. */
export const PROCESS_VARIABLE = 'JOB_PROCESS';

/** A child that is about to start, or runs. */
export interface LedgerEntry {
  /** What its environment is to have beside. */
  readonly variables: Readonly<Record<string, string>>;
  /** It leads a session and a group of its own. */
  started(pid: number): void;
  ended(): void;
}

/** A child of an earlier agent, which did not see its end. */
export interface Leftover {
  /** The value of PROCESS_VARIABLE. */
  readonly token: string;
  /** Absent when that agent ended between the child's start and the note of it. */
  readonly leader?: { readonly pid: number; readonly startTime: number } | undefined;
  /** For the log: the program, and what it was started for. */
  readonly about: Readonly<Record<string, string>>;
}

/**
 * Which children run: one small file each, `<directory>/<token>`, so that an agent which starts after a crash can tell
 * them from everybody else's. Nothing is synced: what the file tells of lives as long as the kernel, and so does what
 * the kernel has of the file. A ledger that cannot be written costs no job: it is logged.
 */
export class ProcessLedger {
  readonly #directory: string;
  readonly #log: Log;
  readonly #own = new Set<string>();
  #bootId: string | undefined;

  constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#log = log;
  }

  /** Before a child starts. @param env its environment: what JOB_* says of it goes into the log of the next agent. */
  open(program: string, env: Readonly<Record<string, string>>): LedgerEntry {
    const token = randomUUID();
    const { JOB_ID: jobId = '', JOB_EXECUTION_NUMBER: executionNumber = '', JOB_STEP: step = '' } = env;
    const about = { program, jobId, executionNumber, step };
    this.#own.add(token);
    this.#attempt('written', () => {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      this.#write(token, { about });
    });
    return {
      variables: { [PROCESS_VARIABLE]: token },
      started: (pid) => {
        const startTime = processStatus(pid)?.startTime;
        if (startTime !== undefined) this.#attempt('written', () => this.#write(token, { about, pid, startTime }));
      },
      ended: () => {
        this.strike(token);
        this.#own.delete(token);
      },
    };
  }

  /** What earlier agents have left, of this boot of the kernel: with another, nothing of theirs runs. */
  left(): Leftover[] {
    const left: Leftover[] = [];
    for (const token of this.#names()) {
      if (this.#own.has(token)) continue;
      const { bootId, ...leftover } = this.#read(token);
      if (bootId === undefined || bootId === this.#boot()) left.push(leftover);
      else this.strike(token);
    }
    return left;
  }

  strike(token: string): void {
    this.#attempt('cleared', () => rmSync(join(this.#directory, token), { force: true }));
  }

  #names(): string[] {
    try {
      return readdirSync(this.#directory);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') this.#log.warn({ err: error }, 'the ledger of processes cannot be read');
      return [];
    }
  }

  #write(token: string, entry: object): void {
    writeFileSync(join(this.#directory, token), JSON.stringify({ ...entry, bootId: this.#boot() }), { mode: 0o600 });
  }

  /** A file that an end of the agent has cut short still tells the token. */
  #read(token: string): Leftover & { readonly bootId?: string | undefined } {
    try {
      const entry: unknown = JSON.parse(readFileSync(join(this.#directory, token), 'utf8'));
      const { pid, startTime, bootId, about } = fieldsOf(entry);
      const texts = Object.entries(fieldsOf(about)).filter((field): field is [string, string] => {
        return typeof field[1] === 'string';
      });
      return {
        token,
        about: Object.fromEntries(texts),
        ...(typeof pid === 'number' && typeof startTime === 'number' ? { leader: { pid, startTime } } : {}),
        ...(typeof bootId === 'string' ? { bootId } : {}),
      };
    } catch {
      return { token, about: {} };
    }
  }

  /** Empty where there is no Linux: then there is no /proc either, and nothing is found again. */
  #boot(): string {
    if (this.#bootId === undefined) {
      try {
        this.#bootId = readBootId(BOOT_ID_PATH);
      } catch {
        this.#bootId = '';
      }
    }
    return this.#bootId;
  }

  #attempt(what: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#log.warn(
        { err: error },
        `the ledger of processes cannot be ${what}: should the agent be killed, what it started may run on`,
      );
    }
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
