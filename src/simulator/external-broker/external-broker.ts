import { FaultLine } from '../faults/fault-line.ts';
import type { FaultKind } from '../faults/fault-rule.ts';
import type { Faults } from '../faults/faults.ts';
import type { Direction, MessageLog } from '../messages/message-log.ts';
import type { JobsFront } from '../mqtt/jobs-front.ts';
import { Backoff } from './backoff.ts';
import { type Link, type LinkEnd, openLink, type ProtocolVersion } from './link.ts';
import { type Message, Outbox } from './outbox.ts';
import type { BrokerTarget } from './target.ts';

/** What whoever runs the simulator should know of the way to its broker. */
export type BrokerNews =
  | { readonly event: 'connected'; readonly protocolVersion: ProtocolVersion }
  /** Not connected: tried again after so many milliseconds, for ever. */
  | { readonly event: 'unreachable'; readonly problem: string; readonly retryInMs: number }
  /** The broker is there, and does not pass on what the service says on this topic. */
  | { readonly event: 'refused'; readonly problem: string; readonly topic: string };

export interface ExternalBrokerOptions {
  readonly target: BrokerTarget;
  readonly front: Pick<JobsFront, 'answer'>;
  /** Called when an answer is on its way, so that notifications come after it. */
  answered(): void;
  /**
   * Faults on order. Here the clients are not known: a rule that names one fits no message. Connections are the broker's:
   * of a cut, only that the message before it is lost can be played.
   */
  readonly faults: Faults;
  /** Where every message is noted; absent: nowhere. */
  readonly log?: MessageLog;
  /** Each trouble once, until there was a connection. */
  readonly onNews?: (news: BrokerNews) => void;
  readonly onFault?: (error: unknown) => void;
}

/**
 * The Jobs service as a client of a broker that is there already. It takes the role of `Broker`; who may connect and
 * what it may do is that broker's business, and an answer is an ordinary publish that all its subscribers see.
 */
export class ExternalBroker {
  readonly #options: ExternalBrokerOptions;
  readonly #outbox = new Outbox((message) => this.#send(message));
  readonly #started = Promise.withResolvers<number>();
  readonly #backoff = new Backoff();
  readonly #in: FaultLine<Message>;
  readonly #out: FaultLine<Message>;
  /** What was told since the last connection. */
  readonly #told = new Set<string>();
  #version: ProtocolVersion = 5;
  #link: Link | undefined;
  #upSince: number | undefined;
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: ExternalBrokerOptions) {
    this.#options = options;
    const { faults } = options;
    this.#in = new FaultLine(faults, 'in', '', {
      deliver: (message, fault) => {
        this.#note('in', message, fault);
        this.#answer(message);
      },
      lost: (message, fault) => this.#note('in', message, fault),
      cut: () => undefined,
    });
    // Noted when it is sent: without a connection not everything is.
    this.#out = new FaultLine(faults, 'out', '', {
      deliver: (message, fault) => this.#outbox.add({ ...message, fault }),
      lost: (message, fault) => this.#note('out', message, fault),
      cut: () => undefined,
    });
    // A stop during the wait may find nobody waiting.
    this.#started.promise.catch(() => undefined);
  }

  /** Returns the broker's port once it is connected and subscribed, however long that takes; a signal ends the wait. */
  async start(signal?: AbortSignal): Promise<number> {
    const abort = (): void => this.#started.reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    else this.#connect();
    return this.#started.promise.finally(() => signal?.removeEventListener('abort', abort));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#in.close();
    this.#out.close();
    this.#started.reject(new Error('stopped before the broker was there'));
    await this.#link?.close();
  }

  /** To whoever has subscribed, now or, if it is a notification, as soon as the broker is back. */
  publish(topic: string, payload: object): void {
    this.#out.accept({ topic, payload: Buffer.from(JSON.stringify(payload)) });
  }

  #note(direction: Direction, { topic, payload }: Message, fault: FaultKind | undefined): void {
    this.#options.log?.message({ direction, client: '', topic, qos: 1, payload, fault });
  }

  #connect(): void {
    const protocolVersion = this.#version;
    this.#link = openLink(this.#options.target, protocolVersion, {
      connected: (receiveMaximum) => this.#outbox.connected(receiveMaximum),
      subscribed: () => {
        this.#upSince = performance.now();
        this.#told.clear();
        this.#options.onNews?.({ event: 'connected', protocolVersion });
        this.#started.resolve(this.#options.target.port);
      },
      message: (topic, payload) => this.#in.accept({ topic, payload }),
      down: (end) => this.#down(end),
    });
  }

  /** MQTT.js hands over the next message, and acknowledges this one, when this has returned. */
  #answer({ topic, payload }: Message): void {
    try {
      const answer = this.#options.front.answer(topic, payload);
      if (!answer) return;
      this.publish(answer.topic, answer.message);
      this.#options.answered();
    } catch (error) {
      this.#options.onFault?.(error);
    }
  }

  #send(message: Message): void {
    this.#note('out', message, message.fault);
    this.#link?.publish(message.topic, message.payload, (refusal) => {
      this.#outbox.settled(message);
      if (refusal !== undefined) this.#tell({ event: 'refused', problem: refusal, topic: message.topic });
    });
  }

  #down({ problem, versionRefused }: LinkEnd): void {
    const livedMs = this.#upSince === undefined ? 0 : performance.now() - this.#upSince;
    this.#upSince = undefined;
    this.#link = undefined;
    this.#outbox.disconnected();
    if (this.#stopped) return;
    if (versionRefused && this.#version === 5) {
      this.#version = 4;
      this.#connect();
      return;
    }
    const retryInMs = this.#backoff.afterConnection(livedMs);
    this.#tell({ event: 'unreachable', problem, retryInMs });
    this.#retry = setTimeout(() => this.#connect(), retryInMs);
  }

  #tell(news: BrokerNews & { readonly problem: string }): void {
    const identity = `${news.event} ${news.problem}`;
    if (this.#told.has(identity)) return;
    this.#told.add(identity);
    this.#options.onNews?.(news);
  }
}
