import { EventEmitter } from 'node:events';
import type { MqttClient, Packet } from 'mqtt';
import { errorCode, errorMessage } from '../errors.ts';
import { type Clock, systemClock, type Timer } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { RecentMap } from '../system/recent-map.ts';
import { Attempt, type AttemptOptions } from './attempt.ts';
import { Backoff, STABLE_MS } from './backoff.ts';
import type { CallOptions, Connection, ConnectionEvents, ConnectionTrouble } from './connection.ts';
import { ConnectionError } from './connection-error.ts';
import { describeFailure } from './failure.ts';
import { RefusalWatch } from './refusal.ts';
import { certificateTrouble } from './tls-material.ts';

export interface MqttJsOptions extends AttemptOptions {
  readonly backoff?: Backoff;
  /** For every wait of ours; MQTT.js' own keep-alive stays on the machine's time. */
  readonly clock?: Clock;
}

/** DISCONNECT, the same two bytes in MQTT 3.1.1 (§3.14) and, for a normal end, in MQTT 5. */
const DISCONNECT = Uint8Array.of(0xe0, 0x00);
const STOP_MS = 1_500;

/** The connection by MQTT.js: a fresh client for each attempt, a clean session always, and our own back-off. */
export function createMqttJsConnection(options: MqttJsOptions, log: Log): Connection {
  return new MqttJsConnection(options, log);
}

/** Troubles that are not told again at level error: some name a job's topic. */
export const TOLD_KEPT = 1_000;

class MqttJsConnection implements Connection {
  readonly #options: MqttJsOptions;
  readonly #log: Log;
  readonly #backoff: Backoff;
  readonly #clock: Clock;
  readonly #watch = new RefusalWatch();
  readonly #events = new EventEmitter();
  #attempt: Attempt | undefined;
  #retry: Timer | undefined;
  #stopped = false;
  /** Troubles that were logged since the last stable connection. */
  readonly #told = new RecentMap<string, true>(TOLD_KEPT);

  constructor(options: MqttJsOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#backoff = options.backoff ?? new Backoff();
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    this.#stopped = false;
    this.#connect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    const attempt = this.#attempt;
    if (!attempt) return;
    const closed = new Promise<void>((resolve) => attempt.socket.once('close', () => resolve()));
    const force = this.#clock.setTimer(STOP_MS, () => attempt.socket.destroy());
    // MQTT.js would wait for every acknowledgement that is still out; what was not sent is in the journal.
    if (attempt.client.connected) attempt.socket.end(DISCONNECT);
    else attempt.socket.destroy();
    if (!attempt.socket.closed) await closed;
    force.cancel();
  }

