import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { Aedes, type Client } from 'aedes';
import { checkClientCertificate } from '../client-certificate.ts';
import type { Clock } from '../clock.ts';
import { Faults } from '../faults/faults.ts';
import { MessageLog } from '../messages/message-log.ts';
import type { Authorizer } from './authorizer.ts';
import { MOST_UNREAD_BYTES } from './client-wire.ts';
import type { JobsFront } from './jobs-front.ts';
import { MqttGate } from './mqtt-gate.ts';

export interface CertificateLookup {
  /** By certificate id, the lower-case hex SHA-256 of the DER; undefined: unknown here. */
  certificateStatus(certificateId: string): string | undefined;
}

export interface BrokerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** The server's key and certificate, and the CA's certificate, PEM. */
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
  readonly certificates: CertificateLookup;
  readonly front: JobsFront;
  /** Called when an answer is on its way, so that notifications come after it. */
  answered(): void;
  readonly clock: Clock;
  /** Decides by policies; absent: everything is allowed. */
  readonly authorizer?: Authorizer;
  /** Faults on order; absent: none. */
  readonly faults?: Faults;
  /** Where every message is noted; absent: nowhere to be read. */
  readonly log?: MessageLog;
  /** Who is sent an answer, see Decisions; default: the requester. */
  answersGoTo?(): 'requester' | 'subscribers';
  /** Told about faults of the broker itself; the connection that ran into one is closed. */
  readonly onFault?: (error: unknown) => void;
}

/** How AWS IoT Core tells MQTT from HTTPS; its SDKs offer it on port 8883 too, and a server must then select it. */
const ALPN = 'x-amzn-mqtt-ca';
/** Where answers come from, to Aedes. */
const ANSWERS = 'answers';

/** The message broker: MQTT 3.1.1 over mutual TLS. Each connection passes a gate before it comes to Aedes. */
export class Broker {
  readonly #options: BrokerOptions;
  /** Below TLS: one that never finishes its handshake must not hold up a stop. */
  readonly #sockets = new Set<Socket>();
  readonly #gates = new Set<MqttGate>();
  /** The connections with a client id: one for each. */
  readonly #gateOf = new Map<string, MqttGate>();
  readonly #gateOfClient = new WeakMap<Client, MqttGate>();
  readonly #authorizer: Authorizer;
  readonly #faults: Faults;
  readonly #log: MessageLog;
  /** How many have been sent. */
  #answers = 0;
  #aedes: Aedes | undefined;
  #server: Server | undefined;

  constructor(options: BrokerOptions) {
    const { clock } = options;
    this.#options = options;
    this.#authorizer = options.authorizer ?? ALLOW_ALL;
    this.#faults = options.faults ?? new Faults({ clock });
    this.#log = options.log ?? new MessageLog({ clock, entries: 0 });
  }

