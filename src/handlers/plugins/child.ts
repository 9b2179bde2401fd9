import { type ChildProcess, fork } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { errorMessage } from '../../errors.ts';
import { OutputTail } from '../../system/output-tail.ts';
import { groupHasMembers, killGroup } from '../../system/process-group.ts';
import type { LedgerEntry, ProcessLedger } from '../../system/process-ledger.ts';
import type { OutputSink } from '../step.ts';
import type { PluginEnd } from './end.ts';
import { ownMemoryMegabytes } from './memory.ts';
import { type AgentMessage, type ChildMessage, parseChildMessage } from './messages.ts';

export interface PluginChildOptions {
  /** MiB of JavaScript heap; OUTSIDE_HEAP_MEGABYTES more for all else. */
  readonly memoryMegabytes: number;
  /** The whole environment of the process. */
  readonly environment: Readonly<Record<string, string>>;
  /** The program that hosts the plug-in; default: host.js beside this module. */
  readonly hostFile?: string | undefined;
  /** Told of the process: it ends with the agent by itself, but not while its code never yields. */
  readonly ledger?: Pick<ProcessLedger, 'open'> | undefined;
}

/** MiB beside the heap limit: Node itself, the heap's young generation, compiled code, and Buffers. */
const OUTSIDE_HEAP_MEGABYTES = 96;
/** Milliseconds between two looks at the memory of a process. */
const MEMORY_INTERVAL_MS = 250;
/** Milliseconds that the pipes may stay open after the exit: a process left behind holds them for ever. */
const DRAIN_MS = 2_000;
/** Milliseconds between two looks at whether anything of an ended process's group is left. */
const GROUP_POLL_MS = 200;

/** One process with one plug-in in it: a process group of its own, with no shell and nothing on stdin. */
export class PluginChild {
  /** Resolves when the process has ended, its output has been read, and its last message has been heard. */
  readonly ended: Promise<PluginEnd>;
  readonly #options: PluginChildOptions;
  #group: number | undefined;
  #child: ChildProcess | undefined;
  #listener: (message: ChildMessage) => void = () => undefined;
  #sink: OutputSink | undefined;
  #stderr = new OutputTail();
  #overMemory = false;
  #garbage = 0;
  #isAborted = false;
  #entry: LedgerEntry | undefined;

