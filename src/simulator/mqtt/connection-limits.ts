import type { IConnectPacket, IPublishPacket, ISubscribePacket, IUnsubscribePacket } from 'mqtt-packet';
import { hasWildcard, isFilter } from './topic-filter.ts';

/*
 * What AWS IoT Core allows on one connection (AWS general reference, "AWS IoT Core message broker and protocol limits and
 * quotas"; developer guide, "MQTT"). Each check returns why the connection is closed, or undefined.
 */

const MOST_CLIENT_ID_BYTES = 128;
const KEEP_ALIVE_SECONDS = { least: 30, most: 1200 };
const MOST_PAYLOAD_BYTES = 128 * 1024;
const MOST_TOPIC_BYTES = 256;
const MOST_SLASHES = 7;
const MOST_FILTERS_IN_A_PACKET = 8;
/** "Subscriptions per connection" */
export const MOST_SUBSCRIPTIONS = 50;
/** A payload, its topic, and room for what stands around them: no packet of MQTT may be longer. */
export const MOST_PACKET_BYTES = MOST_PAYLOAD_BYTES + 1024;
/** "This excludes the first 3 mandatory segments for Basic Ingest topics ($AWS/rules/rule-name/)." */
const BASIC_INGEST = /^\$aws\/rules\/[^/]+\//i;

/** CONNACK return codes (MQTT 3.1.1 §3.2.2.3). */
export const CONNACK = { version: 1, identifier: 2, unavailable: 3, /** AWS's own in the place of 5. */ forbidden: 7 };

export type ConnectDecision =
  | { readonly refuse: number; readonly reason: string }
  | { readonly connect: IConnectPacket; readonly keepAliveSeconds: number };

/** A CONNECT as it goes on: with a client id, and without a will that AWS ignores. `newId` makes up an id. */
export function checkConnect(packet: IConnectPacket, newId: () => string): ConnectDecision {
  const { protocolVersion = 4, clientId, clean = true, keepalive = 0, will, ...rest } = packet;
  if (protocolVersion === 5) return { refuse: CONNACK.version, reason: 'MQTT 5 is not simulated by this broker' };
  if (Buffer.byteLength(clientId) > MOST_CLIENT_ID_BYTES) {
    return { refuse: CONNACK.identifier, reason: `a client id has at most ${MOST_CLIENT_ID_BYTES} bytes` };
  }
  if (clientId.startsWith('$')) return { refuse: CONNACK.identifier, reason: 'a client id does not begin with $' };
  // MQTT-3.1.3-8.
  if (clientId === '' && !clean)
    return { refuse: CONNACK.identifier, reason: 'a persistent session needs a client id' };
  if (will) {
    const why = checkMessage(will.topic, will.qos ?? 0, will.payload);
    // No source says what becomes of it. Our decision: what would close the connection later is refused now.
    if (why !== undefined) return { refuse: CONNACK.identifier, reason: `will: ${why}` };
  }
  return {
    connect: {
      ...rest,
      protocolVersion,
      clean,
      // Aedes does not see every packet, so it must not judge by them: the gate keeps the time.
      keepalive: 0,
      clientId: clientId === '' ? newId() : clientId,
      // "Ignored" for shadow topics (developer guide, "Device Shadow service communications"); our decision for all of $.
      ...(will && !will.topic.startsWith('$') ? { will } : {}),
    },
    keepAliveSeconds: clampKeepAlive(keepalive),
  };
}

/** Developer guide, "MQTT", keep-alive: 0 or more than 1,200 is 1,200; less than 30 is 30. */
export function clampKeepAlive(seconds: number): number {
  const { least, most } = KEEP_ALIVE_SECONDS;
  return seconds === 0 ? most : Math.min(most, Math.max(least, seconds));
}

export function checkPublish(packet: IPublishPacket): string | undefined {
  return checkMessage(packet.topic, packet.qos, packet.payload);
}

function checkMessage(topic: string, qos: number, payload: Buffer | string): string | undefined {
  // "When QoS level 2 is requested, the AWS IoT message broker does not send a PUBACK or SUBACK" (guide, "MQTT").
  if (qos === 2) return 'QoS 2 is not supported';
  if (topic === '' || topic.includes('\0')) return 'no topic: empty, or with a null character';
  if (hasWildcard(topic)) return 'a topic to publish to has no wildcards';
  if (Buffer.byteLength(payload) > MOST_PAYLOAD_BYTES) return `a payload has at most ${MOST_PAYLOAD_BYTES} bytes`;
  return checkLength(topic);
}

export function checkSubscribe(packet: ISubscribePacket): string | undefined {
  const { subscriptions } = packet;
  // MQTT-3.8.3-3.
  if (subscriptions.length === 0) return 'a SUBSCRIBE without filters';
  if (subscriptions.length > MOST_FILTERS_IN_A_PACKET) {
    return `a SUBSCRIBE has at most ${MOST_FILTERS_IN_A_PACKET} filters`;
  }
  for (const { topic, qos } of subscriptions) {
    // No SUBACK comes, see above; the standard would have us grant 1. We close too, so that nobody waits for it.
    if (qos === 2) return 'QoS 2 is not supported';
    if (!isFilter(topic)) return `not a topic filter: ${JSON.stringify(topic)}`;
    const why = checkLength(topic);
    if (why !== undefined) return why;
  }
  return undefined;
}

export function checkUnsubscribe({ unsubscriptions }: IUnsubscribePacket): string | undefined {
  // MQTT-3.10.3-2.
  if (unsubscriptions.length === 0) return 'an UNSUBSCRIBE without filters';
  const wrong = unsubscriptions.find((filter) => !isFilter(filter));
  return wrong === undefined ? undefined : `not a topic filter: ${JSON.stringify(wrong)}`;
}

/** "Topic size" and "maximum number of slashes in topic and topic filter". */
function checkLength(topic: string): string | undefined {
  const counted = topic.replace(BASIC_INGEST, '');
  if (Buffer.byteLength(counted) > MOST_TOPIC_BYTES) return `a topic has at most ${MOST_TOPIC_BYTES} bytes`;
  if (counted.split('/').length - 1 > MOST_SLASHES) return `a topic has at most ${MOST_SLASHES} slashes`;
  return undefined;
}
