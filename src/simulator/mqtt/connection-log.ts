import type { FaultKind } from '../faults/fault-rule.ts';
import type { Direction, LoggedEvent, MessageLog } from '../messages/message-log.ts';
import type { Message } from './message.ts';

/** The log, from one client. */
export class ConnectionLog {
  readonly #log: MessageLog;
  readonly #client: string;

  constructor(log: MessageLog, client: string) {
    this.#log = log;
    this.#client = client;
  }

  message(direction: Direction, { topic, payload, packet }: Message, fault?: FaultKind): void {
    const { qos, retain } = packet;
    this.#log.message({ direction, client: this.#client, topic, qos, retain, payload, fault });
  }

  event(event: Omit<LoggedEvent, 'client'>): void {
    this.#log.event({ ...event, client: this.#client });
  }
}
