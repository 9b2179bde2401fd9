import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { errorCode, errorMessage } from '../errors.ts';
import { realTimeEnd } from './end-signal.ts';
import { OutputTail } from './output-tail.ts';
import { type Pipe, PipeSource } from './pipes.ts';
import { groupHasMembers, killGroup } from './process-group.ts';
import { processStatus } from './process-identity.ts';
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
  /** Milliseconds between TERM and KILL after an abort, for the child and for whatever else is in its group. */
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
  /**
   * The abort came before the start, or TERM was sent to a program that had not ended by itself yet: whatever code it
   * ended with, its work may be half done. False when it had ended by then, seen or not: the code is its own word.
   */
  readonly interrupted: boolean;
  readonly durationMs: number;
  /** The last 16 KiB of each stream, without secrets and terminal sequences. */
  readonly stdoutTail: string;
  readonly stderrTail: string;
}

type Exit = Pick<ProcessEnd, 'exitCode' | 'signal' | 'spawnError' | 'interrupted'>;

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
    const exit = await this.#start(options, stdout, stderr);
    return {
      ...exit,
      durationMs: performance.now() - startedAt,
      stdoutTail: stdout.publicText(),
      stderrTail: stderr.publicText(),
    };
  }

  /** KILLs every running group at once: for an agent that has been told twice to stop. */
  killAll(): void {
    for (const [group, signalGroup] of this.#groups) signalGroup(group, 'SIGKILL');
  }

  async #start(options: ProcessOptions, stdout: OutputTail, stderr: OutputTail): Promise<Exit> {
    const { signal, onOutput, onProgress } = options;
    try {
      const program = locateProgram(options.file, options.env['PATH'] ?? '', options.cwd);
      if (program.kind === 'fault') return notStarted(program.fault);
      const count = onProgress === undefined ? 2 : 3;
      const pipes = await this.#pipes.take(count);
      if (signal.aborted) {
        for (const pipe of pipes ?? []) discard(pipe);
        return { exitCode: null, signal: null, interrupted: true };
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
    }
  }

  /**
   * Waits for the exit, then for the pipes. An abort sends TERM to the group, and KILL to what is still in it after the
   * grace: a shell ends at once, and its workers may have to tidy up. What does not go even then is given up.
   */
  #settle({ child, readers }: Running, options: ProcessOptions): Promise<Exit> {
    const { signal, signalGroup = killGroup } = options;
    const { killGraceMs = 5000, drainMs = 2000 } = this.#deadlines;
    const group = child.pid;
    return new Promise((resolve) => {
      const timers: NodeJS.Timeout[] = [];
      let exit: Omit<Exit, 'interrupted'> = { exitCode: null, signal: null };
      let interrupted = false;
      let hasExited = false;
      let isDrained = false;
      let isEmpty = false;
      let open = readers.length;
      let unnamedSignal: string | undefined;
      const finish = () => {
        for (const timer of timers) clearTimeout(timer);
        signal.removeEventListener('abort', terminate);
        for (const reader of readers) reader.destroy();
        if (group !== undefined) this.#groups.delete(group);
        resolve({ ...exit, interrupted });
      };
      /** Once seen empty it is signalled no more: its number may be another's by then. */
      const groupIsEmpty = () => {
        isEmpty ||= group === undefined || (hasExited && !groupHasMembers(group));
        return isEmpty;
      };
      const finishWhenOver = () => {
        const isOver = !signal.aborted || groupIsEmpty();
        if (isOver && hasExited && (isDrained || open === 0)) finish();
      };
      const kill = () => {
        if (group !== undefined && !groupIsEmpty()) signalGroup(group, 'SIGKILL');
        // A process in uninterruptible sleep or of another user does not go: it must not hold the agent.
        timers.push(setTimeout(finish, drainMs));
      };
      const terminate = () => {
        interrupted = group !== undefined && !hasExited && !hasEndedUnseen(group);
        if (group !== undefined && !groupIsEmpty()) signalGroup(group, 'SIGTERM');
        timers.push(setTimeout(kill, killGraceMs), setInterval(finishWhenOver, GROUP_POLL_MS));
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
        const drained = () => {
          isDrained = true;
          finishWhenOver();
        };
        timers.push(setTimeout(drained, drainMs));
        finishWhenOver();
      });
      const onClosed = () => {
        open -= 1;
        if (open > 0) return;
        if (!hasExited && group !== undefined) unnamedSignal = realTimeEnd(group);
        finishWhenOver();
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

/** Milliseconds between two looks at whether anything of an aborted group is left. */
const GROUP_POLL_MS = 200;

/** A zombie, which Node has not come to yet. False where there is no /proc to look into. */
function hasEndedUnseen(pid: number): boolean {
  return processStatus(pid)?.alive === false;
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
  return { exitCode: null, signal: null, spawnError: fault, interrupted: false };
}

function startFault(file: string, error: unknown): ProgramFault {
  return { code: errorCode(error) ?? 'EIO', message: `cannot run ${file}: ${errorMessage(error)}` };
}
