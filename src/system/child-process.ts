import { type ChildProcess, spawn } from 'node:child_process';
import { errorCode, errorMessage } from '../errors.ts';
import { OutputTail } from './output-tail.ts';
import { locateProgram, type ProgramFault } from './program-file.ts';

export interface ProcessOptions {
  /** A bare name is looked up in `env.PATH`; a relative path starts at `cwd`. */
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Milliseconds between TERM and KILL after an abort. */
  readonly killGraceMs?: number;
  /** Milliseconds that the pipes may stay open after the child's exit: a daemon left behind holds them for ever. */
  readonly drainMs?: number;
}

/** Everything about a child's end. Neither `exitCode` nor `signal` is set when it never started. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  /** `SIGKILL`, … when a signal ended it. */
  readonly signal: string | null;
  readonly spawnError?: ProgramFault;
  /** The abort signal came before the end. */
  readonly interrupted: boolean;
  readonly durationMs: number;
  /** The last 4 KiB of each stream. */
  readonly stdoutTail: string;
  readonly stderrTail: string;
}

type Exit = Pick<ProcessEnd, 'exitCode' | 'signal' | 'spawnError'>;

/** Runs programs, each in a process group of its own, with no shell and nothing on stdin. */
export class ProcessRunner {
  readonly #groups = new Set<number>();

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
      stdoutTail: stdout.text(),
      stderrTail: stderr.text(),
    };
  }

  /** KILLs every running group at once: for an agent that has been told twice to stop. */
  killAll(): void {
    for (const group of this.#groups) signalGroup(group, 'SIGKILL');
  }

  async #start(options: ProcessOptions, stdout: OutputTail, stderr: OutputTail, onAbort: () => void): Promise<Exit> {
    const { signal } = options;
    try {
      const program = await locateProgram(options.file, options.env['PATH'] ?? '', options.cwd);
      if (program.kind === 'fault') return notStarted(program.fault);
      if (signal.aborted) return { exitCode: null, signal: null };
      const child = spawn(program.file, options.args, {
        cwd: options.cwd,
        env: options.env,
        // A session and process group of its own, so that a signal reaches all of its descendants.
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      // An error on a pipe is followed by its close, which is all we wait for.
      child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk)).on('error', () => child.stdout?.destroy());
      child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk)).on('error', () => child.stderr?.destroy());
      return await this.#settle(child, options);
    } catch (error) {
      return notStarted({
        code: errorCode(error) ?? 'EIO',
        message: `cannot run ${options.file}: ${errorMessage(error)}`,
      });
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Waits for the exit, then for the pipes; an abort sends TERM, then KILL, then gives the child up. */
  #settle(child: ChildProcess, options: ProcessOptions): Promise<Exit> {
    const { signal, killGraceMs = 5000, drainMs = 2000 } = options;
    const group = child.pid;
    return new Promise((resolve) => {
      const timers: NodeJS.Timeout[] = [];
      let exit: Exit = { exitCode: null, signal: null };
      const finish = () => {
        for (const timer of timers) clearTimeout(timer);
        signal.removeEventListener('abort', terminate);
        child.stdout?.destroy();
        child.stderr?.destroy();
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
        exit = notStarted({
          code: errorCode(error) ?? 'EIO',
          message: `cannot run ${options.file}: ${errorMessage(error)}`,
        });
        finish();
      });
      child.once('exit', (exitCode, endSignal) => {
        exit = { exitCode, signal: endSignal };
        timers.push(setTimeout(finish, drainMs));
      });
      child.once('close', finish);
      if (group !== undefined) this.#groups.add(group);
      signal.addEventListener('abort', terminate, { once: true });
    });
  }
}

function notStarted(fault: ProgramFault): Exit {
  return { exitCode: null, signal: null, spawnError: fault };
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    // ESRCH: the group has ended. EPERM: all of it belongs to another user; the caller's deadline ends the wait.
    const code = errorCode(error);
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
