import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { type IDisconnectPacket, MqttClient, type Packet } from 'mqtt';
import type { BrokerTarget } from './target.ts';

/** 4 is MQTT 3.1.1. */
export type ProtocolVersion = 4 | 5;

/** Why there is no connection, or no longer. */
export interface LinkEnd {
  readonly problem: string;
  /** The broker does not speak this version of MQTT. */
  readonly versionRefused: boolean;
}

export interface LinkEvents {
  /**
   * Connected: the broker takes so many unacknowledged messages at once. Messages may come from here on, for a broker
   * may send them before the SUBACK (MQTT 3.1.1 and 5, §3.8.4).
   */
  connected(receiveMaximum: number): void;
  subscribed(): void;
  message(topic: string, payload: Buffer): void;
  /** The last of all events; comes once. */
  down(end: LinkEnd): void;
}

/** One connection to an external broker, from its first packet to its end. */
export interface Link {
  publish(topic: string, payload: Buffer, done: (refusal: string | undefined) => void): void;
  /** `down` has come when this resolves. */
  close(): Promise<void>;
}

/**
 * Fixed, so that the connection of a simulator that was killed is replaced at once, and so that a second simulator on
 * the same broker is noticed: two Jobs services would both answer every device.
 */
const CLIENT_ID = 'thing-agent-simulator';
/** Every request of the Jobs API, those of a namespace too, and nothing that the service itself publishes. */
const FILTERS = ['get', 'start-next', '+/get', '+/update', '+/+/get', '+/+/update'].map(
  (request) => `$aws/things/+/jobs/${request}`,
);
/** CONNACK "unacceptable protocol version" (MQTT 3.1.1 §3.2.2.3) and "unsupported protocol version" (MQTT 5 §3.2.2.2). */
const VERSION_REFUSED: readonly (number | undefined)[] = [0x01, 0x84];
/** DISCONNECT "session taken over" (MQTT 5 §3.14.2.1). */
const TAKEN_OVER = 0x8e;
/** DISCONNECT, the same two bytes in MQTT 3.1.1 (§3.14) and, for a normal end, in MQTT 5. */
const DISCONNECT = Uint8Array.of(0xe0, 0x00);
const UP_WITHIN_MS = 10_000;
const CLOSED_WITHIN_MS = 1_500;
const KEEP_ALIVE_SECONDS = 30;
/** Where the broker names no Receive Maximum: enough to be fast, and far from the 65,535 packet ids there are. */
const RECEIVE_MAXIMUM = 1_000;

export function openLink(target: BrokerTarget, protocolVersion: ProtocolVersion, events: LinkEvents): Link {
  const { host, port, ca, cert, key } = target;
  const name = isIP(host) ? {} : { servername: host };
  const socket = connect({ host, port, ca, cert, key, minVersion: 'TLSv1.2', ...name });
  socket.setNoDelay(true);
  const client = new MqttClient(() => socket, {
    clientId: CLIENT_ID,
    protocolVersion,
    keepalive: KEEP_ALIVE_SECONDS,
    // Pings go out whatever else does: it is their answers that tell a dead connection.
    reschedulePings: false,
    // A request from before this connection has timed out at its device, which has asked again or will: answered late,
    // it would start a job for nobody. So the broker keeps none for us.
    clean: true,
    resubscribe: false,
    reconnectPeriod: 0,
    connectTimeout: 2 * UP_WITHIN_MS,
    queueQoSZero: false,
    log: () => undefined,
  });

  let isUp = false;
  let ended: LinkEnd | undefined;
  /** The first reason counts; what follows are its consequences. */
  const fail = (problem: string, versionRefused = false): void => {
    ended ??= { problem, versionRefused };
    socket.destroy();
  };
  const late = setTimeout(() => fail(`no connection within ${UP_WITHIN_MS / 1000} s`), UP_WITHIN_MS);

  socket.on('error', (error) => fail(inWords(error)));
  socket.once('close', () => {
    clearTimeout(late);
    client.end(true);
    // Mosquitto 2.0 says nothing to a client of MQTT 5 either when another one takes over its id.
    const closed = isUp
      ? 'it closed the connection; if that goes on, a second simulator is attached to it'
      : 'it closed the connection unanswered: is our certificate accepted?';
    events.down(ended ?? { problem: closed, versionRefused: false });
  });
  client.on('error', (error) => {
    const code = 'code' in error && typeof error.code === 'number' ? error.code : undefined;
    fail(inWords(error), !isUp && VERSION_REFUSED.includes(code));
  });
  client.on('disconnect', ({ reasonCode }: IDisconnectPacket) => {
    if (reasonCode === TAKEN_OVER) fail(`another client with the id ${CLIENT_ID} took over: a second simulator?`);
    else fail(`it ended the connection with reason code ${reasonCode ?? 0}`);
  });
  client.on('message', (topic, payload, { retain }) => {
    // AWS IoT Core does not keep retained messages on $aws/; what a broker has kept is nobody's request of now.
    if (!retain) events.message(topic, payload);
  });
  client.once('connect', (connack) => {
    client.subscribe(FILTERS, { qos: 1 }, (error, _requested, packet?: Packet) => {
      // A refused filter is an error to MQTT.js; the codes of all filters stand in the packet.
      const granted = packet?.cmd === 'suback' ? packet.granted.map(Number) : [];
      const refused = FILTERS.find((_filter, index) => (granted[index] ?? 0x80) >= 0x80);
      if (granted.length > 0 && refused !== undefined) fail(`it refuses the subscription to ${refused}`);
      else if (error || granted.length === 0) fail(error?.message ?? 'it refuses the subscription');
      if (socket.destroyed) return;
      clearTimeout(late);
      isUp = true;
      events.subscribed();
    });
    events.connected(Math.min(connack.properties?.receiveMaximum ?? RECEIVE_MAXIMUM, RECEIVE_MAXIMUM));
  });

  return {
    publish: (topic, payload, done) => {
      client.publish(topic, payload, { qos: 1 }, (error) => {
        // Without a code it is the connection's end, which is told by `down`.
        const code = error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
        if (code !== undefined) done(error?.message);
        else if (!error) done(undefined);
      });
    },
    close: async () => {
      if (socket.closed) return;
      ended ??= { problem: 'closed', versionRefused: false };
      const closed = new Promise((resolve) => socket.once('close', resolve));
      const force = setTimeout(() => socket.destroy(), CLOSED_WITHIN_MS);
      // MQTT.js would wait for every acknowledgement that is still out.
      if (client.connected) socket.end(DISCONNECT);
      else socket.destroy();
      await closed;
      clearTimeout(force);
    },
  };
}

function inWords(error: Error): string {
  switch ('code' in error ? error.code : undefined) {
    case 'ECONNREFUSED':
      return 'nothing listens there (ECONNREFUSED)';
    case 'ENOTFOUND':
      return 'its name cannot be resolved (ENOTFOUND)';
    case 'ECONNRESET':
      return 'it cut the connection (ECONNRESET)';
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
      return `its certificate is not signed by the given authority (${error.message}): see --broker-ca`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `its certificate does not name this host (${error.message})`;
    default:
      return error.message;
  }
}
