import { ThingAgentError } from '../../errors.ts';
import type { ProcessLedger } from '../../system/process-ledger.ts';
import { passedOnEnvironment } from '../child-environment.ts';
import type { Acceptance } from '../contract.ts';
import type { StepContext, StepResult } from '../step.ts';
import { PluginChild } from './child.ts';
import { endReason } from './end.ts';
import { examinePluginFile } from './file.ts';
import { publicAcceptance } from './redaction.ts';
import { runInChild } from './run.ts';
import { awaitPlugin, type StartedPlugin } from './start.ts';

export interface PluginOptions {
  /** MiB of JavaScript heap for each of its processes. */
  readonly memoryMegabytes: number;
  /** Milliseconds to start the process and import the plug-in; default LOAD_DEADLINE_MS. */
  readonly loadDeadlineMs?: number;
  /** Milliseconds to say whether it wants a document. */
  readonly acceptDeadlineMs?: number;
  /** Milliseconds that it may go on after its signal. */
  readonly stopGraceMs?: number;
  /** Milliseconds between TERM and KILL. */
  readonly killGraceMs?: number;
  /** Milliseconds that a process waits for more to do before it is ended. */
  readonly idleMs?: number;
  readonly hostFile?: string | undefined;
  /** For tests of a plug-in: modes and owners of its file are not looked at. */
  readonly trustAnyFile?: boolean;
  readonly ledger?: Pick<ProcessLedger, 'open'> | undefined;
}

/** Milliseconds: some boards take seconds for a start of Node alone. */
export const LOAD_DEADLINE_MS = 30_000;

interface Idle {
  readonly child: PluginChild;
  readonly version: string;
  readonly timer: NodeJS.Timeout;
}

/**
 * The agent's side of one plug-in. Its module is imported in processes of their own: one answers what it wants, and is
 * kept for a while; each run has one to itself, which ends with it. A device that has nothing to do has none.
 */
export class Plugin {
  readonly name: string;
  readonly path: string;
  readonly #options: Required<Omit<PluginOptions, 'hostFile' | 'ledger'>> & Pick<PluginOptions, 'hostFile' | 'ledger'>;
  readonly #children = new Set<PluginChild>();
  #idle: Idle | undefined;
  #lastAsk: Promise<unknown> = Promise.resolve();
  #asked = 0;

  constructor(name: string, path: string, options: PluginOptions) {
    this.name = name;
    this.path = path;
    this.#options = {
      loadDeadlineMs: LOAD_DEADLINE_MS,
      acceptDeadlineMs: 10_000,
      stopGraceMs: 5_000,
      killGraceMs: 1_000,
      idleMs: 60_000,
      trustAnyFile: false,
      ...options,
    };
  }

  /**
   * Whether it wants this document; asked one at a time. One that throws has declined.
   * @throws ThingAgentError PLUGIN_UNANSWERED, retryable, when it cannot be asked or does not answer in time: it has not
   * declined.
   */
  async accepts(document: unknown): Promise<Acceptance> {
    const answer = this.#lastAsk.then(() => this.#ask(document));
    this.#lastAsk = answer.catch(() => undefined);
    return answer;
  }

  /** Does the work of a job that it has accepted. Never rejects. */
  async run(context: StepContext): Promise<StepResult> {
    if (context.signal.aborted) return { outcome: 'interrupted' };
    const process = await this.#obtain(context);
    if (process.kind === 'fault') {
      return context.signal.aborted
        ? { outcome: 'interrupted' }
        : { outcome: 'failed', reason: process.problem, details: {} };
    }
    const { child } = process;
    const result = await runInChild(child, context, this.#options);
    if (child.garbage > 0) {
      context.log.warn({ plugin: this.name, messages: child.garbage }, 'a plug-in sent what is no message of ours');
    }
    return result;
  }

  /** Ends all of its processes at once. */
  end(): void {
    this.#dropIdle();
    for (const child of this.#children) child.signal('SIGKILL');
  }

  async #ask(document: unknown): Promise<Acceptance> {
    const process = await this.#obtain();
    if (process.kind === 'fault') throw this.#unanswered(`cannot be asked: ${process.problem}`);
    const { child, version } = process;
    const { acceptDeadlineMs, memoryMegabytes } = this.#options;
    this.#asked += 1;
    const id = this.#asked;
    const { promise, resolve, reject } = Promise.withResolvers<Acceptance>();
    const timer = setTimeout(
      () => reject(this.#unanswered(`did not say within ${acceptDeadlineMs} ms whether it accepts`)),
      acceptDeadlineMs,
    );
    child.listen((message) => {
      if (message.type === 'answer' && message.id === id) resolve(message.acceptance);
    });
    void child.ended.then((end) =>
      reject(this.#unanswered(`cannot be asked: ${endReason(end, memoryMegabytes)}${lastLine(end.stderrTail)}`)),
    );
    child.send({ type: 'ask', id, document: document ?? null });
    try {
      const acceptance = await promise;
      this.#keep(child, version);
      return publicAcceptance(acceptance);
    } catch (error) {
      child.signal('SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The idle process if the file is what it was, or a new one; its output goes to the context's log from the start. */
  async #obtain(context?: StepContext): Promise<(StartedPlugin & { kind: 'started'; version: string }) | Fault> {
    const file = await examinePluginFile(this.path, this.#options.trustAnyFile);
    if (file.kind === 'unsafe') {
      return { kind: 'fault', problem: `not permitted: ${this.path}: ${file.problem}` };
    }
    const { version, real } = file;
    const idle = this.#idle;
    this.#idle = undefined;
    clearTimeout(idle?.timer);
    if (idle?.version === version && idle.child.alive) {
      idle.child.pipeOutput(context?.output);
      return { kind: 'started', child: idle.child, name: this.name, version };
    }
    idle?.child.signal('SIGKILL');
    const options = { ...this.#options, environment: passedOnEnvironment(process.env) };
    const child = new PluginChild(real, options);
    child.pipeOutput(context?.output);
    this.#children.add(child);
    void child.ended.then(() => this.#children.delete(child));
    const started = await awaitPlugin(child, { ...options, deadlineMs: options.loadDeadlineMs }, context?.signal);
    if (started.kind === 'fault') return started;
    if (started.name === this.name) return { ...started, version };
    child.signal('SIGKILL');
    const problem = `its name was "${this.name}" when the agent started, and is "${started.name}" now: restart the agent`;
    return { kind: 'fault', problem };
  }

  #keep(child: PluginChild, version: string): void {
    child.pipeOutput(undefined);
    const timer = setTimeout(() => this.#dropIdle(), this.#options.idleMs).unref();
    this.#idle = { child, version, timer };
    void child.ended.then(() => {
      if (this.#idle?.child === child) this.#dropIdle();
    });
  }

  #dropIdle(): void {
    clearTimeout(this.#idle?.timer);
    this.#idle?.child.signal('SIGKILL');
    this.#idle = undefined;
  }

  #unanswered(what: string): ThingAgentError {
    return new ThingAgentError('PLUGIN_UNANSWERED', `plug-in "${this.name}" ${what}`, { retryable: true });
  }
}

type Fault = Extract<StartedPlugin, { kind: 'fault' }>;

function lastLine(stderr: string): string {
  const line = stderr.trim().split('\n').at(-1)?.trim();
  return line === undefined || line === '' ? '' : ` (${line.slice(0, 200)})`;
}
