import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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
    this.#attempt('written', () => this.#write(token, { about, bootId: this.#boot() }));
    return {
      variables: { [PROCESS_VARIABLE]: token },
      started: (pid) => {
        const startTime = processStatus(pid)?.startTime;
        if (startTime !== undefined) this.#attempt('written', () => this.#write(token, { pid, startTime }));
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

  /** Lines, each a part of the entry. Never written over: ext4 would flush that to the disk at once. */
  #write(token: string, part: object): void {
    const path = join(this.#directory, token);
    const line = `${JSON.stringify(part)}\n`;
    try {
      appendFileSync(path, line, { mode: 0o600 });
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      appendFileSync(path, line, { mode: 0o600 });
    }
  }

  /** A file that an end of the agent has cut short still tells the token. */
  #read(token: string): Leftover & { readonly bootId?: string | undefined } {
    const entry: Record<string, unknown> = {};
    for (const line of this.#text(token).split('\n')) Object.assign(entry, partOf(line));
    const { pid, startTime, bootId, about } = entry;
    const texts = Object.entries(fieldsOf(about)).filter((field): field is [string, string] => {
      return typeof field[1] === 'string';
    });
    return {
      token,
      about: Object.fromEntries(texts),
      ...(typeof pid === 'number' && typeof startTime === 'number' ? { leader: { pid, startTime } } : {}),
      ...(typeof bootId === 'string' ? { bootId } : {}),
    };
  }

  #text(token: string): string {
    try {
      return readFileSync(join(this.#directory, token), 'utf8');
    } catch {
      // Its name is enough to go by.
      return '';
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

function partOf(line: string): Readonly<Record<string, unknown>> {
  try {
    return fieldsOf(JSON.parse(line));
  } catch {
    return {};
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
