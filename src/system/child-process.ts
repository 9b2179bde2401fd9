import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { errorCode, errorMessage } from '../errors.ts';
import { realTimeEnd } from './end-signal.ts';
import { OutputTail } from './output-tail.ts';
import { type Pipe, PipeSource } from './pipes.ts';
import type { LedgerEntry, ProcessLedger } from './process-ledger.ts';
import { locateProgram, type ProgramFault } from './program-file.ts';

export interface ProcessOptions {
  /** A bare name is looked up in `env.PATH`; a relative path starts at `cwd`. */
  readonly file: string;
  /** What the program is told as its own name, where that is not `file`. */
  readonly argv0?: string;
  readonly args: readonly string[];
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Takes all that the child writes, as it comes. Must not throw. */
  readonly onOutput?: (stream: 'stdout' | 'stderr', chunk: Buffer) => void;
  /** Takes what the child writes to descriptor 3, which it has only then. Must not throw. */
  readonly onProgress?: (chunk: Buffer) => void;
  /** How the child's group is signalled where kill(2) has no permission to. Must not throw. */
  readonly signalGroup?: SignalGroup;
}

export interface ProcessDeadlines {
  /** Milliseconds between TERM and KILL after an abort. */
  readonly killGraceMs?: number;
  /** Milliseconds that the pipes may stay open after the child's exit: a daemon left behind holds them for ever. */
  readonly drainMs?: number;
}

export type SignalGroup = (group: number, signal: 'SIGTERM' | 'SIGKILL') => void;

/** Everything about a child's end. Neither `exitCode` nor `signal` is set when it never started. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  /** `SIGKILL`, `SIGRTMIN+3`, … when a signal ended it. */
  readonly signal: string | null;
  readonly spawnError?: ProgramFault;
  /** The abort signal came before the end. */
  readonly interrupted: boolean;
  readonly durationMs: number;
  /** The last 16 KiB of each stream, without secrets and terminal sequences. */
  readonly stdoutTail: string;
  readonly stderrTail: string;
}

type Exit = Pick<ProcessEnd, 'exitCode' | 'signal' | 'spawnError'>;

/** A child and our ends of its pipes: stdout, stderr, and the one for progress where asked for. */
interface Running {
  readonly child: ChildProcess;
  readonly readers: readonly Socket[];
}

/**
 * Runs programs, each in a session and process group of its own, with no shell, nothing on stdin, default signal
 * dispositions and an empty signal mask (libuv's uv_spawn resets both).
 */
export class ProcessRunner {
  readonly #groups = new Map<number, SignalGroup>();
  readonly #pipes = new PipeSource();
  readonly #deadlines: ProcessDeadlines;
  readonly #ledger: Pick<ProcessLedger, 'open'> | undefined;

  /** @param options.ledger told of each child, so that an agent which starts after a crash can find it. */
  constructor(options: ProcessDeadlines & { readonly ledger?: Pick<ProcessLedger, 'open'> } = {}) {
    this.#deadlines = options;
    this.#ledger = options.ledger;
  }

  /** Never rejects for what the program is or does. Settles within grace and drain of an abort, whatever it does. */
  async run(options: ProcessOptions): Promise<ProcessEnd> {
    const startedAt = performance.now();
    const stdout = new OutputTail();
    const stderr = new OutputTail();
    let interrupted = options.signal.aborted;
    const onAbort = () => {
      interrupted = true;
    };
    options.signal.addEventListener('abort', onAbort);
    const exit = await this.#start(options, stdout, stderr, onAbort);
    return {
      ...exit,
      interrupted,
      durationMs: performance.now() - startedAt,
      stdoutTail: stdout.publicText(),
      stderrTail: stderr.publicText(),
    };
  }

