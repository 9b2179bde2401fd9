import { closeSync, constants, fchmodSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { OutputSink } from '../handlers/step.ts';
import type { Log } from '../system/log.ts';
import { OutputLines } from '../system/output-lines.ts';

export interface ExecutionLogOptions {
  /** `<stateDirectory>/logs`. */
  readonly directory: string;
  readonly jobId: string;
  readonly executionNumber: number;
  /** Bytes that the file may have, those of earlier runs of the agent counted. */
  readonly maxBytes: number;
  /** Hears once when the log cannot be written. */
  readonly log: Log;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

/** The name of an execution's log. A job id has letters, digits, `-` and `_` only. */
export function executionLogName(jobId: string, executionNumber: number): string {
  return `${jobId.replace(/[^a-zA-Z0-9_-]/g, '_')}-${executionNumber}.log`;
}

/** Bytes kept back for notes: how each step ended is told whatever its programs wrote. At most an eighth of the cap. */
const NOTES_RESERVE = 16_384;
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
const LINE_END = 0x0a;

/**
 * All that an execution's programs write, and what the agent notes about its steps, as lines in a local file of mode 600:
 * `2026-01-02T03:04:05.678Z stderr: text`. It is opened at the first write, and goes on where a file is already. A full
 * disk, or any other fault of the file, costs the log and never the step.
 */
export class ExecutionLog implements OutputSink {
  readonly #options: ExecutionLogOptions;
  readonly #lines = { stdout: new OutputLines(), stderr: new OutputLines() };
  #file: { readonly fd: number; size: number } | undefined;
  /** Nothing more is written: it has been closed, or could not be written. */
  #isOver = false;
  /** Bytes of output that had no room, since the last time this was told. */
  #dropped = 0;
  #isFull = false;

  constructor(options: ExecutionLogOptions) {
    this.#options = options;
  }

  write(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#isFull) this.#dropped += chunk.length;
    else this.#append(stream, this.#lines[stream].push(chunk), this.#outputCap);
  }

  /** A line of the agent's own: a step's start, its end. */
  note(text: string): void {
    if (this.#isOver) return;
    this.#flush();
    this.#append('agent', [...this.#droppedNote(), ...noteLines(text)], this.#options.maxBytes);
  }

  /** What has no line end yet is written; calls after this one do nothing. */
  close(): void {
    if (this.#isOver) return;
    this.#flush();
    this.#append('agent', this.#droppedNote(), this.#options.maxBytes);
    this.#giveUp();
  }

  get #outputCap(): number {
    const { maxBytes } = this.#options;
    return maxBytes - Math.min(NOTES_RESERVE, Math.floor(maxBytes / 8));
  }

  #flush(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const lines = this.#lines[stream].end();
      if (!this.#isFull) this.#append(stream, lines, this.#outputCap);
      else for (const line of lines) this.#dropped += Buffer.byteLength(line);
    }
  }

  #droppedNote(): string[] {
    if (this.#dropped === 0) return [];
    const bytes = this.#dropped;
    this.#dropped = 0;
    return [`${bytes} bytes of output were dropped: this log may have ${this.#options.maxBytes} bytes`];
  }

  #append(source: 'stdout' | 'stderr' | 'agent', lines: readonly string[], cap: number): void {
    if (lines.length === 0 || this.#isOver) return;
    try {
      this.#file ??= this.#open();
      const prefix = `${new Date((this.#options.now ?? Date.now)()).toISOString()} ${source}: `;
      const fitting = fittingLines(lines, prefix, cap - this.#file.size);
      if (source !== 'agent' && fitting.count < lines.length) {
        this.#isFull = true;
        for (const line of lines.slice(fitting.count)) this.#dropped += Buffer.byteLength(line) + 1;
      }
      const text = Buffer.from(fitting.text);
      // Blocking, and bounded by the cap: what has been said of a step is with the kernel when the step's end is.
      for (let written = 0; written < text.length; ) {
        const bytes = writeSync(this.#file.fd, text, written);
        written += bytes;
        this.#file.size += bytes;
      }
    } catch (error) {
      const { directory, jobId, executionNumber, log } = this.#options;
      log.warn(
        { jobId, executionNumber, err: error },
        `the log of this execution in ${directory} cannot be written: the job goes on without it`,
      );
      this.#giveUp();
    }
  }

  #open(): { readonly fd: number; size: number } {
    const { directory, jobId, executionNumber } = this.#options;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const fd = openSync(join(directory, executionLogName(jobId, executionNumber)), FLAGS, 0o600);
    fchmodSync(fd, 0o600);
    const { size } = fstatSync(fd);
    const last = Buffer.alloc(1);
    if (size > 0) readSync(fd, last, 0, 1, size - 1);
    // A crash may have cut the last line.
    if (size === 0 || last[0] === LINE_END) return { fd, size };
    return { fd, size: size + writeSync(fd, '\n') };
  }

  #giveUp(): void {
    this.#isOver = true;
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }
}

/** The first lines, as many as there is room for. */
function fittingLines(lines: readonly string[], prefix: string, room: number): { count: number; text: string } {
  let text = '';
  let size = 0;
  for (const [count, line] of lines.entries()) {
    size += Buffer.byteLength(prefix) + Buffer.byteLength(line) + 1;
    if (size > room) return { count, text };
    text += `${prefix}${line}\n`;
  }
  return { count: lines.length, text };
}

function noteLines(text: string): string[] {
  const lines = new OutputLines();
  return [...lines.push(Buffer.from(text)), ...lines.end()];
}
