import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Simulator, type SimulatorAddresses } from '../../src/simulator/simulator.ts';
import { Operator } from '../support/world/operator.ts';
import type { AgentOrder, AgentReport } from './agent-process.ts';

const THING = 'pi';
const MAKING = 8;
/** statfs(2). */
const TMPFS_MAGIC = 0x01021994;

export interface Drain extends Pick<AgentOrder, 'kind' | 'jobs'> {
  readonly window?: boolean;
  /** Where the agent's state directory is made. */
  readonly place: string;
  readonly document: object;
  readonly concurrency: number;
  /** A program and its arguments before those of the agent's process. */
  readonly under?: readonly string[];
}

/** A simulator in this process, its data in memory, and one agent after another that drains a queue. */
export class QueueLab {
  readonly directory = mkdtempSync(join(memoryDirectory(), 'queue-'));
  readonly #simulator = new Simulator({ dataDirectory: join(this.directory, 'simulator') });
  readonly #operator = new Operator(() => `http://127.0.0.1:${this.#addresses?.httpPort}`, THING);
  #addresses: SimulatorAddresses | undefined;
  #made = 0;

  async start(): Promise<void> {
    this.#addresses = await this.#simulator.start();
    await this.#simulator.addThing(THING);
  }

  async stop(): Promise<void> {
    await this.#simulator.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The whole queue is there before a new agent comes; resolves when it is empty, and the agent has ended. */
  async drain({ kind, jobs, window = false, place, document, concurrency, under = [] }: Drain): Promise<AgentReport> {
    await this.#fill(jobs, document);
    const stateDirectory = mkdtempSync(join(place, 'drain-'));
    try {
      const order = { kind, jobs, window, settings: this.#settings(stateDirectory, concurrency) };
      return await runAgent(order, under);
    } finally {
      rmSync(stateDirectory, { recursive: true, force: true });
    }
  }

  async #fill(jobs: number, document: object): Promise<void> {
    for (let made = 0; made < jobs; made += MAKING) {
      const some = Array.from({ length: Math.min(MAKING, jobs - made) }, () => {
        this.#made += 1;
        return this.#operator.createJob(`job-${this.#made}`, document);
      });
      await Promise.all(some);
    }
  }

  #settings(stateDirectory: string, concurrency: number): AgentOrder['settings'] {
    const thing = join(this.directory, 'simulator', 'things', THING);
    return {
      thingName: THING,
      endpoint: '127.0.0.1',
      ...{ port: this.#addresses?.mqttPort, rootCaPath: this.#addresses?.caPath },
      ...{ certificatePath: join(thing, 'certificate.pem'), privateKeyPath: join(thing, 'private.key') },
      ...{ stateDirectory, jobs: { concurrency } },
    };
  }
}

async function runAgent(order: AgentOrder, under: readonly string[]): Promise<AgentReport> {
  const script = join(import.meta.dirname, 'agent-process.ts');
  const [file = process.execPath, ...args] = [
    ...under,
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    script,
  ];
  const child = spawn(file, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { PATH: process.env['PATH'] },
  });
  let report: AgentReport | undefined;
  child.once('message', (message) => {
    report = message as AgentReport;
  });
  child.send(order);
  await once(child, 'exit');
  if (!report) throw new Error('an agent ended before its queue was empty');
  return report;
}

/** Where syncs cost nothing. */
export function memoryDirectory(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

export function isInMemory(directory: string): boolean {
  return statfsSync(directory).type === TMPFS_MAGIC;
}
