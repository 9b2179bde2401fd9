import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ALLOW_ALL, ARN, GateLab, type Identity, type RawClient } from './gate-lab.ts';

/** How the broker enforces IoT policies (developer guide, "AWS IoT Core policy actions"). */
const lab = new GateLab();
const thing = `\${iot:Connection.Thing.ThingName}`;
const jobs = `topic/$aws/things/${thing}/jobs`;
let device: Identity;
let admin: Identity;

const allow = (action: string, ...resources: string[]) => ({
  Effect: 'Allow',
  Action: `iot:${action}`,
  Resource: resources.map((resource) => `${ARN}:${resource}`),
});

beforeAll(async () => {
  await lab.start();
  admin = await lab.identity('admin', ALLOW_ALL);
  device = await lab.identity(
    'pi',
    allow('Connect', `client/${thing}`),
    allow('Publish', `${jobs}/*`, 'topic/own/*'),
    { ...allow('Publish', `topic/own/secret`), Effect: 'Deny' },
    allow('Subscribe', `topicfilter/$aws/things/${thing}/jobs/*`, 'topicfilter/own/*', 'topicfilter/news/#'),
    allow('Receive', `${jobs}/get/accepted`, `${jobs}/notify`, 'topic/own/*', 'topic/news/a'),
  );
});
afterEach(() => lab.reset());
afterAll(() => lab.stop());

const base = '$aws/things/pi/jobs';

async function refusal(client: RawClient, clientId: string, fields: object = {}): Promise<unknown> {
  client.connect(clientId, fields);
  const connack = await client.next('connack');
  await client.closed;
  return connack;
}

describe('iot:Connect', () => {
  it('forbidden for this client id: CONNACK 7, AWS’s own, and the end', async () => {
    expect(await refusal(await lab.dial(device), 'other')).toMatchObject({ returnCode: 7 });
    expect(lab.log.list()).toEqual([
      expect.objectContaining({ event: 'refuse', client: 'other', reason: 'no policy allows iot:Connect' }),
    ]);
  });

  it('forbidden does not displace who has that client id', async () => {
    const first = await lab.connect(admin, 'taken');
    await refusal(await lab.dial(device), 'taken');
    await first.settled();
    expect(first.isClosed).toBe(false);
  });

  it('may come from a policy of a group that the thing is in, for a client with the thing’s name alone', async () => {
    const { registry } = lab.account;
    const grouped = await lab.identity('grouped', allow('Publish', 'topic/none'));
    const group = registry.groups.create('house');
    registry.policies.create('of-the-house', JSON.stringify({ Version: '2012-10-17', Statement: [ALLOW_ALL] }));
    registry.attachPolicy('of-the-house', group.thingGroupArn);
    expect(await refusal(await lab.dial(grouped), 'grouped')).toMatchObject({ returnCode: 7 });
    registry.membership.add('grouped', 'house');
    expect(await refusal(await lab.dial(grouped), 'another')).toMatchObject({ returnCode: 7 });
    await lab.connect(grouped, 'grouped');
  });

  it.each([
    ['the thing’s attributes', 'iot:Connection.Thing.Attributes[room]', 'kitchen'],
    ['the certificate’s subject', 'iot:Certificate.Subject.CommonName', 'AWS IoT Certificate'],
    ['the certificate’s issuer', 'iot:Certificate.Issuer.CommonName', 'thing-agent simulator CA'],
  ])('may depend on %s', async (_name, key, value) => {
    const on = (wanted: string) => ({
      ...allow('Connect', 'client/*'),
      Condition: { StringEquals: { [key]: wanted } },
    });
    if (!lab.account.registry.thingExists('cook')) lab.account.registry.things.create('cook');
    lab.account.registry.things.update('cook', { attributes: { room: 'kitchen' } });
    await lab.connect(await lab.identity('cook', on(value)), 'cook');
    expect(await refusal(await lab.dial(await lab.identity('cook', on('other'))), 'cook')).toMatchObject({
      returnCode: 7,
    });
  });

  it('knows what the connection asks for: a persistent session, a will and its topic', async () => {
    const plain = await lab.identity('plain', {
      ...allow('Connect', 'client/*'),
      Condition: { 'ForAllValues:StringEquals': { 'iot:ConnectAttributes': ['PersistentConnect'] } },
    });
    const will = { topic: 'w', payload: Buffer.from(''), qos: 0, retain: false } as const;
    expect(await refusal(await lab.dial(plain), 'plain', { will })).toMatchObject({ returnCode: 7 });
    await lab.connect(plain, 'plain', { clean: false });
    const lasting = await lab.identity('lasting', {
      ...allow('Connect', 'client/*'),
      Condition: { ArnEquals: { 'iot:LastWillTopic': `${ARN}:topic/w` } },
    });
    await lab.connect(lasting, 'lasting', { will });
    expect(await refusal(await lab.dial(lasting), 'lasting', { will: { ...will, topic: 'v' } })).toMatchObject({
      returnCode: 7,
    });
  });
});

