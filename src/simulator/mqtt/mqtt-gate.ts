import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { generate, type IConnectPacket, type ISubscribePacket, type IUnsubscribePacket } from 'mqtt-packet';
import { FaultLine } from '../faults/fault-line.ts';
import type { FaultKind } from '../faults/fault-rule.ts';
import type { Faults } from '../faults/faults.ts';
import type { MessageLog } from '../messages/message-log.ts';
import { admit } from './admission.ts';
import type { Authorizer, Session } from './authorizer.ts';
import { ClientWire } from './client-wire.ts';
import { checkPublish, checkSubscribe, checkUnsubscribe, MOST_PACKET_BYTES } from './connection-limits.ts';
import { ConnectionLog } from './connection-log.ts';
import { Deliveries } from './deliveries.ts';
import { GateStream } from './gate-stream.ts';
import { encode, type Message, messageOf, puback } from './message.ts';
import { ProtocolError } from './packet-framer.ts';
import { PacketParser } from './packet-parser.ts';
import { REFUSED, Subscriptions } from './subscriptions.ts';

export interface MqttGateOptions {
  readonly socket: TLSSocket;
  readonly certificateId: string;
  readonly authorizer: Authorizer;
  readonly faults: Faults;
  readonly log: MessageLog;
  /** The client has this id from now on: another connection that has it is to be closed. */
  connecting(clientId: string): void;
  /** The subscriptions that Aedes has taken up with the session. */
  restored(): Iterable<readonly [filter: string, qos: number]>;
  /** A message on a topic of AWS's own, and it has been acknowledged. */
  request(topic: string, payload: Buffer): void;
  closed(): void;
  onFault(error: unknown): void;
}

/** What there is once a CONNECT is accepted. */
interface Connected {
  readonly session: Session;
  readonly log: ConnectionLog;
  readonly in: FaultLine<Message>;
  readonly out: FaultLine<Message>;
  readonly deliveries: Deliveries;
  readonly keepAlive: NodeJS.Timeout;
}

/** Packet types, the upper half of the first byte (MQTT 3.1.1 §2.2.1). */
const TYPE = { connack: 2, publish: 3, suback: 9, unsuback: 11 };

/**
 * What stands between one client and Aedes, and sees every packet in both directions: here limits, policies and faults on
 * order are applied, and messages are logged. Requests to AWS's services (topics that begin with `$`) are handled here and
 * never reach Aedes, so that what a device publishes on them reaches nobody else, as reserved topics do not: "you can't
 * create new topics that begin with a dollar sign" (developer guide, "Reserved topics"). What of them is no request of an
 * API is acknowledged and ignored; AWS may close the connection, it says. Our decision.
 */
export class MqttGate {
  /** For Aedes. */
  readonly stream: Duplex;
  readonly certificateId: string;
  readonly #options: MqttGateOptions;
  readonly #wire: ClientWire;
  readonly #stream: GateStream;
  readonly #parser = new PacketParser();
  readonly #subscriptions = new Subscriptions();
  #connected: Connected | undefined;
  /** Until Aedes has answered this, no further packet is handled: what follows relies on it. */
  #awaited: { readonly type: number; readonly reply?: Buffer } | undefined;
  #isOpen = false;
  #isMuted = false;
  #isClosed = false;

