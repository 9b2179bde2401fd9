import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { IoTClient } from '@aws-sdk/client-iot';
import type { LoopReading } from './fleet-probe.ts';
import { cpuSeconds, rssKiB } from './fleet-process.ts';

interface Addresses {
  readonly mqttPort: number;
  readonly httpPort: number;
  readonly caPath: string;
}

export interface SimulatorOptions {
  /** Where `main.js` is. */
  readonly dist: string;
  readonly dataDirectory: string;
  /** Where V8 writes a CPU profile when the process ends. */
  readonly profileDirectory?: string | undefined;
}

/** A simulator process as users start it, with the event loop's probe inside. */
export class SimulatorProcess {
  readonly addresses: Addresses;
  readonly iot: IoTClient;
  readonly #child: ChildProcess;
  readonly #pid: number;

  private constructor(child: ChildProcess, pid: number, addresses: Addresses) {
    this.#child = child;
    this.#pid = pid;
    this.addresses = addresses;
    this.iot = new IoTClient({
      endpoint: `http://127.0.0.1:${addresses.httpPort}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
  }

  static async start({ dist, dataDirectory, profileDirectory }: SimulatorOptions): Promise<SimulatorProcess> {
    const probe = ['--import', join(import.meta.dirname, 'fleet-probe.ts')];
    const profile = profileDirectory === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDirectory];
    const ports = ['--mqtt-port', '0', '--http-port', '0', '--https-port', '0'];
    const args = [...probe, ...profile, join(dist, 'main.js'), 'simulate', ...ports, '--data-dir', dataDirectory];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'] },
    });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4_000);
    });
    if (!child.stdout || child.pid === undefined) throw new Error('the simulator cannot be started');
    const lines = createInterface({ input: child.stdout });
    const first = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => undefined)]);
    if (!first) throw new Error(`the simulator ended before it was ready:\n${said}`);
    return new SimulatorProcess(child, child.pid, JSON.parse(String(first[0])) as Addresses);
  }

  get cpuSeconds(): number {
    return cpuSeconds(this.#pid);
  }

  get rssKiB(): number {
    return rssKiB(this.#pid);
  }

  /** The event loop since the last reading. */
  async readLoop(): Promise<LoopReading> {
    const answer = once(this.#child, 'message');
    this.#child.send('read');
    return (await answer)[0] as LoopReading;
  }

  async stop(): Promise<void> {
    this.iot.destroy();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}
