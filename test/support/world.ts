import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { AgentConfig } from '../../src/config/config.ts';
import { validateConfig } from '../../src/config/validate.ts';
import type { FaultOrder } from '../../src/simulator/faults/fault-rule.ts';
import { seededRandom } from '../../src/simulator/faults/random-source.ts';
import { Simulator, type SimulatorAddresses } from '../../src/simulator/simulator.ts';
import type { Log } from '../../src/system/log.ts';
import { choosePorts, type Ports } from './free-port.ts';
import { Device } from './world/device.ts';
import type { Disk, Results } from './world/device-journal.ts';
import { Network } from './world/network.ts';
import { Operator, type ServiceExecution } from './world/operator.ts';
import { quiet } from './world/quiet.ts';
import { Deeds } from './world/work.ts';
import { WorldClock } from './world/world-clock.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const WEEK = 7 * DAY;

/** A Monday, with a fraction of a second, so that rounding shows. */
const START = Date.UTC(2035, 0, 1) + 300;
const THING = 'pi';
export const JOBS = `$aws/things/${THING}/jobs`;
const ENDED = new Set(['SUCCEEDED', 'FAILED', 'REJECTED', 'CANCELED', 'TIMED_OUT', 'REMOVED']);
const LOG_LINES = 400;
const REAL_LIMIT_MS = 20_000;

export interface WorldOptions {
  readonly concurrency?: number;
  readonly maxInterruptions?: number;
  /** Of the jitter of everything that is tried again. */
  readonly seed?: number;
}

/**
 * The whole agent and the whole simulator in one process and on one clock, with real TLS, MQTT and SQLite between them:
 * weeks pass in the time that their messages take. Only the steps of jobs are in-process, see work.ts.
 */
