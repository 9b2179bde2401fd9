import { describe, expect, it } from 'vitest';
import { type Message, Outbox } from '../../../src/simulator/external-broker/outbox.ts';

const notify = '$aws/things/pi/jobs/notify';
const next = '$aws/things/pi/jobs/notify-next';
const namespaced = '$aws/things/pi/jobs/notify-next-namespace-abc';
const answer = '$aws/things/pi/jobs/get/accepted';
const event = '$aws/events/job/j/completed';

function outbox(): { box: Outbox; sent: Message[]; said: () => string[] } {
  const sent: Message[] = [];
  const box = new Outbox((message) => sent.push(message));
  return { box, sent, said: () => sent.map(({ topic, payload }) => `${topic} ${payload}`) };
}

const message = (topic: string, text: string): Message => ({ topic, payload: Buffer.from(text) });

describe('with a connection', () => {
  it('everything is sent in its order, each message for itself', () => {
    const { box, said } = outbox();
    box.connected(10);
    for (const [topic, text] of [
      [notify, '1'],
      [answer, '2'],
      [notify, '3'],
    ] as const)
      box.add(message(topic, text));
    expect(said()).toEqual([`${notify} 1`, `${answer} 2`, `${notify} 3`]);
  });

  it('no more are unacknowledged than the broker takes', () => {
    const { box, sent, said } = outbox();
    box.connected(2);
    for (const text of ['1', '2', '3', '4']) box.add(message(answer, text));
    expect(said()).toEqual([`${answer} 1`, `${answer} 2`]);
    const [first] = sent;
    if (first) box.settled(first);
    expect(said()).toEqual([`${answer} 1`, `${answer} 2`, `${answer} 3`]);
  });
});

describe('without a connection', () => {
  it('the newest notification of each topic is kept for the next one, in the order of the newest', () => {
    const { box, said } = outbox();
    box.add(message(notify, 'old'));
    box.add(message(next, 'old'));
    box.add(message(namespaced, 'new'));
    box.add(message(next, 'new'));
    box.add(message(notify, 'new'));
    expect(said()).toEqual([]);
    box.connected(10);
    expect(said()).toEqual([`${namespaced} new`, `${next} new`, `${notify} new`]);
  });

  it('answers and events are dropped', () => {
    const { box, said } = outbox();
    box.add(message(answer, 'late'));
    box.add(message(event, 'late'));
    box.connected(10);
    expect(said()).toEqual([]);
  });

  it('a notification that was not acknowledged is sent again, unless there is a newer one', () => {
    const { box, sent, said } = outbox();
    box.connected(3);
    box.add(message(notify, 'acknowledged'));
    const [acknowledged] = sent;
    if (acknowledged) box.settled(acknowledged);
    for (const [topic, text] of [
      [notify, 'lost'],
      [answer, 'lost'],
      [next, 'lost'],
      [next, 'waiting'],
    ] as const)
      box.add(message(topic, text));
    box.disconnected();
    box.add(message(notify, 'newer'));
    sent.splice(0);
    box.connected(3);
    expect(said()).toEqual([`${next} waiting`, `${notify} newer`]);
    box.disconnected();
    box.connected(3);
    expect(said().slice(2)).toEqual([`${next} waiting`, `${notify} newer`]);
  });
});