  /** Starts it. What keeps it from starting is told by its end. */
  constructor(file: string, options: PluginChildOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      const startError = (error: unknown) => resolve(this.#end({ startError: errorMessage(error) }));
      try {
        this.#child = this.#start(file);
        this.#group = this.#child.pid;
        this.#child.once('error', (error) => {
          if (this.#group === undefined) startError(error);
        });
        this.#settle(this.#child, resolve);
      } catch (error) {
        // Node throws what it does not expect of the system (ENOMEM) and emits the rest.
        startError(error);
      }
    });
  }

  /** It runs, and hears. */
  get alive(): boolean {
    return this.#child?.connected === true && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Messages that were not of the protocol, and were left out. */
  get garbage(): number {
    return this.#garbage;
  }

  /** From now on. One listener at a time; it must not throw. */
  listen(listener: (message: ChildMessage) => void): void {
    this.#listener = listener;
  }

  /** From now on; and the tail of stderr begins anew. */
  pipeOutput(sink: OutputSink | undefined): void {
    this.#sink = sink;
    this.#stderr = new OutputTail();
  }

  /** What cannot be sent is told by the end of the process alone. */
  send(message: AgentMessage): void {
    this.#child?.send(message, () => undefined);
  }

  /** Signals the whole group; nothing happens when it has ended. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#group !== undefined) killGroup(this.#group, signal);
  }

  /** Its work is to end. From now on its end is not the end of the group: that is what `endRest` is for. */
  abort(reason: string): void {
    this.#isAborted = true;
    this.send({ type: 'abort', reason });
  }

  /** What the aborted process has left in its group, now that it has ended: TERM, and KILL after so many milliseconds. */
  async endRest(graceMs: number): Promise<void> {
    try {
      await this.#endRest(graceMs);
    } finally {
      this.#entry?.ended();
    }
  }

  async #endRest(graceMs: number): Promise<void> {
    const group = this.#group;
    if (group === undefined || !groupHasMembers(group)) return;
    killGroup(group, 'SIGTERM');
    for (let waitedMs = 0; waitedMs < graceMs; waitedMs += GROUP_POLL_MS) {
      await delay(Math.min(GROUP_POLL_MS, graceMs - waitedMs));
      // Its number may be another's from now on.
      if (!groupHasMembers(group)) return;
    }
    killGroup(group, 'SIGKILL');
  }

  #start(file: string): ChildProcess {
    const { environment, memoryMegabytes, hostFile = ownHostFile(), ledger } = this.#options;
    this.#entry = ledger?.open(file, environment);
    const child = fork(hostFile, [file], {
      env: { ...environment, ...this.#entry?.variables },
      // Nothing of the agent's own flags: an --inspect of its would take the port.
      execArgv: [`--max-old-space-size=${memoryMegabytes}`],
      detached: true,
      serialization: 'json',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    if (child.pid !== undefined) this.#entry?.started(child.pid);
    child.stdout
      ?.on('data', (chunk: Buffer) => this.#sink?.write('stdout', chunk))
      .on('error', () => child.stdout?.destroy());
    child.stderr?.on('data', (chunk: Buffer) => this.#onStderr(chunk)).on('error', () => child.stderr?.destroy());
    child.on('message', (raw) => {
      const message = parseChildMessage(raw);
      if (message === undefined) this.#garbage += 1;
      else this.#listener(message);
    });
    return child;
  }

  #onStderr(chunk: Buffer): void {
    this.#stderr.push(chunk);
    this.#sink?.write('stderr', chunk);
  }

  #settle(child: ChildProcess, resolve: (end: PluginEnd) => void): void {
    const memory = setInterval(() => this.#watchMemory(), MEMORY_INTERVAL_MS);
    let drain: NodeJS.Timeout | undefined;
    const finish = () => {
      clearInterval(memory);
      clearTimeout(drain);
      child.stdout?.destroy();
      child.stderr?.destroy();
      if (child.connected) child.disconnect();
      resolve(this.#end({ exitCode: child.exitCode, signal: child.signalCode }));
    };
    child.once('exit', () => {
      clearInterval(memory);
      drain = setTimeout(finish, DRAIN_MS);
    });
    // After the exit, when all pipes are closed: the channel of messages is one of them.
    child.once('close', finish);
  }

  #watchMemory(): void {
    const taken = this.#group === undefined ? undefined : ownMemoryMegabytes(this.#group);
    if (taken === undefined || taken <= this.#options.memoryMegabytes + OUTSIDE_HEAP_MEGABYTES) return;
    this.#overMemory = true;
    this.signal('SIGKILL');
  }

  #end(how: Partial<PluginEnd>): PluginEnd {
    // An agent that dies while it ends the rest leaves it to the next one.
    if (!this.#isAborted) this.#entry?.ended();
    const end = { exitCode: null, signal: null, overMemory: false, stderrTail: this.#stderr.publicText(), ...how };
    return { ...end, overMemory: this.#overMemory || ranOutOfHeap(end) };
  }
}

/** V8 says so on stderr and aborts. */
function ranOutOfHeap({ exitCode, signal, stderrTail }: PluginEnd): boolean {
  const aborted = exitCode === 134 || ['SIGABRT', 'SIGTRAP', 'SIGILL'].includes(signal ?? '');
  return aborted && /heap out of memory|Allocation failed/.test(stderrTail);
}

/** From source, the built one beside it: Node 22.13 cannot run TypeScript. */
function ownHostFile(): string {
  const here = fileURLToPath(import.meta.url);
  const built = here.endsWith('.ts') ? '../../../dist/handlers/plugins/host.js' : 'host.js';
  return join(dirname(here), built);
}
