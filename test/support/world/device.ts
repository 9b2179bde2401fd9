import { Agent } from '../../../src/agent/agent.ts';
import type { AgentConfig } from '../../../src/config/config.ts';
import { CONNECT_TIMEOUT_MS } from '../../../src/connection/attempt.ts';
import { OPERATION_DEADLINE_MS } from '../../../src/jobs/mqtt-jobs-client.ts';
import { openJournal } from '../../../src/journal/journal-file.ts';
import type { Log } from '../../../src/system/log.ts';
import { DeviceJournal, type Disk, type Results } from './device-journal.ts';
import { type Deeds, WorkPlanner } from './work.ts';
import { DeviceClock, type WorldClock } from './world-clock.ts';

export interface DeviceParts {
  readonly clock: WorldClock;
  readonly log: Log;
  readonly disk: Disk;
  readonly deeds: Deeds;
  readonly results: Results;
  /** A write has taken the device with it. */
  readonly onDeath: () => void;
}

/** The agent from one start to its stop or its death, as the process of a real one would be. */
export class Device {
  readonly clock: DeviceClock;
  readonly #agent: Agent;
  readonly #deeds: Deeds;
  readonly #death = Promise.withResolvers<void>();
  #journal: DeviceJournal | undefined;
  #isDead = false;

  constructor(config: AgentConfig, { clock: world, log, disk, deeds, results, onDeath }: DeviceParts) {
    this.clock = new DeviceClock(world);
    this.#deeds = deeds;
    const isDead = (): boolean => this.#isDead;
    const living = (level: keyof Log) => (fields: object, message: string) => {
      if (!isDead()) log[level](fields, message);
    };
    const ownLog = { debug: living('debug'), info: living('info'), warn: living('warn'), error: living('error') };
    this.#agent = new Agent(config, ownLog, {
      clock: this.clock,
      planner: new WorkPlanner(deeds, this.clock, isDead),
      openJournal: (directory, options) => {
        const { onUnavailable = () => undefined } = options;
        const journal = openJournal(directory, options);
        this.#journal = new DeviceJournal(journal, { disk, deeds, results, onDeath, onUnavailable });
        return this.#journal;
      },
    });
  }

  /** What its disk knows; undefined before the start. */
  get journal(): DeviceJournal | undefined {
    return this.#journal;
  }

  /** It waits for an answer, or for a connection: something may be under way. */
  get isAwaiting(): boolean {
    return this.clock.waits.some((ms) => ms === OPERATION_DEADLINE_MS || ms === CONNECT_TIMEOUT_MS);
  }

  /** Resolves when it dies. */
  get death(): Promise<void> {
    return this.#death.promise;
  }

  start(): Promise<void> {
    return this.#agent.start();
  }

  async stop(): Promise<void> {
    await this.#agent.stop();
    this.#leave();
  }

  /** As kill -9 does it: nothing is said, nothing more happens; the kernel closes its files. Its sockets are the world's. */
  die(): void {
    this.#leave();
    this.#journal?.close();
    this.#death.resolve();
  }

  #leave(): void {
    this.#isDead = true;
    this.clock.die();
    this.#deeds.died();
  }
}
