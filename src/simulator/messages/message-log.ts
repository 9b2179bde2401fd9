import type { Clock } from '../clock.ts';
import { matchesFilter } from '../mqtt/topic-filter.ts';

/** `in`: from a device to the service. */
export type Direction = 'in' | 'out';

/** A PUBLISH. */
export interface LoggedMessage {
  readonly direction: Direction;
  readonly client: string;
  readonly topic: string;
  readonly qos: number;
  readonly retain?: boolean;
  readonly payload: Buffer;
  /** What was done to it on order. */
  readonly fault?: string | undefined;
}

/** Whatever else happens on a connection. */
export interface LoggedEvent {
  readonly direction: Direction;
  readonly client: string;
  readonly event: 'connect' | 'disconnect' | 'subscribe' | 'unsubscribe' | 'close' | 'refuse' | 'withhold';
  /** Of a close, a refusal, or a message that is withheld: why. */
  readonly reason?: string;
  /** Of a subscribe: what was asked for, and what was granted (128: refused). */
  readonly subscriptions?: readonly { readonly filter: string; readonly granted: number }[];
  readonly filters?: readonly string[];
}

interface Numbered {
  /** Counts up from 1 and is never used again: where to read on. */
  readonly seq: number;
  /** ISO 8601, of the simulator's clock. */
  readonly time: string;
}

export interface MessageEntry extends Numbered, Omit<LoggedMessage, 'payload'> {
  /** JSON if it is JSON, else text, else base64 of the bytes, which `encoding` then says. */
  readonly payload: unknown;
  readonly encoding?: 'base64';
}

export type LogEntry = MessageEntry | (Numbered & LoggedEvent);

export interface LogQuery {
  /** Entries after this number. */
  readonly since?: number | undefined;
  readonly client?: string | undefined;
  /** A topic filter; `#` matches topics that begin with `$` too. */
  readonly topic?: string | undefined;
  /** The newest so many. */
  readonly limit?: number | undefined;
}

export interface MessageLogOptions {
  readonly clock: Clock;
  /** Default 1,000. */
  readonly entries?: number;
  /** Of payloads and topics together; default 16 MiB. */
  readonly bytes?: number;
}

interface Kept {
  readonly seq: number;
  readonly at: number;
  readonly what: LoggedMessage | LoggedEvent;
  readonly bytes: number;
}

/** The newest messages and events of all connections, in memory. */
export class MessageLog {
  readonly #clock: Clock;
  readonly #mostEntries: number;
  readonly #mostBytes: number;
  readonly #listeners = new Set<(entry: LogEntry) => void>();
  readonly #kept: Kept[] = [];
  #bytes = 0;
  #seq = 0;

  constructor(options: MessageLogOptions) {
    this.#clock = options.clock;
    this.#mostEntries = options.entries ?? 1_000;
    this.#mostBytes = options.bytes ?? 16 * 1024 * 1024;
  }

  message(message: LoggedMessage): void {
    if (this.#mostEntries === 0 && this.#listeners.size === 0) return;
    // Copied: it is a piece of a buffer much larger than it.
    this.#add({ ...message, payload: Buffer.from(message.payload) }, message.payload.length + message.topic.length);
  }

  event(event: LoggedEvent): void {
    this.#add(event, 0);
  }

  /** Oldest first. */
  list(query: LogQuery = {}): LogEntry[] {
    const { since = 0, client, topic, limit = Number.POSITIVE_INFINITY } = query;
    const found: Kept[] = [];
    for (let index = this.#kept.length - 1; index >= 0 && found.length < limit; index -= 1) {
      const kept = this.#kept[index];
      if (!kept || kept.seq <= since) break;
      if (client !== undefined && kept.what.client !== client) continue;
      if (topic !== undefined && !('topic' in kept.what && matchesFilter(kept.what.topic, topic))) continue;
      found.push(kept);
    }
    return found.reverse().map(entryOf);
  }

  /** Told of each new entry, until the function returned is called. A listener must not throw. */
  subscribe(listener: (entry: LogEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Numbers go on. */
  clear(): void {
    this.#kept.length = 0;
    this.#bytes = 0;
  }

  #add(what: LoggedMessage | LoggedEvent, bytes: number): void {
    this.#seq += 1;
    const kept = { seq: this.#seq, at: this.#clock.now(), what, bytes };
    this.#kept.push(kept);
    this.#bytes += bytes;
    while (this.#kept.length > this.#mostEntries || this.#bytes > this.#mostBytes) {
      this.#bytes -= this.#kept.shift()?.bytes ?? 0;
    }
    if (this.#listeners.size === 0) return;
    const entry = entryOf(kept);
    for (const listener of this.#listeners) listener(entry);
  }
}

/** Payloads are read when somebody reads the log, not when they pass. */
function entryOf({ seq, at, what }: Kept): LogEntry {
  const numbered = { seq, time: new Date(at).toISOString() };
  if (!('topic' in what)) return { ...numbered, ...what };
  const { direction, client, topic, qos, retain, fault, payload } = what;
  return {
    ...numbered,
    ...{ direction, client, topic, qos },
    ...(retain ? { retain } : {}),
    ...(fault === undefined ? {} : { fault }),
    ...readable(payload),
  };
}

function readable(payload: Buffer): { payload: unknown; encoding?: 'base64' } {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(payload);
  } catch {
    // Not UTF-8.
    return { payload: payload.toString('base64'), encoding: 'base64' };
  }
  try {
    return { payload: JSON.parse(text) as unknown };
  } catch {
    // Text that is not JSON stays text.
    return { payload: text };
  }
}
