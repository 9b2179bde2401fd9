import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { type IDisconnectPacket, MqttClient } from 'mqtt';
import type { Clock } from '../system/clock.ts';
import type { TlsMaterial } from './tls-material.ts';

export interface AttemptOptions {
  readonly endpoint: string;
  readonly port: number;
  readonly clientId: string;
  /** 4 is MQTT 3.1.1. */
  readonly protocolVersion: 4 | 5;
  readonly keepAliveSeconds: number;
  readonly tls: TlsMaterial;
  /** Milliseconds for TCP and TLS together, and then for the CONNACK; default CONNECT_TIMEOUT_MS each. */
  readonly connectTimeoutMs?: number;
}

export const CONNECT_TIMEOUT_MS = 20_000;

/** MQTT 5 DISCONNECT reason code "session taken over" (§3.14.2.1). */
const SESSION_TAKEN_OVER = 0x8e;

/** One attempt to connect: a fresh socket and a fresh client with a clean session, and what becomes of them. */
export class Attempt {
  readonly socket: TLSSocket;
  readonly client: MqttClient;
  /** Requests to the broker that are not answered yet. */
  readonly inFlight = new Map<symbol, { readonly topic: string | undefined; reject(error: unknown): void }>();
  /** When the CONNACK came, by the clock. */
  upSince: number | undefined;
  /** What was not acknowledged in time, for which we closed the connection ourselves. */
  overdue: string | undefined;
  readonly #clock: Clock;
  readonly #connectTimeoutMs: number;
  #isSecured = false;
  #error: unknown;
  #connackCode: number | undefined;
  #isTakenOver = false;
  #isSilent = false;

  /** Begins at once. */
  constructor(options: AttemptOptions, clock: Clock) {
    this.#clock = clock;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    this.socket = openSocket(options);
    this.client = new MqttClient(() => this.socket, {
      clientId: options.clientId,
      protocolVersion: options.protocolVersion,
      keepalive: options.keepAliveSeconds,
      clean: true,
      resubscribe: false,
      reconnectPeriod: 0,
      // Ours come first, and know what was waited for.
      connectTimeout: 3 * this.#connectTimeoutMs,
      queueQoSZero: false,
      log: () => undefined,
    });
    this.#limitHandshake();
    this.socket.once('secureConnect', () => {
      this.#isSecured = true;
      this.#limitConnack();
    });
    this.socket.on('error', (error) => {
      this.#error ??= error;
    });
    this.client.on('error', (error) => this.#clientError(error));
    this.client.on('disconnect', (packet: IDisconnectPacket) => {
      this.#isTakenOver = packet.reasonCode === SESSION_TAKEN_OVER;
      // The peer has ended it (MQTT 5 §3.14.4); one that then leaves the socket open would hold us up.
      this.socket.destroy();
    });
  }

  /** TLS was agreed upon. */
  get isSecured(): boolean {
    return this.#isSecured;
  }

  /** The first fault of socket or client. */
  get error(): unknown {
    return this.#error;
  }

  /** What a CONNACK that refuses gave as its reason. */
  get connackCode(): number | undefined {
    return this.#connackCode;
  }

  /** The peer has ended it for another connection of the same client id. */
  get isTakenOver(): boolean {
    return this.#isTakenOver;
  }

  /** The peer took the CONNECT and said nothing. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  #limitHandshake(): void {
    const { socket } = this;
    const limit = this.#clock.setTimer(this.#connectTimeoutMs, () => {
      socket.destroy(Object.assign(new Error('no TLS handshake'), { code: 'ETIMEDOUT' }));
    });
    socket.once('secureConnect', () => limit.cancel());
    socket.once('close', () => limit.cancel());
  }

  #limitConnack(): void {
    const limit = this.#clock.setTimer(this.#connectTimeoutMs, () => {
      this.#isSilent = true;
      this.socket.destroy();
    });
    this.client.once('connect', () => limit.cancel());
    this.socket.once('close', () => limit.cancel());
  }

  #clientError(error: Error): void {
    this.#error ??= error;
    // Before `connect` MQTT.js gives the CONNACK's code here.
    if (this.upSince === undefined && 'code' in error && typeof error.code === 'number') {
      this.#connackCode = error.code;
    }
    this.socket.destroy();
  }
}

function openSocket({ endpoint, port, tls }: AttemptOptions): TLSSocket {
  const socket = connect({
    host: endpoint,
    port,
    cert: tls.certificate,
    key: tls.key,
    minVersion: 'TLSv1.2',
    ...(tls.rootCa === undefined ? {} : { ca: tls.rootCa }),
    ...(isIP(endpoint) ? {} : { servername: endpoint }),
    // AWS IoT tells MQTT from HTTPS on port 443 by this (developer guide, Device communication protocols).
    ...(port === 443 ? { ALPNProtocols: ['x-amzn-mqtt-ca'] } : {}),
  });
  socket.setNoDelay(true);
  return socket;
}
