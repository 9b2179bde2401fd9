import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CreateJobCommandInput, IoT } from '@aws-sdk/client-iot';
import { IoTJobsDataPlane } from '@aws-sdk/client-iot-jobs-data-plane';
import { MovableClock } from '../../src/simulator/movable-clock.ts';
import { Simulator, type SimulatorAddresses } from '../../src/simulator/simulator.ts';
import { DeviceClient } from './device-client.ts';

export const ARN = 'arn:aws:iot:us-east-1:123456789012';
/** A Monday; with a fraction of a second, so that rounding shows. The time stands still unless a test moves it. */
export const START = Date.UTC(2035, 0, 1) + 700;
export const SECOND = 1000;
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
/** A thing with a certificate, whose policy allows everything: what the labs' MQTT clients show. */
export const CERTIFIED = 'certified';

export type Fields = Readonly<Record<string, unknown>>;

type JobFields = Omit<Partial<CreateJobCommandInput>, 'document' | 'jobId' | 'targets'> & {
  readonly document?: unknown;
};

/** A simulator on ports of its own, and AWS's own clients for it. */
export class ConformanceLab {
  readonly simulator: Simulator;
  readonly addresses: SimulatorAddresses;
  readonly directory: string;
  /** Signs for the control plane. Nothing is tried twice: a test sees the first answer. */
  readonly iot: IoT;
  /** Signs for the Jobs data plane. */
  readonly dataPlane: IoTJobsDataPlane;
  readonly #devices: DeviceClient[] = [];
  #things = 0;

  constructor(simulator: Simulator, addresses: SimulatorAddresses, directory: string) {
    this.simulator = simulator;
    this.addresses = addresses;
    this.directory = directory;
    this.iot = new IoT(this.clientOptions);
    this.dataPlane = new IoTJobsDataPlane(this.clientOptions);
  }

  static async start(): Promise<ConformanceLab> {
    const directory = mkdtempSync(join(tmpdir(), 'thing-agent-conformance-'));
    const simulator = new Simulator({ dataDirectory: directory, clock: new MovableClock({ source: () => START }) });
    const addresses = await simulator.start();
    await simulator.addThing(CERTIFIED);
    return new ConformanceLab(simulator, addresses, directory);
  }

  get url(): string {
    return `http://127.0.0.1:${this.addresses.httpPort}`;
  }

  get clientOptions() {
    return {
      endpoint: this.url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
    };
  }

  /** The time of the service in whole seconds, as messages to devices tell it. */
  get now(): number {
    return Math.floor(this.simulator.clock.now() / 1000);
  }

  advance(milliseconds: number): void {
    this.simulator.clock.advance(milliseconds);
  }

  /** A new thing, which no other test has. */
  async thing(): Promise<string> {
    this.#things += 1;
    const thingName = `thing-${this.#things}`;
    await this.iot.createThing({ thingName });
    return thingName;
  }

  things(count: number): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, () => this.thing()));
  }

  /** A new thing group with these members. */
  async group(thingGroupName: string, ...things: readonly string[]): Promise<string> {
    await this.iot.createThingGroup({ thingGroupName });
    for (const thingName of things) await this.iot.addThingToThingGroup({ thingGroupName, thingName });
    return thingGroupName;
  }

  /** An MQTT client that may do anything; for a thing of its own if none is named. */
  async device(thingName?: string, clientId?: string): Promise<DeviceClient> {
    const thing = thingName ?? (await this.thing());
    const device = await DeviceClient.connect({
      thingName: thing,
      clientId: clientId ?? `${thing}-${this.#devices.length}`,
      port: this.addresses.mqttPort,
      ...this.credentials(),
    });
    this.#devices.push(device);
    return device;
  }

  /** The certificate and key of a thing that was added, and the CA's certificate. */
  credentials(thingName = CERTIFIED): { ca: Buffer; cert: Buffer; key: Buffer } {
    const directory = join(this.directory, 'things', thingName);
    return {
      ca: readFileSync(this.addresses.caPath),
      cert: readFileSync(join(directory, 'certificate.pem')),
      key: readFileSync(join(directory, 'private.key')),
    };
  }

  /** For one thing, several, or `@group`; with the document `{}` unless the job has one or comes from a template. */
  async createJob(jobId: string, targets: string | readonly string[], fields: JobFields = {}): Promise<void> {
    const { document, ...rest } = fields;
    const bare = document === undefined && (rest.jobTemplateArn ?? rest.documentSource) !== undefined;
    await this.iot.createJob({
      jobId,
      targets: [targets].flat().map(targetArn),
      ...(bare ? {} : { document: typeof document === 'string' ? document : JSON.stringify(document ?? {}) }),
      ...rest,
    });
  }

  async job(jobId: string) {
    const { job } = await this.iot.describeJob({ jobId });
    if (!job) throw new Error(`no job ${jobId}`);
    return job;
  }

  async execution(thingName: string, jobId: string, executionNumber?: number) {
    const numbered = executionNumber === undefined ? {} : { executionNumber };
    const { execution } = await this.iot.describeJobExecution({ thingName, jobId, ...numbered });
    if (!execution) throw new Error(`no execution of ${jobId}`);
    return execution;
  }

  /** The status of each thing's last execution of a job. */
  async statuses(jobId: string, things: readonly string[]): Promise<(string | undefined)[]> {
    const { executionSummaries = [] } = await this.iot.listJobExecutionsForJob({ jobId, maxResults: 250 });
    const byThing = new Map(
      executionSummaries.map(({ thingArn, jobExecutionSummary }) => [thingArn, jobExecutionSummary?.status]),
    );
    return things.map((thing) => byThing.get(targetArn(thing)));
  }

  async close(): Promise<void> {
    for (const device of this.#devices) await device.close();
    this.iot.destroy();
    this.dataPlane.destroy();
    await this.simulator.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** `@name` is a group, a name alone a thing. */
export function targetArn(name: string): string {
  return name.startsWith('@') ? `${ARN}:thinggroup/${name.slice(1)}` : `${ARN}:thing/${name}`;
}

/** What a refusal of the service looks like to AWS's SDK. */
export function refusal(name: string, httpStatusCode: number) {
  return { name, $metadata: { httpStatusCode } };
}
