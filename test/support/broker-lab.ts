import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { choosePorts, type Ports } from './free-port.ts';
import { Lab, ThingAgentProcess } from './lab.ts';
import { Mosquitto } from './mosquitto.ts';

/** A lab whose simulator is attached to a Mosquitto, the way the README tells it. Nothing is started at first. */
export class BrokerLab extends Lab {
  readonly mosquitto: Mosquitto;
  readonly #chosen: Ports;
  #process: ThingAgentProcess | undefined;
  #addresses: Lab['ports'] | undefined;

  private constructor(ports: Ports, rules: readonly string[]) {
    super();
    this.#chosen = ports;
    const rulesPath = join(this.directory, 'acl');
    writeFileSync(rulesPath, rules.map((rule) => `${rule}\n`).join(''));
    const files = {
      ca: join(this.directory, 'simulator/ca.pem'),
      certificate: join(this.directory, 'simulator/broker/certificate.pem'),
      key: join(this.directory, 'simulator/broker/private.key'),
    };
    const further = rules.length > 0 ? [`acl_file ${rulesPath}`] : [];
    this.mosquitto = new Mosquitto(this.directory, ports.mqttPort, files, further);
  }

  /** `rules`: lines of Mosquitto's ACL file; none allow everything. */
  static async prepare(...rules: string[]): Promise<BrokerLab> {
    return new BrokerLab(await choosePorts(), rules);
  }

  override get ports(): Lab['ports'] {
    if (!this.#addresses) throw new Error('the simulator is not up');
    return this.#addresses;
  }

  get simulator(): ThingAgentProcess {
    if (!this.#process) throw new Error('the simulator was not launched');
    return this.#process;
  }

  /** Starts the process, which waits for the broker. */
  launchSimulator(...flags: string[]): ThingAgentProcess {
    const { httpPort, httpsPort } = this.#chosen;
    this.#process = new ThingAgentProcess([
      'simulate',
      ...['--broker', `mqtts://127.0.0.1:${this.mosquitto.port}`],
      ...['--http-port', String(httpPort), '--https-port', String(httpsPort)],
      ...['--data-dir', join(this.directory, 'simulator'), '--thing', 'pi', '--thing', 'other'],
      ...flags,
    ]);
    return this.#process;
  }

  /** Waits until the simulator is attached. */
  async ready(): Promise<void> {
    const line = await this.simulator.line(({ event }) => event === 'ready', 'ready event');
    this.#addresses = line as unknown as Lab['ports'];
  }

  /** Both, in the order of the README: the simulator writes what the broker needs, and then waits for it. */
  override async startSimulator(): Promise<void> {
    const simulator = this.launchSimulator();
    await expect.poll(() => simulator.stderr).toContain('no connection to the broker');
    await this.mosquitto.start();
    await this.ready();
  }

  override async stopSimulator(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#process?.stop(signal);
  }

  override async close(): Promise<void> {
    await super.close();
    await this.mosquitto.stop();
  }
}
