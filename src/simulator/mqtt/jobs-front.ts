import type { Client } from 'aedes';
import { type Clock, epochSeconds } from '../clock.ts';
import type { JobsService } from '../jobs/jobs-service.ts';
import { ServiceError } from '../service-error.ts';
import { matchesFilter } from './topic-filter.ts';

/** Exception names of the service models → ErrorResponse codes of MQTT (developer guide, Jobs device MQTT API). */
const CODES: ReadonlyMap<string, string> = new Map([
  ['InvalidRequestException', 'InvalidRequest'],
  ['ResourceNotFoundException', 'ResourceNotFound'],
  ['InvalidStateTransitionException', 'InvalidStateTransition'],
  ['VersionMismatch', 'VersionMismatch'],
  ['TerminalStateException', 'TerminalStateReached'],
  ['ThrottlingException', 'RequestThrottled'],
  ['InvalidTopic', 'InvalidTopic'],
  ['InvalidJson', 'InvalidJson'],
]);

const TOPIC = /^\$aws\/things\/([^/]+)\/jobs\/(.+)$/;

/** The Jobs operations as messages: a publish of a device in, an answer to that device alone out. */
export class JobsFront {
  readonly #jobs: JobsService;
  readonly #clock: Clock;

  constructor(jobs: JobsService, clock: Clock) {
    this.#jobs = jobs;
    this.#clock = clock;
  }

  /** A device has published, and has its PUBACK. Anything but a request of the Jobs API is none of our business. */
  published(topic: string, payload: Buffer | string, client: Client): void {
    const [, thingName, request] = TOPIC.exec(topic) ?? [];
    // What the service itself sends on is not a request, whoever publishes it.
    if (
      thingName === undefined ||
      request === undefined ||
      /(^|\/)(accepted|rejected|notify|notify-next)$/.test(request)
    ) {
      return;
    }
    const timestamp = epochSeconds(this.#clock);
    let clientToken: string | undefined;
    try {
      const body = parse(payload);
      if (typeof body['clientToken'] === 'string') clientToken = body['clientToken'];
      const answer = this.#operate(thingName, request, body);
      send(client, `${topic}/accepted`, {
        ...(clientToken === undefined ? {} : { clientToken }),
        timestamp,
        ...answer,
      });
    } catch (error) {
      send(client, `${topic}/rejected`, rejection(error, timestamp, clientToken));
    }
    this.#jobs.flushNotifications();
  }

  #operate(thingName: string, request: string, body: Record<string, unknown>): object {
    if (request === 'get') return this.#jobs.getPendingJobExecutions(thingName);
    if (request === 'start-next') return this.#jobs.startNextPendingJobExecution(thingName, body);
    const [jobId = '', operation, ...rest] = request.split('/');
    if (rest.length === 0 && operation === 'get') return this.#jobs.describeJobExecution(thingName, jobId, body);
    if (rest.length === 0 && operation === 'update') return this.#jobs.updateJobExecution(thingName, jobId, body);
    // Where AWS answers this is not known; we take the topic's own `/rejected`.
    throw new ServiceError('InvalidTopic', `No operation of AWS IoT Jobs has the topic …/jobs/${request}`);
  }
}

/** An empty payload is an empty request: clients in the field send it. */
function parse(payload: Buffer | string): Record<string, unknown> {
  if (payload.length === 0) return {};
  try {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return Object.fromEntries(Object.entries(value));
  } catch (error) {
    throw new ServiceError('InvalidJson', error instanceof Error ? error.message : String(error));
  }
  throw new ServiceError('InvalidJson', 'The payload is not a JSON object');
}

/** A fault of ours is the service's InternalError: a client may try again, and nothing crashes. */
function rejection(error: unknown, timestamp: number, clientToken: string | undefined): object {
  const known = error instanceof ServiceError ? error : undefined;
  return {
    code: (known && CODES.get(known.code)) ?? 'InternalError',
    // Of a fault of ours nothing of the inside is told.
    message: known ? known.message : 'An unexpected error has occurred.',
    ...(clientToken === undefined ? {} : { clientToken }),
    timestamp,
    ...(known?.executionState ? { executionState: known.executionState } : {}),
  };
}

/** To the requester alone and once, subscribed or not; QoS 0 unless it subscribed for more, and never above 1. */
function send(client: Client, topic: string, message: object): void {
  const payload = Buffer.from(JSON.stringify(message));
  const qos = grantedQos(client, topic);
  client.publish({ cmd: 'publish', topic, payload, qos, retain: false, dup: false }, ignoreDelivery);
}

function grantedQos(client: Client, topic: string): 0 | 1 {
  const subscriptions: unknown = 'subscriptions' in client ? client.subscriptions : {};
  const granted = Object.entries(subscriptions ?? {}).some(
    ([filter, subscription]) => qosOf(subscription) > 0 && matchesFilter(topic, filter),
  );
  return granted ? 1 : 0;
}

function qosOf(subscription: unknown): number {
  if (typeof subscription !== 'object' || subscription === null || !('qos' in subscription)) return 0;
  return typeof subscription.qos === 'number' ? subscription.qos : 0;
}

/** A client that went away does not get its answer, as with the real service. */
const ignoreDelivery = () => undefined;