  /** Returns the port. */
  async start(): Promise<number> {
    // Without a limit on messages under way: with one, a few clients that do not read hold up all others.
    const aedes = await Aedes.createBroker({ concurrency: 0 });
    this.#aedes = aedes;
    aedes.authorizeForward = (client, packet) => {
      const gate = this.#gateOfClient.get(client);
      if (!gate || gate.unreadBytes <= MOST_UNREAD_BYTES) return packet;
      gate.close('the client does not read what it is sent');
      return null;
    };
    // What a client publishes was looked at by its gate; its will comes from Aedes, once the client is gone.
    aedes.authorizePublish = (client, { topic, retain }, done) => {
      const session = client?.closed ? this.#gateOfClient.get(client)?.session : undefined;
      done(session && !this.#authorizer.publish(session, topic, retain) ? new Error('forbidden') : null);
    };
    // A client's protocol error or lost connection is that client's: Aedes closes it.
    const failed = (client: Client, error: Error): void => {
      this.#gateOfClient.get(client)?.close(`the broker: ${error.message}`);
      client.close();
    };
    aedes.on('clientError', failed);
    aedes.on('connectionError', failed);
    const { host, port, key, cert, ca } = this.#options;
    const server = createServer(
      {
        key,
        cert,
        ca,
        minVersion: 'TLSv1.2',
        requestCert: true,
        // We decide: AWS accepts certificates of other CAs too, if they are registered.
        rejectUnauthorized: false,
        // Any other offer is granted too: to refuse it would end the handshake, and nobody knows that AWS does.
        ALPNCallback: ({ protocols }) => (protocols.includes(ALPN) ? ALPN : protocols[0]),
      },
      (socket) => this.#accept(socket, aedes),
    );
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    if (this.#server?.listening) this.#server.close(() => resolve());
    else resolve();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await new Promise<void>((done) => (this.#aedes ? this.#aedes.close(done) : done()));
    this.#aedes = undefined;
  }

  /** To whoever has subscribed, at the subscription's QoS up to 1. */
  publish(topic: string, payload: object): void {
    const body = Buffer.from(JSON.stringify(payload));
    const packet = { cmd: 'publish', topic, payload: body, qos: 1, retain: false, dup: false } as const;
    this.#aedes?.publish(packet, ignoreDelivery);
  }

  /** Who is connected now. */
  connections(): { clientId: string; certificateId: string; subscriptions: string[] }[] {
    return [...this.#gates].flatMap(({ session, filters }) =>
      session ? [{ ...session, subscriptions: filters }] : [],
    );
  }

  /** The status of a certificate has changed, or it is gone: whoever is connected with it may have to leave. */
  certificateChanged(certificateId: string): void {
    if (this.#options.certificates.certificateStatus(certificateId) === 'ACTIVE') return;
    for (const gate of [...this.#gates]) {
      if (gate.certificateId === certificateId) gate.close('its certificate is not active any more');
    }
  }

  #accept(socket: TLSSocket, aedes: Aedes): void {
    socket.setNoDelay(true);
    // A reset is followed by its close, which is all we need to know.
    socket.on('error', () => socket.destroy());
    const { certificates, clock } = this.#options;
    const status = (id: string): string | undefined => certificates.certificateStatus(id);
    const checked = checkClientCertificate(socket.getPeerX509Certificate()?.raw, status, clock);
    if ('problem' in checked) {
      this.#turnAway(socket, `the certificate: ${checked.problem}`);
      return;
    }
    if (this.#faults.refuses()) {
      this.#turnAway(socket, 'refused on order');
      return;
    }
    const { certificateId } = checked;
    const gate = new MqttGate({
      ...{ socket, certificateId, authorizer: this.#authorizer, faults: this.#faults, log: this.#log },
      connecting: (clientId) => this.#displace(clientId, gate),
      restored: () => subscriptionsOf(client),
      request: (topic, payload) => this.#answer(topic, payload, client, gate),
      closed: () => this.#forget(gate),
      onFault: (error) => this.#options.onFault?.(error),
    });
    this.#gates.add(gate);
    const client = aedes.handle(gate.stream);
    this.#gateOfClient.set(client, gate);
  }

  /** As AWS IoT Core does: no CONNACK, no word to the client. */
  #turnAway(socket: TLSSocket, reason: string): void {
    this.#log.event({ event: 'refuse', direction: 'out', client: '', reason });
    socket.destroy();
  }

  /** "The new client connection is accepted and the previously connected client is disconnected" (guide, "MQTT"). */
  #displace(clientId: string, gate: MqttGate): void {
    this.#gateOf.get(clientId)?.close('another connection has its client id');
    this.#gateOf.set(clientId, gate);
  }

  #forget(gate: MqttGate): void {
    this.#gates.delete(gate);
    const { session } = gate;
    if (session && this.#gateOf.get(session.clientId) === gate) this.#gateOf.delete(session.clientId);
  }

  #answer(topic: string, payload: Buffer, client: Client, gate: MqttGate): void {
    const answer = this.#options.front.answer(topic, payload);
    if (!answer) return;
    if (this.#options.answersGoTo?.() === 'subscribers') this.publish(answer.topic, answer.message);
    else this.#send(client, answer.topic, answer.message, gate.expectAnswer(answer.topic));
    this.#options.answered();
  }

  /** To the requester alone and once, subscribed or not; QoS 0 unless it subscribed for more, and never above 1. */
  #send(client: Client, topic: string, message: object, qos: 0 | 1): void {
    const payload = Buffer.from(JSON.stringify(message));
    this.#answers += 1;
    // Numbered apart from what is published: to Aedes what comes after a higher number of its broker is a copy of
    // something earlier, and an answer overtakes the notifications that are under way.
    const origin = { brokerId: ANSWERS, brokerCounter: this.#answers };
    const packet = { cmd: 'publish', topic, payload, qos, retain: false, dup: false, ...origin } as const;
    client.publish(packet, ignoreDelivery);
  }
}

const ALLOW_ALL: Authorizer = { connect: allow, publish: allow, subscribe: allow, receive: allow };

function allow(): boolean {
  return true;
}

/** Aedes keeps them by filter, and does not say so in its types. */
function* subscriptionsOf(client: Client): Iterable<readonly [string, number]> {
  const subscriptions: unknown = 'subscriptions' in client ? client.subscriptions : {};
  for (const [filter, subscription] of Object.entries(subscriptions ?? {})) yield [filter, qosOf(subscription)];
}

function qosOf(subscription: unknown): number {
  if (typeof subscription !== 'object' || subscription === null || !('qos' in subscription)) return 0;
  return typeof subscription.qos === 'number' ? subscription.qos : 0;
}

/** A client that went away does not get the message, as with the real service. */
const ignoreDelivery = () => undefined;
