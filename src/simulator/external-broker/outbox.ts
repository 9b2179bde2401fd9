import type { FaultKind } from '../faults/fault-rule.ts';

/** What the service wants to say on a topic. */
export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  /** What was done to it on order. */
  readonly fault?: FaultKind | undefined;
}

/** `notify` and `notify-next`, of a namespace too: each one tells the whole pending list, or its first execution. */
const NOTIFICATION = /^\$aws\/things\/[^/]+\/jobs\/notify(-next)?(-namespace-[^/]+)?$/;

/**
 * What waits to be sent to an external broker, and what it has not acknowledged yet.
 *
 * Without a connection the newest notification of each topic is kept, and nothing else: it says all that the older
 * ones said, so after an outage every device learns what is true now, once. To AWS's service its broker is never away,
 * so no source says what to do; a device that has kept its own connection would otherwise never hear of a job that was
 * created meanwhile. Answers and events are dropped: who asked has given up waiting and asks again.
 */
export class Outbox {
  readonly #send: (message: Message) => void;
  #queue: Message[] = [];
  /** Those of the queue that have been sent. */
  #sent = 0;
  readonly #inFlight = new Set<Message>();
  readonly #kept = new Map<string, Message>();
  /** How many may be unacknowledged; 0 is no connection. */
  #window = 0;

  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  add(message: Message): void {
    if (this.#window === 0) {
      this.#keep(message);
      return;
    }
    this.#queue.push(message);
    this.#pump();
  }

  /** There is a connection, on which so many messages may be unacknowledged (MQTT 5 §3.2.2.3.3, Receive Maximum). */
  connected(window: number): void {
    this.#window = window;
    this.#queue.push(...this.#kept.values());
    this.#kept.clear();
    this.#pump();
  }

  /** The broker has it, or has refused it: either way it is not sent again. */
  settled(message: Message): void {
    this.#inFlight.delete(message);
    this.#pump();
  }

  disconnected(): void {
    this.#window = 0;
    for (const message of [...this.#inFlight, ...this.#queue.slice(this.#sent)]) this.#keep(message);
    this.#inFlight.clear();
    this.#queue = [];
    this.#sent = 0;
  }

  #keep(message: Message): void {
    if (!NOTIFICATION.test(message.topic)) return;
    // Deleted first, so that the order is that of the newest ones.
    this.#kept.delete(message.topic);
    this.#kept.set(message.topic, message);
  }

  #pump(): void {
    for (
      let next = this.#queue[this.#sent];
      next && this.#inFlight.size < this.#window;
      next = this.#queue[this.#sent]
    ) {
      this.#sent += 1;
      this.#inFlight.add(next);
      this.#send(next);
    }
    // Not at each message: a long queue would be copied as often as it is long.
    if (this.#sent < this.#queue.length / 2) return;
    this.#queue = this.#queue.slice(this.#sent);
    this.#sent = 0;
  }
}
