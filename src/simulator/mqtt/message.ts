import { generate, type IPublishPacket } from 'mqtt-packet';

/** A PUBLISH in either direction, and the bytes that it came as. */
export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly packet: IPublishPacket;
  readonly frame: Buffer;
}

export function messageOf(packet: IPublishPacket, frame: Buffer): Message {
  const { topic, payload } = packet;
  return { topic, payload: typeof payload === 'string' ? Buffer.from(payload) : payload, packet, frame };
}

/** The bytes of a message with something changed. */
export function encode({ packet, payload }: Message, changes: Partial<IPublishPacket> = {}): Buffer {
  return generate({ ...packet, payload, ...changes });
}

export function puback(messageId: number): Buffer {
  return Buffer.from([0x40, 2, messageId >> 8, messageId & 0xff]);
}
