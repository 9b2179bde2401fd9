import { type Packet, type Parser, parser } from 'mqtt-packet';
import { ProtocolError } from './packet-framer.ts';

/** Reads whole packets, one at a time, until one is refused. */
export class PacketParser {
  readonly #parser: Parser = parser();
  #packet: Packet | undefined;
  #error: unknown;

  constructor() {
    this.#parser.on('packet', (packet) => {
      this.#packet = packet;
    });
    this.#parser.on('error', (error: unknown) => {
      this.#error = error;
    });
  }

  /** @throws ProtocolError */
  parse(frame: Buffer): Packet {
    this.#packet = undefined;
    this.#error = undefined;
    try {
      const left = this.#parser.parse(frame);
      if (left > 0) throw new ProtocolError('not a packet of MQTT');
    } catch (error) {
      // Of some packets that end too early it reads on.
      this.#error = error;
    }
    if (this.#packet !== undefined && this.#error === undefined && hasPacketId(this.#packet)) return this.#packet;
    throw new ProtocolError(this.#error instanceof Error ? this.#error.message : 'not a packet of MQTT');
  }
}

/** Those that must have one have one, and it is not 0 (MQTT-2.3.1-1). The parser takes a missing one for −1. */
function hasPacketId(packet: Packet): boolean {
  switch (packet.cmd) {
    case 'publish':
      return packet.qos === 0 || (packet.messageId ?? 0) > 0;
    case 'puback':
    case 'subscribe':
    case 'unsubscribe':
      return (packet.messageId ?? 0) > 0;
    default:
      return true;
  }
}
