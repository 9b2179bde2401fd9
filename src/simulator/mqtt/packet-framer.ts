/** The other end does not keep to MQTT: its connection is over. */
export class ProtocolError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'ProtocolError';
  }
}

const NOTHING = Buffer.alloc(0);
/** One byte of type, up to four of length (MQTT 3.1.1 §2.2). */
const LONGEST_HEADER = 5;

/** Cuts a stream of bytes into packets. What is too long is refused by its header, before it is here. */
export class PacketFramer {
  readonly #mostBytes: number;
  #chunks: Buffer[] = [];
  #length = 0;
  /** The length of the packet that is not whole yet, once its header tells. */
  #awaited = 0;

  /** Packets have at most so many bytes after their header. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The next whole packet, header included, or undefined. @throws ProtocolError */
  next(): Buffer | undefined {
    if (this.#length < 2 || this.#length < this.#awaited) return undefined;
    const bytes = this.#joined();
    const size = this.#sizeOf(bytes);
    this.#awaited = size ?? 0;
    if (size === undefined || bytes.length < size) return undefined;
    this.#awaited = 0;
    this.#length -= size;
    this.#chunks = this.#length > 0 ? [bytes.subarray(size)] : [];
    return bytes.subarray(0, size);
  }

  #joined(): Buffer {
    const bytes = this.#chunks.length === 1 ? (this.#chunks[0] ?? NOTHING) : Buffer.concat(this.#chunks, this.#length);
    this.#chunks = [bytes];
    return bytes;
  }

  /** Of the packet with its header; undefined while the header is not whole. */
  #sizeOf(bytes: Buffer): number | undefined {
    let remaining = 0;
    for (let index = 1; index < LONGEST_HEADER; index += 1) {
      const byte = bytes[index];
      if (byte === undefined) return undefined;
      remaining += (byte & 0x7f) * 128 ** (index - 1);
      if (byte < 0x80) {
        if (remaining > this.#mostBytes) throw new ProtocolError(`a packet has at most ${this.#mostBytes} bytes`);
        return index + 1 + remaining;
      }
    }
    throw new ProtocolError('a packet length has at most four bytes');
  }
}
