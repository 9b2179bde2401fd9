import fc from 'fast-check';
import { generate } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { PacketFramer, ProtocolError } from '../../../src/simulator/mqtt/packet-framer.ts';
import { PacketParser } from '../../../src/simulator/mqtt/packet-parser.ts';

const publish = (size: number) =>
  generate({ cmd: 'publish', topic: 't', payload: Buffer.alloc(size, 'x'), qos: 0, retain: false, dup: false });

function framesOf(chunks: readonly Buffer[], mostBytes = 1_000_000): Buffer[] {
  const framer = new PacketFramer(mostBytes);
  const frames: Buffer[] = [];
  for (const chunk of chunks) {
    framer.push(chunk);
    for (let frame = framer.next(); frame; frame = framer.next()) frames.push(frame);
  }
  return frames;
}

describe('a stream of packets', () => {
  it('is cut into the same packets however it arrives in pieces', () => {
    const sizes = fc.array(fc.constantFrom(0, 1, 122, 123, 124, 125, 300, 16_380, 16_390), { maxLength: 8 });
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(40_000)), (lengths, cuts) => {
        const packets = lengths.map(publish);
        const bytes = Buffer.concat(packets);
        const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        const frames = framesOf(chunks);
        expect(frames).toHaveLength(packets.length);
        expect(frames.every((frame, index) => frame.equals(packets[index] ?? Buffer.alloc(0)))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('is refused at the header of a packet that is too long, before its bytes are here', () => {
    const bytes = publish(2_000);
    expect(() => framesOf([bytes.subarray(0, 3)], 1_000)).toThrow(ProtocolError);
    expect(framesOf([publish(997)], 1_000)).toHaveLength(1);
    expect(() => framesOf([publish(998)], 1_000)).toThrow(ProtocolError);
  });

  it('is refused at a length of five bytes (MQTT 3.1.1 §2.2.3)', () => {
    expect(() => framesOf([Buffer.from('30ffffffff01', 'hex')], Number.MAX_SAFE_INTEGER)).toThrow(ProtocolError);
  });
});

it('a packet is read, or refused as a protocol error, whatever its bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(255), (body, type) => {
      try {
        new PacketParser().parse(Buffer.from([type, body.length, ...body]));
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
    { numRuns: 2_000 },
  );
});
