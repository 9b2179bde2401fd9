import { Duplex } from 'node:stream';
import { PacketFramer } from './packet-framer.ts';

export interface GateStreamEvents {
  /** Whole packets of Aedes; may throw. */
  packets(frames: readonly Buffer[]): void;
  error(error: unknown): void;
  /** Whether the client has more than enough to read: Aedes has to wait for `drained` then. */
  isBlocked(): boolean;
  /** There is room for more packets to Aedes, see `isFull`. */
  hasRoom(): void;
  destroyed(): void;
}

/** Aedes may take so long to handle what a client left behind. */
const ENDED_WITHIN_MS = 2_000;

/** The connection as Aedes sees it. */
export class GateStream extends Duplex {
  readonly #events: GateStreamEvents;
  /** Aedes's packets are as long as Aedes likes. */
  readonly #framer = new PacketFramer(Number.MAX_SAFE_INTEGER);
  #isFull = false;
  #blocked: (() => void) | undefined;

  constructor(events: GateStreamEvents) {
    super();
    this.#events = events;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** A packet to Aedes. */
  pass(frame: Buffer): void {
    this.#isFull = !this.push(frame);
  }

  /** The client has read what it had to. */
  drained(): void {
    const done = this.#blocked;
    this.#blocked = undefined;
    done?.();
  }

  /** The client is gone. What it has sent before is still handled. */
  leave(): void {
    this.drained();
    if (this.destroyed) return;
    this.push(null);
    const timer = setTimeout(() => this.destroy(), ENDED_WITHIN_MS).unref();
    this.once('close', () => clearTimeout(timer));
  }

  override _read(): void {
    this.#isFull = false;
    this.#events.hasRoom();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#take([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _destroy(_error: Error | null, done: () => void): void {
    this.#events.destroyed();
    done();
  }

  #take(chunks: readonly Buffer[], done: () => void): void {
    try {
      for (const chunk of chunks) this.#framer.push(chunk);
      const frames: Buffer[] = [];
      for (let frame = this.#framer.next(); frame; frame = this.#framer.next()) frames.push(frame);
      this.#events.packets(frames);
    } catch (error) {
      this.#events.error(error);
    }
    if (this.#events.isBlocked()) this.#blocked = done;
    else done();
  }
}