  /** KILLs every running group at once: for an agent that has been told twice to stop. */
  killAll(): void {
    for (const [group, signalGroup] of this.#groups) signalGroup(group, 'SIGKILL');
  }

  async #start(options: ProcessOptions, stdout: OutputTail, stderr: OutputTail, onAbort: () => void): Promise<Exit> {
    const { signal, onOutput, onProgress } = options;
    try {
      const program = locateProgram(options.file, options.env['PATH'] ?? '', options.cwd);
      if (program.kind === 'fault') return notStarted(program.fault);
      const count = onProgress === undefined ? 2 : 3;
      const pipes = await this.#pipes.take(count);
      if (signal.aborted) {
        for (const pipe of pipes ?? []) discard(pipe);
        return { exitCode: null, signal: null };
      }
      const entry = this.#ledger?.open(program.file, options.env);
      const [file = program.file, ...before] = [...program.through, program.file];
      const running = spawnInto(file, before, options, pipes, count, entry);
      const [out, err, progress] = running.readers;
      out?.on('data', (chunk: Buffer) => {
        stdout.push(chunk);
        onOutput?.('stdout', chunk);
      });
      err?.on('data', (chunk: Buffer) => {
        stderr.push(chunk);
        onOutput?.('stderr', chunk);
      });
      progress?.on('data', (chunk: Buffer) => onProgress?.(chunk));
      const exit = await this.#settle(running, options);
      // One that was given up may run on: the next agent is to know it.
      const isOver = exit.exitCode !== null || exit.signal !== null || exit.spawnError !== undefined;
      if (isOver) entry?.ended();
      return exit;
    } catch (error) {
      return notStarted(startFault(options.file, error));
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Waits for the exit, then for the pipes; an abort sends TERM, then KILL, then gives the child up. */
  #settle({ child, readers }: Running, options: ProcessOptions): Promise<Exit> {
    const { signal, signalGroup = killGroup } = options;
    const { killGraceMs = 5000, drainMs = 2000 } = this.#deadlines;
    const group = child.pid;
    return new Promise((resolve) => {
      const timers: NodeJS.Timeout[] = [];
      let exit: Exit = { exitCode: null, signal: null };
      let hasExited = false;
      let open = readers.length;
      let unnamedSignal: string | undefined;
      const finish = () => {
        for (const timer of timers) clearTimeout(timer);
        signal.removeEventListener('abort', terminate);
        for (const reader of readers) reader.destroy();
        if (group !== undefined) {
          // Whatever of an interrupted group outlived its leader and ignored TERM.
          if (signal.aborted) signalGroup(group, 'SIGKILL');
          this.#groups.delete(group);
        }
        resolve(exit);
      };
      const kill = () => {
        if (group !== undefined) signalGroup(group, 'SIGKILL');
        // A process in uninterruptible sleep or of another user does not go: it must not hold the agent.
        timers.push(setTimeout(finish, drainMs));
      };
      const terminate = () => {
        if (group !== undefined) signalGroup(group, 'SIGTERM');
        timers.push(setTimeout(kill, killGraceMs));
      };
      child.once('error', (error) => {
        if (group !== undefined) return;
        exit = notStarted(startFault(options.file, error));
        finish();
      });
      child.once('exit', (exitCode, endSignal) => {
        hasExited = true;
        exit =
          exitCode === 0 && unnamedSignal !== undefined
            ? { exitCode: null, signal: unnamedSignal }
            : { exitCode, signal: endSignal };
        if (open === 0) finish();
        else timers.push(setTimeout(finish, drainMs));
      });
      const onClosed = () => {
        open -= 1;
        if (open > 0) return;
        if (hasExited) finish();
        else if (group !== undefined) unnamedSignal = realTimeEnd(group);
      };
      for (const reader of readers) {
        reader.once('end', () => {
          // Not with its close, which comes after libuv has reaped the child.
          reader.off('close', onClosed);
          onClosed();
        });
        reader.once('close', onClosed);
        // An error on a pipe is followed by its close.
        reader.on('error', () => reader.destroy());
      }
      if (group !== undefined) this.#groups.set(group, signalGroup);
      signal.addEventListener('abort', terminate, { once: true });
    });
  }
}

/** Without pipes of ours the child gets Node's, which are sockets. Throws for arguments that no program can be given. */
function spawnInto(
  file: string,
  before: readonly string[],
  options: ProcessOptions,
  pipes: readonly Pipe[] | undefined,
  count: number,
  entry: LedgerEntry | undefined,
): Running {
  try {
    const outputs = pipes?.map(({ writeFd }) => writeFd) ?? Array.from({ length: count }, () => 'pipe' as const);
    const child = spawn(file, [...before, ...options.args], {
      cwd: options.cwd,
      env: { ...options.env, ...entry?.variables },
      ...(options.argv0 === undefined || before.length > 0 ? {} : { argv0: options.argv0 }),
      // A session and process group of its own, so that a signal reaches all of its descendants.
      detached: true,
      stdio: ['ignore', ...outputs],
    });
    if (child.pid !== undefined) entry?.started(child.pid);
    const readers = pipes?.map(({ reader }) => reader) ?? child.stdio.filter((stream) => stream instanceof Socket);
    for (const { writeFd } of pipes ?? []) closeSync(writeFd);
    return { child, readers };
  } catch (error) {
    entry?.ended();
    for (const pipe of pipes ?? []) discard(pipe);
    throw error;
  }
}

function discard({ writeFd, reader }: Pipe): void {
  reader.destroy();
  closeSync(writeFd);
}

function notStarted(fault: ProgramFault): Exit {
  return { exitCode: null, signal: null, spawnError: fault };
}

function startFault(file: string, error: unknown): ProgramFault {
  return { code: errorCode(error) ?? 'EIO', message: `cannot run ${file}: ${errorMessage(error)}` };
}

/** kill(2) of a whole process group. */
export function killGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    // ESRCH: the group has ended. EPERM: all of it belongs to another user; the caller's deadline ends the wait.
    const code = errorCode(error);
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
