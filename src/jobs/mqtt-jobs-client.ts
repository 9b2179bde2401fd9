import { randomUUID } from 'node:crypto';
import type { Connection } from '../connection/connection.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { DescribeRequest, JobsClient, StartNextRequest, UpdateAnswer, UpdateRequest } from './jobs-client.ts';
import type { JobExecution } from './model.ts';
import { JobsRejectedError, JobsUnansweredError } from './rejection.ts';
import { JobsTopics, type NEXT } from './topics.ts';
import {
  type PendingList,
  parseEnvelope,
  parseExecution,
  parseExecutionState,
  parseNotify,
  parsePayload,
  parsePendingList,
  parseRejected,
} from './wire.ts';

/** Milliseconds that each operation may take, from the publish to the answer. */
export const OPERATION_DEADLINE_MS = 10_000;

export interface Notifications {
  /** The pending list changed. */
  notify(list: PendingList): void;
  /** What is next changed; undefined: nothing is pending. */
  notifyNext(execution: JobExecution | undefined, timestamp: number | undefined): void;
}

interface Waiting {
  readonly topic: string;
  readonly clientToken: string;
  resolve(message: Record<string, unknown>): void;
  reject(error: unknown): void;
}

/**
 * The operations over MQTT: one publish each, answered on `<topic>/accepted` or `/rejected`, correlated by client token
 * (AWS developer guide, Jobs device MQTT API). Requests go at QoS 1; answers may overtake the PUBACK.
 */
export class MqttJobsClient implements JobsClient {
  readonly #connection: Connection;
  readonly #topics: JobsTopics;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiting>();
  #release: (() => void)[] = [];

  constructor(connection: Connection, thingName: string, log: Log, clock: Clock = systemClock) {
    this.#connection = connection;
    this.#topics = new JobsTopics(thingName);
    this.#log = log;
    this.#clock = clock;
  }

  /** Listens to the connection until `stop()`. */
  start(notifications: Notifications): void {
    this.#release = [
      this.#connection.on('message', ({ topic, payload }) => this.#receive(topic, payload, notifications)),
      this.#connection.on('down', () => this.#loseAll()),
    ];
  }

  stop(): void {
    for (const release of this.#release) release();
    this.#release = [];
    this.#loseAll();
  }

  /**
   * Subscribes to all topics of the thing. AWS may delay the first delivery after the SUBACK, so: subscribe, then ask.
   * A refused filter is the connection's to name; answers arrive even without a subscription.
   */
  async subscribe(): Promise<void> {
    await this.#connection.subscribe(this.#topics.filters, { deadlineMs: OPERATION_DEADLINE_MS });
  }

  async getPending(signal?: AbortSignal): Promise<PendingList> {
    return parsePendingList(await this.#request(this.#topics.getPending, {}, signal));
  }

  async startNext(request: StartNextRequest, signal?: AbortSignal): Promise<JobExecution | undefined> {
    return parseExecution(await this.#request(this.#topics.startNext, request, signal));
  }

  async describe(
    jobId: string | typeof NEXT,
    request: DescribeRequest,
    signal?: AbortSignal,
  ): Promise<JobExecution | undefined> {
    return parseExecution(await this.#request(this.#topics.describe(jobId), request, signal));
  }

  async update(jobId: string, request: UpdateRequest, signal?: AbortSignal): Promise<UpdateAnswer> {
    const answer = await this.#request(this.#topics.update(jobId), request, signal);
    const executionState = parseExecutionState(answer['executionState']);
    return {
      ...(executionState ? { executionState } : {}),
      ...('jobDocument' in answer ? { jobDocument: answer['jobDocument'] } : {}),
    };
  }

  async #request(topic: string, request: object, signal?: AbortSignal): Promise<Record<string, unknown>> {
    signal?.throwIfAborted();
    const clientToken = randomUUID();
    const answer = Promise.withResolvers<Record<string, unknown>>();
    let acknowledged = false;
    const timer = this.#clock.setTimer(OPERATION_DEADLINE_MS, () => {
      // Without a PUBACK it is the connection that knows, and its publish that fails.
      if (acknowledged) this.#connection.reportUnanswered(topic);
      answer.reject(new JobsUnansweredError(topic, `no answer within ${OPERATION_DEADLINE_MS / 1000} s`));
    });
    const abort = () => answer.reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.#waiting.set(clientToken, { topic, clientToken, resolve: answer.resolve, reject: answer.reject });
    this.#connection
      .publish(topic, JSON.stringify({ ...request, clientToken }), {
        deadlineMs: OPERATION_DEADLINE_MS,
        ...(signal ? { signal } : {}),
      })
      .then(() => {
        acknowledged = true;
      }, answer.reject);
    try {
      return await answer.promise;
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
      this.#waiting.delete(clientToken);
    }
  }

  #receive(topic: string, payload: Uint8Array, notifications: Notifications): void {
    const parsed = this.#topics.parse(topic);
    if (!parsed) {
      this.#log.debug({ topic }, 'a message on a topic that is not ours is ignored');
      return;
    }
    try {
      const message = parsePayload(payload);
      if (parsed.kind === 'notify') notifications.notify(parseNotify(message));
      else if (parsed.kind === 'notify-next')
        notifications.notifyNext(parseExecution(message), parseEnvelope(message).timestamp);
      else this.#settle(parsed.request, parsed.accepted, message);
    } catch (error) {
      this.#log.warn({ topic, err: error }, 'a message that cannot be understood is ignored');
    }
  }

  #settle(topic: string, accepted: boolean, message: Record<string, unknown>): void {
    const waiting = this.#match(topic, parseEnvelope(message).clientToken);
    if (!waiting) {
      this.#log.debug({ topic, accepted }, 'an answer that nobody waits for is ignored');
      return;
    }
    this.#connection.reportAnswered(topic);
    if (accepted) {
      waiting.resolve(message);
      return;
    }
    const rejection = parseRejected(message);
    waiting.reject(new JobsRejectedError(topic, rejection.code, rejection.message, rejection.executionState));
  }

  /**
   * By token; without one (InvalidJson cannot echo it) by topic, when just one request waits there.
   */
  #match(topic: string, clientToken: string | undefined): Waiting | undefined {
    if (clientToken !== undefined) {
      const waiting = this.#waiting.get(clientToken);
      return waiting?.topic === topic ? waiting : undefined;
    }
    const onTopic = [...this.#waiting.values()].filter((waiting) => waiting.topic === topic);
    return onTopic.length === 1 ? onTopic[0] : undefined;
  }

  #loseAll(): void {
    for (const waiting of this.#waiting.values()) {
      waiting.reject(new JobsUnansweredError(waiting.topic, 'the connection was lost'));
    }
  }
}
