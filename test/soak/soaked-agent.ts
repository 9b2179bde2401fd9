import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** What an agent holds when it has nothing to do. Bytes, but for `descriptors` and `inodes`. */
export interface Reading {
  /** The heap after a collection, and what hangs on it outside. */
  readonly heap: number;
  readonly resident: number;
  readonly descriptors: number;
  /** Of the state directory: what it contains, and the sizes of the files. */
  readonly inodes: number;
  readonly bytes: number;
  /** The journal and its log. */
  readonly journal: number;
}

/**
 * What V8 does to its heap by itself would hide a leak: the space of young objects grows by 16 MiB and more under load,
 * code that only the start needed is dropped, code that is hot is compiled, and what is known of types comes late.
 */
const STILL = [
  ...['--max-semi-space-size=1', '--no-flush-bytecode', '--no-lazy-feedback-allocation'],
  ...['--no-opt', '--no-maglev', '--no-sparkplug'],
];

interface News {
  readonly ended?: number;
  readonly error?: string;
  readonly reading?: Reading;
}

/** The process of soak-agent.mjs. */
export class SoakedAgent {
  readonly #child: ChildProcess;
  /** Errors that the agent has logged, and its process's end. */
  readonly troubles: string[] = [];
  /** Executions whose end the service has. */
  ended = 0;
  #onEnded = (): void => undefined;
  #onReading: (reading: Reading) => void = () => undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message) => this.#take(message as News));
    child.once('exit', (code, signal) => {
      if (code !== 0) this.troubles.push(`the agent's process ended with ${code ?? signal}`);
      this.#onEnded();
    });
  }

  static async start(settings: object): Promise<SoakedAgent> {
    const child = fork(join(import.meta.dirname, 'soak-agent.mjs'), {
      execArgv: ['--expose-gc', ...STILL],
      env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1' },
    });
    const agent = new SoakedAgent(child);
    child.send(settings);
    await once(child, 'message');
    return agent;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves at the next end of an execution, or at the end of the process. */
  nextEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEnded = resolve;
      if (!this.isAlive) resolve();
    });
  }

  read(): Promise<Reading> {
    const { promise, resolve } = Promise.withResolvers<Reading>();
    this.#onReading = resolve;
    this.#child.send('read');
    return promise;
  }

  async stop(): Promise<void> {
    if (!this.isAlive) return;
    const exit = once(this.#child, 'exit');
    this.#child.send('stop');
    await exit;
  }

  #take(news: News): void {
    if (news.error !== undefined) this.troubles.push(news.error);
    if (news.reading) this.#onReading(news.reading);
    if (news.ended === undefined) return;
    this.ended += news.ended;
    this.#onEnded();
  }
}
