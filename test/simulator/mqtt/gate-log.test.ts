import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { ALLOW_ALL, GateLab, type Identity } from './gate-lab.ts';

/** What the message log tells of a connection, and who is sent an answer. */
const lab = new GateLab();
const base = '$aws/things/pi/jobs';
let answersGoTo: 'requester' | 'subscribers' = 'requester';
let pi: Identity;

beforeAll(async () => {
  await lab.start({ answersGoTo: () => answersGoTo });
  pi = await lab.identity('pi', ALLOW_ALL);
});
afterEach(async () => {
  answersGoTo = 'requester';
  await lab.reset();
});
afterAll(() => lab.stop());

it('every message and event of a connection is noted, with its direction and client, in order', async () => {
  const client = await lab.connect(pi, 'pi');
  await client.subscribe(`${base}/get/+`, '$share/a/b');
  client.publish(`${base}/get`, '{"clientToken":"t"}');
  await client.next('publish');
  client.publish('ordinary', Buffer.from([0xff]), { qos: 0 });
  client.send({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: [`${base}/get/+`] });
  await client.next('unsuback');
  client.send({ cmd: 'disconnect' });
  await client.closed;
  const refused = await lab.dial(pi);
  refused.connect('$pi');
  await refused.closed;
  const entry = { seq: expect.any(Number), time: new Date(lab.clock.now()).toISOString(), client: 'pi' };
  const subscriptions = [
    { filter: `${base}/get/+`, granted: 1 },
    { filter: '$share/a/b', granted: 128 },
  ];
  const answer = { clientToken: 't', timestamp: expect.any(Number), inProgressJobs: [], queuedJobs: [] };
  expect(lab.log.list()).toEqual([
    { ...entry, direction: 'in', event: 'connect' },
    { ...entry, direction: 'in', event: 'subscribe', subscriptions },
    { ...entry, direction: 'in', topic: `${base}/get`, qos: 1, payload: { clientToken: 't' } },
    { ...entry, direction: 'out', topic: `${base}/get/accepted`, qos: 1, payload: answer },
    { ...entry, direction: 'in', topic: 'ordinary', qos: 0, payload: '/w==', encoding: 'base64' },
    { ...entry, direction: 'in', event: 'unsubscribe', filters: [`${base}/get/+`] },
    { ...entry, direction: 'in', event: 'disconnect' },
    { ...entry, direction: 'out', client: '$pi', event: 'refuse', reason: 'a client id does not begin with $' },
  ]);
});

it('an answer goes to all its subscribers, and to no requester that has not subscribed, if so decided', async () => {
  answersGoTo = 'subscribers';
  const client = await lab.connect(pi, 'pi');
  const other = await lab.connect(pi, 'other');
  await other.subscribe(`${base}/get/+`);
  client.publish(`${base}/get`, '{}');
  await expect.poll(() => other.topics).toEqual([`${base}/get/accepted`]);
  await client.settled();
  expect(client.topics).toEqual([]);
});
