import type { Direction, FaultKind, FaultRule } from './fault-rule.ts';
import { type Faults, matchesMessage } from './faults.ts';

export interface FaultMessage {
  readonly topic: string;
  readonly payload: Buffer;
}

/** Where a line leads. `fault` is what was done to the message on order. */
export interface FaultLineEnds<M extends FaultMessage> {
  /** The message goes on; more than once if it is duplicated: the copies come with the fault `duplicate`. */
  deliver(message: M, fault?: FaultKind): void;
  /** The message does not go on. */
  lost(message: M, fault: FaultKind): void;
  /** The connection is to be cut. With `after`, this message was delivered just before. */
  cut(message: M, when: 'before' | 'after'): void;
}

/** A line that holds so many messages back lets further ones pass: memory is bounded whatever is ordered. */
const MOST_WAITING = 1_000;

/** One direction of one connection: messages go in, and come out as the faults on order have it. */
export class FaultLine<M extends FaultMessage> {
  readonly #faults: Faults;
  readonly #direction: Direction;
  readonly #client: string;
  readonly #ends: FaultLineEnds<M>;
  /** The messages that wait for their time, each by what lets it go at once. */
  readonly #waiting = new Map<() => void, { readonly message: M; readonly kind: FaultKind }>();
  readonly #unsubscribe: () => void;
  /** The message that waits until another has overtaken it. */
  #held: { readonly rule: FaultRule; readonly message: M; readonly release: () => void } | undefined;

  constructor(faults: Faults, direction: Direction, client: string, ends: FaultLineEnds<M>) {
    this.#faults = faults;
    this.#direction = direction;
    this.#client = client;
    this.#ends = ends;
    this.#unsubscribe = faults.onClear(() => this.#releaseAll());
  }

  accept(message: M): void {
    const held = this.#held;
    if (held && matchesMessage(held.rule, this.#direction, this.#client, message.topic)) {
      this.#held = undefined;
      this.#ends.deliver(message);
      held.release();
      return;
    }
    const rule = this.#faults.ofMessage(this.#direction, this.#client, message.topic);
    if (rule) this.#apply(rule, message);
    else this.#ends.deliver(message);
  }

  /** The connection is over: what waits is lost with it. */
  close(): void {
    this.#unsubscribe();
    this.#held = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [release, { message, kind }] of waiting) {
      release();
      this.#ends.lost(message, kind);
    }
  }

  /** What was held back on order goes on when the orders are gone. */
  #releaseAll(): void {
    this.#held = undefined;
    for (const release of [...this.#waiting.keys()]) release();
  }

  #apply(rule: FaultRule, message: M): void {
    const { kind } = rule;
    switch (kind) {
      case 'drop':
      case 'never':
        this.#ends.lost(message, kind);
        return;
      case 'delay':
      case 'late':
        this.#later(rule.ms ?? 0, message, kind);
        return;
      case 'duplicate':
        this.#ends.deliver(message);
        for (let copy = 0; copy < (rule.copies ?? 1); copy += 1) this.#ends.deliver(message, kind);
        return;
      case 'wrong':
        this.#ends.deliver({ ...message, payload: bytesOf(rule.payload) }, kind);
        return;
      case 'reorder':
        this.#hold(rule, message);
        return;
      case 'cut':
        this.#cut(message, rule.when ?? 'before');
        return;
      case 'refuse':
      case 'failNext':
        this.#ends.deliver(message);
    }
  }

  #cut(message: M, when: 'before' | 'after'): void {
    if (when === 'after') this.#ends.deliver(message, 'cut');
    else this.#ends.lost(message, 'cut');
    this.#ends.cut(message, when);
  }

  #hold(rule: FaultRule, message: M): void {
    // Time ends the wait too, or the last message of a connection would never come.
    const release = this.#later(rule.ms ?? 0, message, 'reorder');
    if (release) this.#held = { rule, message, release };
  }

  /** Returns what lets the message go now, unless it has gone. */
  #later(ms: number, message: M, kind: FaultKind): (() => void) | undefined {
    if (this.#waiting.size >= MOST_WAITING) {
      this.#ends.deliver(message, kind);
      return undefined;
    }
    const { clock } = this.#faults;
    const release = (): void => {
      takeBack();
      if (!this.#waiting.delete(release)) return;
      if (this.#held?.message === message) this.#held = undefined;
      this.#ends.deliver(message, kind);
    };
    const takeBack = clock.schedule(clock.now() + ms, release);
    this.#waiting.set(release, { message, kind });
    return release;
  }
}

function bytesOf(payload: unknown): Buffer {
  if (payload === null) return Buffer.alloc(0);
  return Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
}
