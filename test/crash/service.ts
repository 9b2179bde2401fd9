import { join } from 'node:path';
import {
  CancelJobCommand,
  CreateJobCommand,
  DescribeJobExecutionCommand,
  IoTClient,
  type JobExecution,
} from '@aws-sdk/client-iot';
import { type LogLine, ThingAgentProcess } from '../support/lab.ts';

/** One simulator for all lanes, and what a test asks of it. */
export class Service {
  readonly #process: ThingAgentProcess;
  readonly #directory: string;
  #iot: IoTClient | undefined;

  constructor(directory: string, things: readonly string[]) {
    this.#directory = directory;
    const ports = ['--mqtt-port', '0', '--http-port', '0', '--https-port', '0'];
    const named = things.flatMap((thing) => ['--thing', thing]);
    this.#process = new ThingAgentProcess(['simulate', ...ports, '--data-dir', directory, ...named]);
  }

  async start(): Promise<void> {
    const ready: LogLine = await this.#process.line((line) => line['event'] === 'ready', 'ready event');
    this.#iot = new IoTClient({
      endpoint: `http://127.0.0.1:${String(ready['httpPort'])}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    // Sources disagree on it (docs/protocol.md, P40); this reading asks more of the agent.
    const settings = `http://127.0.0.1:${String(ready['httpPort'])}/_simulator/settings`;
    const answer = await fetch(settings, { method: 'PATCH', body: JSON.stringify({ rejectWhileInProgress: false }) });
    if (!answer.ok) throw new Error(`${settings}: ${await answer.text()}`);
  }

  /** The directory that the simulator has prepared for a thing. */
  thingDirectory(thing: string): string {
    return join(this.#directory, 'things', thing);
  }

  async create(jobId: string, thing: string, document: unknown): Promise<void> {
    const targets = [`arn:aws:iot:us-east-1:123456789012:thing/${thing}`];
    await this.#client.send(new CreateJobCommand({ jobId, targets, document: JSON.stringify(document) }));
  }

  async cancel(jobId: string): Promise<void> {
    await this.#client.send(new CancelJobCommand({ jobId, force: true }));
  }

  async execution(jobId: string, thingName: string): Promise<JobExecution | undefined> {
    return (await this.#client.send(new DescribeJobExecutionCommand({ jobId, thingName }))).execution;
  }

  async stop(): Promise<void> {
    this.#iot?.destroy();
    await this.#process.stop('SIGKILL');
  }

  get #client(): IoTClient {
    if (!this.#iot) throw new Error('the simulator has not started');
    return this.#iot;
  }
}
