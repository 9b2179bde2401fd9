import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LoadNews, LoadOrder } from './fleet-load.ts';
import { cpuSeconds } from './fleet-process.ts';

export interface FleetEvents {
  ended(jobId: string, ms: number): void;
  trouble(what: string): void;
}

/** The devices of one step, shared among load processes. */
export class FleetDevices {
  readonly #events: FleetEvents;
  readonly #processes: ChildProcess[] = [];
  #stopping = false;

  constructor(events: FleetEvents) {
    this.#events = events;
  }

  /** Makes processes that are ready to connect. */
  async prepare(processes: number): Promise<void> {
    await Promise.all(Array.from({ length: processes }, () => this.#spawn()));
  }

  /** Resolves when every device is connected and has its list. */
  async connect(order: LoadOrder): Promise<void> {
    const ready = this.#processes.map((child, share) => {
      const things = order.things.filter((_thing, index) => index % this.#processes.length === share);
      child.send({ ...order, things } satisfies LoadOrder);
      return this.#next(child, 'ready');
    });
    await Promise.all(ready);
  }

  get cpuSeconds(): number {
    return this.#processes.reduce((sum, { pid }) => sum + (pid === undefined ? 0 : cpuSeconds(pid)), 0);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const running = this.#processes.filter((child) => child.exitCode === null && child.signalCode === null);
    await Promise.all(
      running.map(async (child) => {
        const ended = once(child, 'exit');
        child.send('stop');
        await ended;
      }),
    );
  }

  async #spawn(): Promise<void> {
    const child = fork(join(import.meta.dirname, 'fleet-load.ts'), { env: { PATH: process.env['PATH'] } });
    this.#processes.push(child);
    child.on('message', (message) => this.#take(message as LoadNews));
    child.once('exit', (code, signal) => {
      if (!this.#stopping) this.#events.trouble(`a load process ended with ${code ?? signal}`);
    });
    await this.#next(child, 'loaded');
  }

  #next(child: ChildProcess, event: LoadNews['event']): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const take = (message: unknown): void => {
      if ((message as LoadNews).event === event) resolve();
    };
    const end = (): void => reject(new Error(`a load process ended before it was ${event}`));
    child.on('message', take).once('exit', end);
    return promise.finally(() => child.off('message', take).off('exit', end));
  }

  #take(news: LoadNews): void {
    if (news.event === 'trouble') this.#events.trouble(news.what);
    if (news.event === 'ended') for (const [jobId, ms] of news.ended) this.#events.ended(jobId, ms);
  }
}