  async subscribe(filters: readonly string[], options: CallOptions): Promise<readonly number[]> {
    const granted = await this.#call<readonly number[]>(undefined, options, (client, resolve, reject) => {
      client.subscribe([...filters], { qos: 1 }, (error, _requested, packet?: Packet) => {
        // A refused filter is an error to MQTT.js; the codes of all filters stand in the packet.
        const codes = grantedCodes(packet);
        if (codes) resolve(codes);
        else reject(error ?? new Error('the SUBACK is missing'));
      });
    });
    for (const trouble of this.#watch.subscribed(filters, granted)) this.#tell(trouble);
    return granted;
  }

  async publish(topic: string, payload: string, options: CallOptions): Promise<void> {
    await this.#call<void>(topic, options, (client, resolve, reject) => {
      client.publish(topic, payload, { qos: 1 }, (error) => {
        if (!error) {
          resolve();
          return;
        }
        const code = 'code' in error && typeof error.code === 'number' ? error.code : 0;
        if (code >= 0x80) this.#tell(this.#watch.publishRefused(topic, code));
        reject(error);
      });
    });
  }

  reportUnanswered(topic: string): void {
    const trouble = this.#watch.silent(topic);
    if (trouble) this.#tell(trouble);
  }

  reportAnswered(topic: string): void {
    this.#watch.cleared(topic);
  }

  on<E extends keyof ConnectionEvents>(event: E, listener: (value: ConnectionEvents[E]) => void): () => void {
    this.#events.on(event, listener);
    return () => this.#events.off(event, listener);
  }

  /** One request to the broker, with its deadline. Silence means that the connection is dead: it is rebuilt. */
  #call<T>(
    topic: string | undefined,
    { deadlineMs, signal }: CallOptions,
    act: (client: MqttClient, resolve: (value: T) => void, reject: (error: unknown) => void) => void,
  ): Promise<T> {
    const attempt = this.#attempt;
    if (!attempt?.client.connected) return Promise.reject(new ConnectionError('there is no connection'));
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const id = Symbol();
    const fail = (error: unknown) =>
      reject(error instanceof ConnectionError ? error : new ConnectionError(String(error), error));
    attempt.inFlight.set(id, { topic, reject: fail });
    const timer = this.#clock.setTimer(deadlineMs, () => {
      const what = topic === undefined ? 'the subscription' : `a publish to ${topic}`;
      fail(new ConnectionError(`${what} was not acknowledged within ${deadlineMs / 1000} s`));
      if (topic !== undefined) this.reportUnanswered(topic);
      attempt.inFlight.delete(id);
      attempt.overdue ??= what;
      attempt.socket.destroy();
    });
    const abort = () => reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    act(attempt.client, resolve, fail);
    return promise.finally(() => {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
      attempt.inFlight.delete(id);
    });
  }

  #connect(): void {
    const dates = certificateTrouble(this.#options.tls.x509, new Date());
    if (dates) this.#tell(dates);
    const attempt = new Attempt(this.#options, this.#clock);
    this.#attempt = attempt;
    attempt.client.on('connect', () => this.#up(attempt));
    attempt.client.on('message', (topic, payload) => this.#events.emit('message', { topic, payload }));
    attempt.socket.once('close', () => this.#closed(attempt));
  }

  #up(attempt: Attempt): void {
    attempt.upSince = this.#clock.now();
    this.#log.info({ endpoint: this.#options.endpoint, clientId: this.#options.clientId }, 'connected');
    this.#events.emit('up', undefined);
  }

  #closed(attempt: Attempt): void {
    const inFlight = [...attempt.inFlight.values()];
    for (const call of inFlight) call.reject(new ConnectionError('the connection was lost'));
    attempt.client.end(true);
    if (this.#attempt === attempt) this.#attempt = undefined;
    const livedMs = attempt.upSince === undefined ? 0 : this.#clock.now() - attempt.upSince;
    this.#backoff.connectionEnded(livedMs);
    if (livedMs >= STABLE_MS) this.#told.clear();
    if (attempt.upSince !== undefined) this.#events.emit('down', undefined);
    if (this.#stopped) return;
    const retryInMs = this.#backoff.next();
    const topics = inFlight.map(({ topic }) => topic);
    this.#tell({ ...this.#reason(attempt, livedMs, topics), retryInMs });
    this.#retry = this.#clock.setTimer(retryInMs, () => this.#connect());
  }

  #reason(attempt: Attempt, livedMs: number, topics: readonly (string | undefined)[]): ConnectionTrouble {
    const { endpoint, port } = this.#options;
    if (attempt.upSince === undefined) {
      if (attempt.connackCode !== undefined) return this.#watch.connackRefused(attempt.connackCode);
      if (attempt.isSilent) {
        const message = `${endpoint}:${port} accepts connections and then says nothing: check that it is an MQTT broker`;
        return { code: 'CONNACK_TIMED_OUT', message };
      }
      return attempt.isSecured ? this.#watch.closedBeforeConnack() : describeFailure(attempt.error, endpoint, port);
    }
    if (attempt.isTakenOver) return this.#watch.displaced();
    if (attempt.overdue !== undefined) {
      // We closed it, not the peer: no other client's doing. The deadline has already told the watch of the silence.
      const message = `${endpoint}:${port} did not acknowledge ${attempt.overdue}: the connection is rebuilt`;
      return { code: 'ACK_TIMED_OUT', message };
    }
    if (attempt.error !== undefined && errorCode(attempt.error) === undefined) {
      // MQTT.js gave it up: no PINGRESP, or bytes that are not MQTT. No other client's doing either.
      const message = `the connection to ${endpoint}:${port} was given up: ${errorMessage(attempt.error)}`;
      return { code: 'CONNECTION_GIVEN_UP', message };
    }
    const refusal = this.#watch.closed(livedMs, topics);
    return refusal ?? { code: 'CONNECTION_LOST', message: `the connection to ${endpoint}:${port} was lost` };
  }

  /** A trouble that repeats is logged once, then at debug, until a connection was stable; each goes out as an event. */
  #tell(trouble: ConnectionTrouble): void {
    const { code, message, topic, retryInMs } = trouble;
    const fields = {
      err: { code },
      ...(topic === undefined ? {} : { topic }),
      ...(retryInMs === undefined ? {} : { retryInMs }),
    };
    const identity = `${code} ${topic ?? ''}`;
    if (this.#told.has(identity)) this.#log.debug(fields, message);
    else this.#log.error(fields, message);
    this.#told.set(identity, true);
    this.#events.emit('trouble', trouble);
  }
}

function grantedCodes(packet: Packet | undefined): number[] | undefined {
  return packet?.cmd === 'suback' ? packet.granted.map(Number) : undefined;
}
