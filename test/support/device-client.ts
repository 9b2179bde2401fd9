import { connectAsync, type MqttClient } from 'mqtt';
import { expect } from 'vitest';

/** A message as it came. */
export interface Received {
  readonly topic: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly qos: number;
  readonly retain: boolean;
}

export interface DeviceOptions {
  readonly thingName: string;
  readonly clientId: string;
  readonly port: number;
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

const WAIT = { timeout: 20_000, interval: 5 };

/** MQTT.js on the simulator's broker, with all that it has been sent. Nothing but the client judges what comes. */
export class DeviceClient {
  readonly thingName: string;
  readonly mqtt: MqttClient;
  readonly received: Received[] = [];
  #taken = 0;

  constructor(mqtt: MqttClient, thingName: string) {
    this.mqtt = mqtt;
    this.thingName = thingName;
    mqtt.on('message', (topic, payload, { qos, retain }) => {
      this.received.push({ topic, payload: JSON.parse(payload.toString()) as Received['payload'], qos, retain });
    });
  }

  static async connect({ thingName, port, ...options }: DeviceOptions): Promise<DeviceClient> {
    const mqtt = await connectAsync(`mqtts://localhost:${port}`, {
      ...options,
      protocolVersion: 4,
      reconnectPeriod: 0,
    });
    return new DeviceClient(mqtt, thingName);
  }

  /** `notify` → `$aws/things/T/jobs/notify`; what begins with a dollar sign stays as it is, unless it is `$next`. */
  topic(name: string): string {
    return name.startsWith('$aws') ? name : `$aws/things/${this.thingName}/jobs/${name}`;
  }

  async subscribe(...names: readonly string[]): Promise<void> {
    await this.mqtt.subscribeAsync(
      names.map((name) => this.topic(name)),
      { qos: 1 },
    );
  }

  /** To the two notifications of the thing. */
  async listen(): Promise<void> {
    await this.subscribe('notify', 'notify-next');
  }

  async publish(name: string, payload: string | object): Promise<void> {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    await this.mqtt.publishAsync(this.topic(name), text, { qos: 1 });
  }

  /** Sends a request and waits for its answer, accepted or rejected. */
  async request(name: string, payload: string | object = {}): Promise<Received> {
    const from = this.received.length;
    await this.publish(name, payload);
    const base = this.topic(name);
    return this.#next((topic) => topic === `${base}/accepted` || topic === `${base}/rejected`, from, base);
  }

  async accepted(name: string, payload: string | object = {}): Promise<Received['payload']> {
    const answer = await this.request(name, payload);
    expect([answer.topic, answer.payload]).toEqual([`${this.topic(name)}/accepted`, answer.payload]);
    return answer.payload;
  }

  async rejected(name: string, payload: string | object = {}): Promise<Received['payload']> {
    const answer = await this.request(name, payload);
    expect([answer.topic, answer.payload]).toEqual([`${this.topic(name)}/rejected`, answer.payload]);
    return answer.payload;
  }

  /**
   * What has come since the last call. The round trip of a request is the fence, and left out: what the service had sent
   * to this client before it is here.
   */
  async everything(): Promise<Received[]> {
    const clientToken = `fence-${this.received.length}`;
    await this.publish('get', { clientToken });
    await this.#next((_, payload) => payload['clientToken'] === clientToken, this.#taken, 'fence');
    const came = this.received.slice(this.#taken);
    this.#taken = this.received.length;
    return came.filter(({ payload }) => payload['clientToken'] !== clientToken);
  }

  /** The same without the answers to this client's own requests. */
  async taken(): Promise<Received[]> {
    return (await this.everything()).filter(({ topic }) => !isAnswer(topic));
  }

  /** The names of what has come since the last call, as `notify`; other topics whole. */
  async topics(): Promise<string[]> {
    const base = this.topic('');
    return (await this.taken()).map(({ topic }) => (topic.startsWith(base) ? topic.slice(base.length) : topic));
  }

  async close(): Promise<void> {
    await this.mqtt.endAsync(true);
  }

  async #next(
    wanted: (topic: string, payload: Received['payload']) => boolean,
    from: number,
    what: string,
  ): Promise<Received> {
    const find = () => this.received.slice(from).find(({ topic, payload }) => wanted(topic, payload));
    const found = await expect
      .poll(find, { ...WAIT, message: `no answer: ${what}` })
      .toBeDefined()
      .then(find);
    if (!found) throw new Error(`no answer: ${what}`);
    return found;
  }
}

/** An answer of the Jobs API; events have topics that end so too. */
export function isAnswer(topic: string): boolean {
  return /^\$aws\/things\/.*\/(accepted|rejected)$/.test(topic);
}

/** Resolves when the connection of an MQTT.js client is closed. */
export function closeOf(client: MqttClient): Promise<void> {
  return new Promise((resolve) => {
    client.once('close', () => resolve());
  });
}