  constructor(options: MqttGateOptions) {
    this.#options = options;
    this.certificateId = options.certificateId;
    this.#stream = new GateStream({
      packets: (frames) =>
        this.#wire.batch(() => {
          for (const frame of frames) this.#forward(frame);
        }),
      error: (error) => this.#fail(error),
      isBlocked: () => this.#wire.isFull && !this.#isClosed,
      hasRoom: () => this.#hold(),
      destroyed: () => this.close('ended by the broker'),
    });
    this.stream = this.#stream;
    this.#wire = new ClientWire(options.socket, MOST_PACKET_BYTES, {
      packet: (frame) => this.#receive(frame),
      error: (error) => this.#fail(error),
      ended: () => this.close('the connection is lost'),
      drained: () => this.#stream.drained(),
    });
  }

  /** Once its CONNECT is accepted. */
  get session(): Session | undefined {
    return this.#connected?.session;
  }

  get filters(): string[] {
    return this.#subscriptions.filters();
  }

  /** What waits for the client to read it. */
  get unreadBytes(): number {
    return this.#stream.writableLength + this.#wire.unreadBytes;
  }

  /** The next message to this client on this topic is an answer, at the QoS returned. */
  expectAnswer(topic: string): 0 | 1 {
    return this.#connected?.deliveries.expectAnswer(topic) ?? 0;
  }

  /** The first reason counts; without one it is the client's own wish, or has been told. */
  close(reason?: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (reason !== undefined) {
      const log = this.#connected?.log ?? new ConnectionLog(this.#options.log, '');
      log.event({ event: 'close', direction: 'out', reason });
    }
    clearTimeout(this.#connected?.keepAlive);
    this.#connected?.in.close();
    this.#connected?.out.close();
    this.#wire.close();
    this.#stream.leave();
    this.#options.closed();
  }

  #fail(error: unknown): void {
    if (!(error instanceof ProtocolError)) this.#options.onFault(error);
    this.close(error instanceof Error ? error.message : String(error));
  }

  // From the client.

  #receive(frame: Buffer): void {
    const packet = this.#parser.parse(frame);
    const connected = this.#connected;
    if (!connected) {
      // MQTT-3.1.0-1.
      if (packet.cmd !== 'connect') throw new ProtocolError('the first packet is not a CONNECT');
      this.#connect(packet);
      return;
    }
    connected.keepAlive.refresh();
    switch (packet.cmd) {
      case 'publish':
        connected.in.accept(messageOf(packet, frame));
        return;
      case 'subscribe':
        this.#subscribe(packet, connected);
        return;
      case 'unsubscribe':
        this.#unsubscribe(packet, frame, connected);
        return;
      case 'puback':
        if (!connected.deliveries.isOfCopy(packet.messageId ?? 0)) this.#pass(frame);
        return;
      case 'pingreq':
        this.#pass(frame);
        return;
      case 'disconnect':
        connected.log.event({ event: 'disconnect', direction: 'in' });
        this.#pass(frame);
        this.close();
        return;
      default:
        // A second CONNECT, packets of QoS 2, packets of a server.
        throw new ProtocolError(`${packet.cmd.toUpperCase()} is not to be sent here`);
    }
  }

  #connect(packet: IConnectPacket): void {
    const { authorizer, faults, certificateId } = this.#options;
    const admission = admit(packet, certificateId, this.#options);
    if ('refuse' in admission) {
      const { refuse: returnCode, reason } = admission;
      this.#options.log.event({ event: 'refuse', direction: 'out', client: packet.clientId, reason });
      this.#wire.write(generate({ cmd: 'connack', returnCode, sessionPresent: false }));
      this.close();
      return;
    }
    const { session, connect, keepAliveSeconds } = admission;
    const log = new ConnectionLog(this.#options.log, session.clientId);
    this.#connected = {
      ...{ session, log },
      in: new FaultLine<Message>(faults, 'in', session.clientId, {
        deliver: (message, fault) => this.#publish(message, fault),
        // No PUBACK: as if the network had lost it.
        lost: (message, fault) => log.message('in', message, fault),
        cut: () => this.close('cut on order'),
      }),
      out: new FaultLine<Message>(faults, 'out', session.clientId, {
        deliver: (message, fault) => this.#deliver(message, fault),
        lost: (message, fault) => {
          log.message('out', message, fault);
          // What a cut took from a persistent session comes again with the next connection.
          if (fault !== 'cut') this.#swallow(message);
        },
        cut: () => this.close('cut on order'),
      }),
      deliveries: new Deliveries(this.#subscriptions, (topic) => authorizer.receive(session, topic)),
      // "1.5 times the keep-alive interval" (developer guide, "MQTT"; MQTT-3.1.2-24).
      keepAlive: setTimeout(() => this.close('keep-alive'), keepAliveSeconds * 1500),
    };
    this.#options.connecting(session.clientId);
    this.#await(TYPE.connack);
    this.#pass(generate(connect));
  }

  #subscribe(packet: ISubscribePacket, { session, log }: Connected): void {
    const why = checkSubscribe(packet);
    if (why !== undefined) throw new ProtocolError(why);
    const { messageId = 0, subscriptions } = packet;
    const granted = this.#subscriptions.grant(subscriptions, (filter) =>
      this.#options.authorizer.subscribe(session, filter),
    );
    const codes = subscriptions.map(({ topic: filter }, at) => ({ filter, granted: granted[at] ?? REFUSED }));
    log.event({ event: 'subscribe', direction: 'in', subscriptions: codes });
    const reply = generate({ cmd: 'suback', messageId, granted });
    const forAedes = subscriptions.filter((_, at) => granted[at] !== REFUSED);
    if (forAedes.length === 0) {
      this.#wire.write(reply);
      return;
    }
    // Aedes knows only what is granted, and grants just that; the codes of all are ours.
    this.#await(TYPE.suback, reply);
    this.#pass(generate({ cmd: 'subscribe', messageId, subscriptions: forAedes }));
  }

  #unsubscribe(packet: IUnsubscribePacket, frame: Buffer, { log }: Connected): void {
    const why = checkUnsubscribe(packet);
    if (why !== undefined) throw new ProtocolError(why);
    this.#subscriptions.remove(packet.unsubscriptions);
    log.event({ event: 'unsubscribe', direction: 'in', filters: packet.unsubscriptions });
    this.#await(TYPE.unsuback);
    this.#pass(frame);
  }

  #publish(message: Message, fault?: FaultKind): void {
    if (!this.#connected || this.#isClosed) return;
    const { session, log } = this.#connected;
    log.message('in', message, fault);
    const { topic, payload, packet } = message;
    const { retain, messageId = 0 } = packet;
    const why = checkPublish(packet);
    if (why !== undefined) {
      this.close(why);
      return;
    }
    if (!this.#options.authorizer.publish(session, topic, retain)) {
      // MQTT 3.1.1 has no other way to say so (MQTT-3.3.5-2).
      this.close(`no policy allows iot:Publish on ${topic}`);
      return;
    }
    // What was cut off afterwards was heard, and its sender does not know.
    if (fault === 'cut') this.#isMuted = true;
    // The copy is the service's alone: its acknowledgement would be of a packet that the client knows nothing of.
    const qos = fault === 'duplicate' ? 0 : packet.qos;
    if (topic.startsWith('$')) {
      if (qos === 1) this.#write(puback(messageId));
      // Retained messages are not allowed there (developer guide, "Reserved topics").
      if (!retain) this.#options.request(topic, payload);
      return;
    }
    this.#pass(qos === packet.qos ? message.frame : encode(message, { qos }));
  }

  /** On to Aedes. */
  #pass(frame: Buffer): void {
    if (this.#isClosed) return;
    this.#stream.pass(frame);
    this.#hold();
  }

  #await(type: number, reply?: Buffer): void {
    this.#awaited = { type, ...(reply && { reply }) };
    this.#hold();
  }

  #hold(): void {
    this.#wire.hold(this.#awaited !== undefined || this.#stream.isFull);
  }

  // From Aedes.

  #forward(frame: Buffer): void {
    if (this.#isClosed) return;
    const type = (frame[0] ?? 0) >> 4;
    if (type === TYPE.publish) {
      const packet = this.#parser.parse(frame);
      if (packet.cmd === 'publish') this.#offer(messageOf(packet, frame));
      return;
    }
    const awaited = this.#awaited?.type === type ? this.#awaited : undefined;
    if (type === TYPE.connack && frame[3] === 0) this.#open();
    this.#write(awaited?.reply ?? frame);
    if (!awaited) return;
    this.#awaited = undefined;
    this.#hold();
  }

  #open(): void {
    this.#isOpen = true;
    for (const [filter, qos] of this.#options.restored()) this.#subscriptions.restore(filter, qos);
    this.#connected?.log.event({ event: 'connect', direction: 'in' });
  }

  #offer(message: Message): void {
    // Aedes may be faster with a session's live messages than with its CONNACK; it keeps those that it must.
    if (!this.#connected || !this.#isOpen) return;
    const { deliveries, out, log } = this.#connected;
    const decided = deliveries.decide(message);
    if (decided === 'deliver') {
      out.accept(message);
      return;
    }
    if (decided === 'forbidden') {
      log.event({ event: 'withhold', direction: 'out', reason: `no policy allows iot:Receive on ${message.topic}` });
    }
    this.#swallow(message);
  }

  #deliver(message: Message, fault?: FaultKind): void {
    if (!this.#connected || this.#isClosed || this.#isMuted) return;
    this.#connected.log.message('out', message, fault);
    this.#write(this.#connected.deliveries.encode(message, fault));
  }

  /** Acknowledged in the client's stead, or a persistent session would send it again at the next connection. */
  #swallow({ packet }: Message): void {
    if (packet.qos > 0) this.#pass(puback(packet.messageId ?? 0));
  }

  #write(frame: Buffer): void {
    if (!this.#isMuted) this.#wire.write(frame);
  }
}
