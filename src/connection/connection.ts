/**
 * The MQTT connection as the rest of the agent knows it: one connection to one broker, kept up for ever.
 * Adapters: mqttjs-connection.ts.
 */
export interface Connection {
  /** Starts connecting and goes on for ever, with back-off, until `stop()`. Returns at once. */
  start(): void;
  /** Sends DISCONNECT if connected, closes the socket, never connects again. Resolves when closed, within 2 s. */
  stop(): Promise<void>;
  /**
   * Subscribes at QoS 1 with one SUBSCRIBE packet (AWS allows at most 8 filters in it).
   * Resolves with what was granted to each filter, in order: 0 or 1, or a refusal code of 0x80 and above (SUBACK, MQTT 3.1.1 §3.9.3,
   * MQTT 5 §3.9.3). Rejects with a ConnectionError when there is no connection, when it is lost, or at the deadline.
   */
  subscribe(filters: readonly string[], options: CallOptions): Promise<readonly number[]>;
  /**
   * Publishes at QoS 1. Resolves at PUBACK; rejects with a ConnectionError when there is no connection, when it is lost
   * before the PUBACK, at the deadline, or when the PUBACK refuses (MQTT 5, reason code ≥ 0x80).
   */
  publish(topic: string, payload: string, options: CallOptions): Promise<void>;
  /**
   * Tells the connection that a request on `topic` was acknowledged and then never answered within its deadline:
   * the guise in which some brokers refuse a publish or a receive. Twice in a row and the policy is named.
   */
  reportUnanswered(topic: string): void;
  /** Tells the connection that a request on `topic` was answered: clears what `reportUnanswered` counted. */
  reportAnswered(topic: string): void;
  /** Adds a listener; returns a function that removes it. A listener must not throw. */
  on<E extends keyof ConnectionEvents>(event: E, listener: (value: ConnectionEvents[E]) => void): () => void;
}

export interface CallOptions {
  /** Milliseconds until the call gives up. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

export interface ConnectionEvents {
  /** CONNACK accepted. Everything must be subscribed anew: sessions are always clean. */
  up: undefined;
  /** The connection that was up is gone. */
  down: undefined;
  message: { readonly topic: string; readonly payload: Uint8Array };
  /** Something a person should read: why a connection attempt failed or a policy forbids, in words, with the remedy. */
  trouble: ConnectionTrouble;
}

/** Why the connection does not work, in words. `code` is stable; docs/errors.md lists them all. */
export interface ConnectionTrouble {
  readonly code: string;
  readonly message: string;
  readonly topic?: string;
  /** Milliseconds until the next attempt, when one is scheduled. */
  readonly retryInMs?: number;
}
