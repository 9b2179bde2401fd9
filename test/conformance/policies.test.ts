import { connectAsync, type IClientOptions, type MqttClient, connect as startConnecting } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ARN, ConformanceLab } from '../support/conformance-lab.ts';
import { closeOf } from '../support/device-client.ts';

/** IoT policies, as MQTT.js feels them. */
let lab: ConformanceLab;
let clients: MqttClient[] = [];
let names = 0;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterEach(async () => {
  for (const client of clients) await client.endAsync(true);
  clients = [];
});

afterAll(() => lab?.close());

/** `Publish`, `topic/x` …; the first word may be `Deny:`. */
type Rule = readonly [action: string, ...resources: string[]];

interface Identity {
  readonly thingName: string;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

const EVERYTHING: Rule = ['*', '*'];
const THING = `\${iot:Connection.Thing.ThingName}`;

/** A new thing with a certificate that may do just this; attached to the thing unless told otherwise. */
async function identity(rules: readonly Rule[], attached = true): Promise<Identity> {
  const thingName = await lab.thing();
  const {
    certificateArn,
    certificatePem: cert,
    keyPair,
  } = await lab.iot.createKeysAndCertificate({ setAsActive: true });
  const Statement = rules.map(([action, ...resources]) => ({
    Effect: action.startsWith('Deny:') ? 'Deny' : 'Allow',
    Action: `iot:${action.replace('Deny:', '')}`,
    Resource: resources.map((resource) => (resource === '*' ? '*' : `${ARN}:${resource}`)),
  }));
  names += 1;
  const policyName = `policy-${names}`;
  await lab.iot.createPolicy({ policyName, policyDocument: JSON.stringify({ Version: '2012-10-17', Statement }) });
  await lab.iot.attachPolicy({ policyName, target: certificateArn });
  if (attached) await lab.iot.attachThingPrincipal({ thingName, principal: certificateArn });
  return { thingName, cert, key: keyPair?.PrivateKey };
}

function options({ thingName, cert, key }: Identity): IClientOptions {
  const { ca } = lab.credentials();
  return {
    ...{ protocol: 'mqtts', host: 'localhost', port: lab.addresses.mqttPort, ca },
    ...{ ...(cert && { cert }), ...(key && { key }), clientId: thingName, protocolVersion: 4, reconnectPeriod: 0 },
  };
}

async function connect(device: Identity, clientId = device.thingName): Promise<MqttClient> {
  const client = await connectAsync({ ...options(device), clientId });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

/** Whether a publish is taken; else the connection is closed. */
function mayPublish(client: MqttClient, topic: string): Promise<boolean> {
  const closed = closeOf(client).then(() => false);
  const taken = client.publishAsync(topic, '', { qos: 1 }).then(
    () => true,
    () => closed,
  );
  return Promise.race([closed, taken]);
}

/** The codes of the SUBACK. */
async function subscribe(client: MqttClient, ...filters: string[]): Promise<number[]> {
  const codes: number[] = [];
  client.once('packetreceive', (packet) => {
    if (packet.cmd === 'suback') codes.push(...packet.granted.map(Number));
  });
  await client.subscribeAsync(filters, { qos: 1 }).catch(() => undefined);
  return codes;
}

describe('iot:Connect', () => {
  it('not allowed: the connection is refused, with AWS’s own return code 7 (AWS IoT developer guide, MQTT, differences)', async () => {
    const device = await identity([['Connect', 'client/somebody-else']]);
    await expect(connect(device)).rejects.toMatchObject({ code: 7 });
    await connect(device, 'somebody-else');
  });

  it('without a policy nothing is allowed (AWS IoT developer guide, AWS IoT Core policies)', async () => {
    const device = await identity([EVERYTHING]);
    const other = await identity([['Publish', '*']]);
    await connect(device);
    await expect(connect(other)).rejects.toMatchObject({ code: 7 });
  });
});

describe('iot:Publish', () => {
  it('not allowed: the connection is closed (AWS IoT developer guide, AWS IoT Core policy actions)', async () => {
    const client = await connect(
      await identity([
        ['Connect', '*'],
        ['Publish', 'topic/mine/*'],
      ]),
    );
    expect(await mayPublish(client, 'mine/1')).toBe(true);
    expect(await mayPublish(client, 'yours/1')).toBe(false);
  });

  it('not allowed: no Jobs request is answered (AWS IoT developer guide, AWS IoT Core policy actions)', async () => {
    const { thingName, ...certificate } = await identity([
      ['Connect', '*'],
      ['Publish', `topic/$aws/things/${THING}/jobs/get`],
    ]);
    const allowed = await connect({ thingName, ...certificate });
    expect(await mayPublish(allowed, `$aws/things/${thingName}/jobs/get`)).toBe(true);
    expect(await mayPublish(allowed, `$aws/things/${thingName}/jobs/start-next`)).toBe(false);
  });
});

describe('iot:Subscribe', () => {
  it('not allowed: 0x80 for that filter, and the connection stays (AWS IoT developer guide, AWS IoT Core policy actions)', async () => {
    const client = await connect(
      await identity([
        ['Connect', '*'],
        ['Publish', '*'],
        ['Subscribe', 'topicfilter/mine/*'],
      ]),
    );
    expect(await subscribe(client, 'mine/+', 'yours/+')).toEqual([1, 0x80]);
    expect(await mayPublish(client, 'any')).toBe(true);
  });
});

describe('iot:Receive', () => {
  it('not allowed: the message does not come (AWS IoT developer guide, AWS IoT Core policy actions)', async () => {
    const rules: Rule[] = [
      ['Connect', '*'],
      ['Publish', '*'],
      ['Subscribe', '*'],
      ['Receive', 'topic/news/good'],
    ];
    const client = await connect(await identity(rules));
    const topics: string[] = [];
    client.on('message', (topic) => topics.push(topic));
    await subscribe(client, 'news/+');
    for (const topic of ['news/bad', 'news/good']) await client.publishAsync(topic, '', { qos: 1 });
    await expect.poll(() => topics.includes('news/good'), { interval: 5 }).toBe(true);
    expect(topics).toEqual(['news/good']);
  });
});

describe('a policy', () => {
  it('has an explicit Deny win over any Allow (IAM user guide, Policy evaluation logic)', async () => {
    const client = await connect(await identity([EVERYTHING, ['Deny:Publish', 'topic/secret/*']]));
    expect(await mayPublish(client, 'public')).toBe(true);
    expect(await mayPublish(client, 'secret/1')).toBe(false);
  });

  it('has * for any characters, slashes too, and ? for one (AWS IoT developer guide, Using wildcard characters)', async () => {
    const device = await identity([
      ['Connect', '*'],
      ['Publish', 'topic/all/*', 'topic/room-?'],
    ]);
    const client = await connect(device);
    expect(await mayPublish(client, 'all/of/it')).toBe(true);
    expect(await mayPublish(client, 'room-1')).toBe(true);
    expect(await mayPublish(client, 'room-12')).toBe(false);
  });

  it('has + and # stand for themselves (AWS IoT developer guide, Using wildcard characters)', async () => {
    const client = await connect(
      await identity([
        ['Connect', '*'],
        ['Subscribe', 'topicfilter/a/+', 'topicfilter/b/#'],
      ]),
    );
    expect(await subscribe(client, 'a/+', 'a/1', 'b/#', 'b/1')).toEqual([1, 0x80, 1, 0x80]);
  });

  it('has iot:Connection.Thing.ThingName only for a client id that is the name of an attached thing (AWS IoT developer guide, Thing policy variables)', async () => {
    const rules: Rule[] = [
      ['Connect', '*'],
      ['Publish', `topic/of/${THING}`],
    ];
    const device = await identity(rules);
    expect(await mayPublish(await connect(device), `of/${device.thingName}`)).toBe(true);
    expect(await mayPublish(await connect(device, 'other-id'), `of/${device.thingName}`)).toBe(false);
    const loose = await identity(rules, false);
    expect(await mayPublish(await connect(loose), `of/${loose.thingName}`)).toBe(false);
  });

  it('has iot:ClientId for any client id (AWS IoT developer guide, Basic policy variables)', async () => {
    const device = await identity([
      ['Connect', '*'],
      ['Publish', `topic/of/\${iot:ClientId}`],
    ]);
    const client = await connect(device, 'any-id');
    expect(await mayPublish(client, 'of/any-id')).toBe(true);
    expect(await mayPublish(client, 'of/another-id')).toBe(false);
  });

  it('of a certificate that is switched off ends its connection (API reference, UpdateCertificate)', async () => {
    const device = await identity([EVERYTHING]);
    const closed = closeOf(await connect(device));
    const { principals = [] } = await lab.iot.listThingPrincipals({ thingName: device.thingName });
    const certificateId = principals[0]?.split('/').at(-1);
    await lab.iot.updateCertificate({ certificateId, newStatus: 'INACTIVE' });
    await closed;
    // No CONNACK comes, so MQTT.js has no error to tell of.
    const again = startConnecting(options(device));
    again.on('error', () => undefined);
    clients.push(again);
    await closeOf(again);
    expect(again.connected).toBe(false);
  });
});
