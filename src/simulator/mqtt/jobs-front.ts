import { type Clock, epochSeconds } from '../clock.ts';
import type { JobsService } from '../jobs/jobs-service.ts';
import { ServiceError } from '../service-error.ts';

/** Exception names of the service models → ErrorResponse codes of MQTT (developer guide, Jobs device MQTT API). */
const CODES: ReadonlyMap<string, string> = new Map([
  ['InvalidRequestException', 'InvalidRequest'],
  ['ResourceNotFoundException', 'ResourceNotFound'],
  ['InvalidStateTransitionException', 'InvalidStateTransition'],
  ['VersionMismatch', 'VersionMismatch'],
  ['TerminalStateException', 'TerminalStateReached'],
  ['ThrottlingException', 'RequestThrottled'],
  ['InternalFailureException', 'InternalError'],
  ['ServiceUnavailableException', 'InternalError'],
  ['InvalidTopic', 'InvalidTopic'],
  ['InvalidJson', 'InvalidJson'],
]);

const SENT_BY_SERVICE = /(^|\/)(accepted|rejected|notify|notify-next|notify(-next)?-namespace-[^/]*)$/;
/** As Greengrass asks for its own jobs: with their namespace between the job and the verb. */
const ON_ONE_JOB = /^(?<jobId>[^/]*)(?:\/namespace-(?<namespaceId>[a-zA-Z0-9_-]+))?\/(?<verb>get|update)$/;
const TOPIC = /^\$aws\/things\/([^/]+)\/jobs\/(.+)$/;

/** What the service says to a request: for the requester alone. */
export interface Answer {
  readonly topic: string;
  readonly message: object;
}

/** Decides whether an operation shall fail for the sake of a test: a code of the service models, or nothing. */
export type Failure = (operation: DeviceOperation) => ServiceError | undefined;

/** The four operations that a device has. */
export type DeviceOperation =
  | 'GetPendingJobExecutions'
  | 'StartNextPendingJobExecution'
  | 'DescribeJobExecution'
  | 'UpdateJobExecution';

/** The Jobs operations as messages: a publish of a device in, an answer to that device out. Knows no broker. */
export class JobsFront {
  readonly #jobs: JobsService;
  readonly #clock: Clock;
  readonly #failure: Failure;
  readonly #onFault: (error: unknown) => void;

  constructor(deps: {
    jobs: JobsService;
    clock: Clock;
    failure?: Failure;
    /** Told of faults of the simulator itself, which the device sees as InternalError. */
    onFault?: (error: unknown) => void;
  }) {
    this.#jobs = deps.jobs;
    this.#clock = deps.clock;
    this.#failure = deps.failure ?? (() => undefined);
    this.#onFault = deps.onFault ?? (() => undefined);
  }

  /**
   * A device has published, and has its PUBACK. Anything but a request of the Jobs API is none of our business, and
   * gets no answer. The caller sends the answer, and calls `flushNotifications()` of the service then.
   */
  answer(topic: string, payload: Buffer | string): Answer | undefined {
    const [, thingName, request] = TOPIC.exec(topic) ?? [];
    // What the service itself sends on is not a request, whoever publishes it.
    if (thingName === undefined || request === undefined || SENT_BY_SERVICE.test(request)) return undefined;
    const timestamp = epochSeconds(this.#clock);
    let clientToken: string | undefined;
    try {
      const body = parse(payload);
      if (typeof body['clientToken'] === 'string') clientToken = body['clientToken'];
      const result = this.#operate(thingName, request, body);
      const token = clientToken === undefined ? {} : { clientToken };
      return { topic: `${topic}/accepted`, message: { ...token, timestamp, ...result } };
    } catch (error) {
      if (!(error instanceof ServiceError)) this.#onFault(error);
      return { topic: `${topic}/rejected`, message: rejection(error, timestamp, clientToken) };
    }
  }

  #operate(thingName: string, request: string, body: Record<string, unknown>): object {
    const { devices } = this.#jobs;
    if (request === 'get') {
      this.#fail('GetPendingJobExecutions');
      return devices.getPending(thingName);
    }
    if (request === 'start-next') {
      this.#fail('StartNextPendingJobExecution');
      return devices.startNext(thingName, body);
    }
    const { jobId, namespaceId, verb } = ON_ONE_JOB.exec(request)?.groups ?? {};
    if (jobId !== undefined && verb === 'get') {
      this.#fail('DescribeJobExecution');
      return devices.describe(thingName, jobId, body, namespaceId);
    }
    if (jobId !== undefined && verb === 'update') {
      this.#fail('UpdateJobExecution');
      return devices.update(thingName, jobId, body, namespaceId);
    }
    // Where AWS answers this is not known; we take the topic's own `/rejected`.
    throw new ServiceError('InvalidTopic', `No operation of AWS IoT Jobs has the topic …/jobs/${request}`);
  }

  #fail(operation: DeviceOperation): void {
    const failure = this.#failure(operation);
    if (failure) throw failure;
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