describe('iot:Publish', () => {
  it.each([
    ['own/secret'],
    ['elsewhere'],
    ['$aws/things/other/jobs/get'],
  ])('forbidden on %s: the connection closes, and the message reaches nobody', async (topic) => {
    const watcher = await lab.connect(admin, 'watcher');
    await watcher.subscribe('#');
    const client = await lab.connect(device, 'pi');
    client.publish(topic);
    await client.closed;
    expect(client.order).toEqual([]);
    watcher.publish('after');
    await expect.poll(() => watcher.topics).toEqual(['after']);
  });

  it('of a retained message needs iot:RetainPublish too', async () => {
    const client = await lab.connect(device, 'pi');
    client.publish('own/a');
    await client.next('puback');
    client.publish('own/a', '', { retain: true });
    await client.closed;
  });

  it('forbidden on the topic of a will: nobody gets it', async () => {
    const watcher = await lab.connect(admin, 'watcher');
    await watcher.subscribe('#');
    for (const topic of ['own/secret', 'own/will']) {
      const will = { topic, payload: Buffer.from(''), qos: 0, retain: false } as const;
      await (await lab.connect(device, 'pi', { will })).destroy();
    }
    await expect.poll(() => watcher.topics).toEqual(['own/will']);
  });
});

describe('iot:Subscribe', () => {
  it('forbidden for a filter: 0x80 for that filter alone', async () => {
    const client = await lab.connect(device, 'pi');
    expect(await client.subscribe('own/a', '#', `${base}/notify`, 'news/a')).toEqual([1, 0x80, 1, 0x80]);
    expect(await client.subscribe('#')).toEqual([0x80]);
    lab.broker.publish('news/a', {});
    lab.broker.publish('own/a', {});
    await expect.poll(() => client.topics).toEqual(['own/a']);
  });
});

describe('iot:Receive', () => {
  it('forbidden for a topic: its messages do not come, others do', async () => {
    const client = await lab.connect(device, 'pi');
    await client.subscribe('news/#');
    for (const topic of ['news/b', 'news/a']) lab.broker.publish(topic, {});
    await expect.poll(() => client.topics).toEqual(['news/a']);
  });

  it('forbidden for answers: they do not come, though the request is done', async () => {
    const client = await lab.connect(device, 'pi');
    client.publish(`${base}/start-next`, '{}');
    client.publish(`${base}/get`, '{}');
    await expect.poll(() => client.topics).toEqual([`${base}/get/accepted`]);
  });

  it('forbidden for a QoS 1 message of a persistent session: it does not come at the next connection either', async () => {
    const first = await lab.connect(device, 'pi', { clean: false });
    await first.subscribe('news/#');
    lab.broker.publish('news/b', {});
    lab.broker.publish('news/a', {});
    await expect.poll(() => first.topics).toEqual(['news/a']);
    const { policyDocument } = lab.account.registry.policies.get('policy-2');
    await first.destroy();
    const open = 'open-again';
    lab.account.registry.policies.create(open, policyDocument.replace('topic/news/a', 'topic/news/*'));
    lab.account.registry.attachPolicy(open, device.arn);
    const second = await lab.connect(device, 'pi', { clean: false });
    lab.broker.publish('news/c', {});
    await expect.poll(() => second.topics).toEqual(['news/a', 'news/c']);
    lab.account.registry.attachments.detach(open, device.arn);
  });
});
