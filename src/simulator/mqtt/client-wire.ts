import type { TLSSocket } from 'node:tls';
import { PacketFramer, ProtocolError } from './packet-framer.ts';

export interface ClientWireEvents {
  /** A whole packet of the client; may throw. */
  packet(frame: Buffer): void;
  /** What the packets or their handling ran into. */
  error(error: unknown): void;
  /** The client has ended the connection, or it is lost. */
  ended(): void;
  /** There is room again for what goes to the client. */
  drained(): void;
}

/** So much may wait for a client to read it; one that lets more wait is cut off. */
export const MOST_UNREAD_BYTES = 1024 * 1024;
/** What is written may take so long to reach a client before its connection is torn down. */
const CLOSED_WITHIN_MS = 2_000;

/**
 * A client's TLS connection in packets. What comes in can be held, and is then not read from the network; it is held too
 * while the client does not read what it is sent, so that nobody can make us keep acknowledgements without end.
 */
export class ClientWire {
  readonly #socket: TLSSocket;
  readonly #framer: PacketFramer;
  readonly #events: ClientWireEvents;
  #isHeld = false;
  #isFull = false;
  #isPumping = false;
  #isClosed = false;

  constructor(socket: TLSSocket, mostBytes: number, events: ClientWireEvents) {
    this.#socket = socket;
    this.#framer = new PacketFramer(mostBytes);
    this.#events = events;
    socket.on('data', (chunk: Buffer) => {
      this.#framer.push(chunk);
      this.#pump();
    });
    socket.on('drain', () => {
      this.#isFull = false;
      events.drained();
      this.#pump();
    });
    socket.on('end', () => events.ended());
    socket.on('close', () => events.ended());
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  get unreadBytes(): number {
    return this.#socket.writableLength;
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (!isHeld) this.#pump();
  }

  write(frame: Buffer): void {
    if (this.#isClosed || !this.#socket.writable) return;
    if (this.#socket.writableLength > MOST_UNREAD_BYTES) {
      this.#events.error(new ProtocolError('the client does not read what it is sent'));
      return;
    }
    this.#isFull = !this.#socket.write(frame);
    if (this.#isFull) this.#socket.pause();
  }

  /** Several writes as one. */
  batch(writes: () => void): void {
    this.#socket.cork();
    try {
      writes();
    } finally {
      this.#socket.uncork();
    }
  }

  /** What was written still reaches the client, if it reads. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Read on into nothing: a socket that is paused does not notice its end.
    this.#socket.removeAllListeners('data').resume();
    this.#socket.destroySoon();
    const timer = setTimeout(() => this.#socket.destroy(), CLOSED_WITHIN_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #pump(): void {
    // What a packet sets off may end in here again: the loop below goes on with it.
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (!this.#isStopped()) {
        const frame = this.#framer.next();
        if (!frame) break;
        this.#events.packet(frame);
      }
    } catch (error) {
      this.#events.error(error);
    } finally {
      this.#isPumping = false;
    }
    if (this.#isClosed) return;
    if (this.#isStopped()) this.#socket.pause();
    else this.#socket.resume();
  }

  #isStopped(): boolean {
    return this.#isHeld || this.#isFull || this.#isClosed;
  }
}