export class World {
  readonly clock = new WorldClock(START);
  readonly network = new Network();
  readonly operator = new Operator(() => `http://127.0.0.1:${this.#addresses?.httpPort}`, THING);
  readonly disk: Disk = { failures: 0 };
  deeds = new Deeds(() => this.clock.now());
  results: Results = new Map();
  /** What the agent has logged, the newest lines. */
  readonly log: { readonly level: string; readonly text: string; readonly fields: object; readonly at: number }[] = [];
  /** What should not come to pass at all: faults of the simulator, of an appointment. */
  readonly faults: unknown[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'thing-agent-world-'));
  readonly #options: WorldOptions;
  readonly #random = Math.random;
  #simulator: Simulator | undefined;
  #addresses: SimulatorAddresses | undefined;
  #ports: Ports | undefined;
  #port = 0;
  #device: Device | undefined;
  #states = 1;
  #boots = 0;

  private constructor(options: WorldOptions) {
    this.#options = options;
  }

  /** Everything runs, and the agent has its first list. */
  static async start(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    world.reseed(options.seed ?? 1);
    world.clock.onFault((error) => world.faults.push(error));
    await world.startSimulator();
    world.#boot();
    world.#port = await world.network.start(world.addresses.mqttPort);
    await world.startDevice();
    await world.settle();
    return world;
  }

  async close(): Promise<void> {
    this.killDevice();
    await this.network.stop();
    await this.#simulator?.stop();
    this.clock.stop();
    Math.random = this.#random;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The agent's jitter comes from Math.random: the same for the same seed. */
  reseed(seed: number): void {
    Math.random = seededRandom(seed);
  }

  /** The simulator's. */
  get dataDirectory(): string {
    return join(this.#directory, 'simulator');
  }

  get addresses(): SimulatorAddresses {
    if (!this.#addresses) throw new Error('the simulator has never been started');
    return this.#addresses;
  }

  get simulator(): Simulator {
    if (!this.#simulator) throw new Error('the simulator is not up');
    return this.#simulator;
  }

  get isServiceUp(): boolean {
    return this.#simulator !== undefined;
  }

  get isDeviceUp(): boolean {
    return this.#device !== undefined;
  }

  get device(): Device {
    if (!this.#device) throw new Error('the device is not up');
    return this.#device;
  }

  // --- The device

  async startDevice(): Promise<void> {
    this.#device = new Device(this.#config(), {
      ...{ clock: this.clock, disk: this.disk, deeds: this.deeds, results: this.results },
      log: this.#log(),
      onDeath: () => this.killDevice(),
    });
    await this.#device.start();
  }

  /** SIGTERM: time passes until the agent has stopped, or has died over it. */
  async stopDevice(): Promise<void> {
    const { device } = this;
    await this.drive(Promise.race([device.stop(), device.death]));
    this.#device = undefined;
    this.network.cut();
  }

  /** kill -9, or loss of power. */
  killDevice(): void {
    this.#device?.die();
    this.#device = undefined;
    this.network.cut();
  }

  /** It starts anew, with another boot id, as after a reboot or a loss of power. */
  async rebootDevice(): Promise<void> {
    this.killDevice();
    this.#boot();
    await this.startDevice();
  }

  /** No jobs, nothing in the way, and a new device that has its first list. */
  async beginAnew(): Promise<void> {
    await this.operator.reset();
    this.network.weather = 'fair';
    await this.newDevice();
    await this.settle();
  }

  /** A device of the same thing with an empty disk, on which nothing has been done. */
  async newDevice(): Promise<void> {
    this.killDevice();
    this.disk.failures = 0;
    this.disk.fatal = undefined;
    rmSync(this.#stateDirectory, { recursive: true, force: true });
    this.#states += 1;
    this.deeds = new Deeds(() => this.clock.now());
    this.results = new Map();
    this.log.length = 0;
    await this.startDevice();
  }

  // --- The service

  async startSimulator(): Promise<void> {
    this.#ports ??= await choosePorts();
    const simulator = new Simulator({
      ...{ dataDirectory: join(this.#directory, 'simulator'), clock: this.clock, ...this.#ports },
      onFault: (error) => this.faults.push(error),
    });
    this.#addresses = await simulator.start();
    await simulator.addThing(THING);
    this.#simulator = simulator;
  }

  async stopSimulator(): Promise<void> {
    const { simulator } = this;
    this.#simulator = undefined;
    await simulator.stop();
  }

  order(fault: FaultOrder): void {
    this.simulator.faults.add(fault);
  }

  /** The execution as the service has it; undefined: it has none. The latest, if no number is given. */
  async execution(jobId: string, executionNumber?: number): Promise<ServiceExecution | undefined> {
    const all = await this.operator.executions();
    return all.findLast(
      (execution) =>
        execution.jobId === jobId && (executionNumber ?? execution.executionNumber) === execution.executionNumber,
    );
  }

  /** Time passes until the execution has ended: its status. */
  async outcome(jobId: string, within = HOUR, executionNumber?: number): Promise<string> {
    let found: ServiceExecution | undefined;
    await this.until(
      `${jobId} has ended`,
      async () => {
        found = await this.execution(jobId, executionNumber);
        return found !== undefined && ENDED.has(found.status);
      },
      within,
    );
    return found?.status ?? '';
  }

  // --- Time

  /** All that is under way arrives, and no time passes. */
  settle(): Promise<void> {
    return quiet(
      () => this.#device?.isAwaiting ?? false,
      () => {
        if (this.clock.next <= this.clock.now()) this.clock.advance(0);
      },
    );
  }

  /**
   * Lets milliseconds pass: to each thing that is due, and there all arrives that it sets off.
   * @param grain with less than this to the next thing due, time passes it: as if the device had been suspended
   */
  async advance(ms: number, grain = 0): Promise<void> {
    const target = this.clock.now() + ms;
    await this.settle();
    while (this.clock.now() < target) await this.#step(target, grain);
  }

  /** Lets time pass until it is so. Throws when it is not after so many milliseconds. */
  async until(what: string, isSo: () => boolean | Promise<boolean>, within = HOUR): Promise<void> {
    const limit = this.clock.now() + within;
    for (;;) {
      await this.settle();
      if (await isSo()) return;
      if (this.clock.now() >= limit) throw new Error(`not within ${within / SECOND} s: ${what}\n${this.story()}`);
      await this.#step(limit, 0);
    }
  }

  /** For what a real process does: the machine's time passes until it is so, and none of the world's. */
  async reallyUntil(what: string, isSo: () => boolean): Promise<void> {
    for (const begin = performance.now(); !isSo(); await setTimeout(5)) {
      if (performance.now() - begin > REAL_LIMIT_MS) throw new Error(`it never came to pass: ${what}\n${this.story()}`);
    }
    await this.settle();
  }

  /** Lets time pass until the promise is settled. */
  async drive<T>(promise: Promise<T>, within = HOUR): Promise<T> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    promise.then(settled, settled);
    await this.until('a promise is settled', () => isSettled, within);
    return promise;
  }

  async #step(target: number, grain: number): Promise<void> {
    const now = this.clock.now();
    const to = Math.min(target, Math.max(this.clock.next, now + grain));
    this.clock.advance(Math.max(0, to - now));
    await this.settle();
  }

  // --- For whoever has to find out why

  /** The agent's newest log lines. */
  story(lines = 40): string {
    return this.log
      .slice(-lines)
      .map(({ at, level, text, fields }) => {
        const shown = JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.message : value));
        return `${((at - START) / SECOND).toFixed(3)} ${level} ${text} ${shown}`;
      })
      .join('\n');
  }

  #boot(): void {
    this.#boots += 1;
    writeFileSync(this.#bootIdPath, `boot-${this.#boots}\n`);
  }

  get #bootIdPath(): string {
    return join(this.#directory, 'boot-id');
  }

  get #stateDirectory(): string {
    return join(this.#directory, `state-${this.#states}`);
  }

  #log(): Log {
    const add = (level: string) => (fields: object, text: string) => {
      this.log.push({ level, text, fields, at: this.clock.now() });
      if (this.log.length > LOG_LINES) this.log.shift();
    };
    return { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') };
  }

  #config(): AgentConfig {
    const { concurrency = 1, maxInterruptions = 3 } = this.#options;
    const directory = join(this.#directory, 'simulator', 'things', THING);
    const validated = validateConfig(
      {
        ...{ thingName: THING, endpoint: '127.0.0.1', port: this.#port, rootCaPath: this.addresses.caPath },
        ...{ certificatePath: join(directory, 'certificate.pem'), privateKeyPath: join(directory, 'private.key') },
        stateDirectory: this.#stateDirectory,
        // Steps of days are nothing special here.
        jobs: { concurrency, maxInterruptions, stepTimeoutSeconds: WEEK / SECOND },
        reboot: { command: ['true'], shutdownCommand: ['true'], bootIdPath: this.#bootIdPath },
      },
      directory,
    );
    if (!validated.ok) throw new Error(validated.problems.join('\n'));
    return validated.config;
  }
}
