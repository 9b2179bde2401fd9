import type { Clock } from '../clock.ts';
import type { Decisions } from '../decisions.ts';
import type { Store } from '../store.ts';
import { DeviceApi } from './device-api.ts';
import type { StoredJob } from './entities.ts';
import { EventPublisher } from './event-publisher.ts';
import { ExecutionOperations } from './execution-operations.ts';
import { JobDocuments } from './job-documents.ts';
import { JobLifecycle } from './job-lifecycle.ts';
import { JobOperations } from './job-operations.ts';
import { JobTargets, type ThingDirectory } from './job-targets.ts';
import { JobsState } from './jobs-state.ts';
import { Membership } from './membership.ts';
import type { Tag } from './tags.ts';
import type { TemplateForJob } from './templates/job-templates.ts';

export interface JobsServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly region: string;
  readonly accountId: string;
  readonly directory: ThingDirectory;
  publish(topic: string, payload: object): void;
  decisions(): Decisions;
  /** What CreateJob finds under a `jobTemplateArn`. Refuses with a ServiceError. */
  templateFor(jobTemplateArn: unknown): TemplateForJob;
  /** The text of the S3 object that a `documentSource` names. Refuses with a ServiceError. */
  documentAt(documentSource: string): string;
  /** A job's document for one delivery, with fresh presigned URLs. */
  presigned(job: StoredJob): string;
  /** Keeps the tags of a new resource. Refuses with a ServiceError. */
  tag(arn: string, tags: readonly Tag[]): void;
  untag(arn: string): void;
}

/**
 * The simulated service: what devices and what operators ask of it, on one state. Refusals are ServiceErrors. A front
 * answers first and calls `flushNotifications()` then, for that is the order of the real service: update/accepted,
 * notify, notify-next.
 */
export class JobsService {
  /** For devices: the four operations of `iot-jobs-data`. */
  readonly devices: DeviceApi;
  /** For operators: jobs. */
  readonly jobs: JobOperations;
  /** For operators: the executions of jobs. */
  readonly executions: ExecutionOperations;
  /** Told of what comes and goes in the registry. */
  readonly membership: Membership;
  readonly #state: JobsState;
  readonly #lifecycle: JobLifecycle;
  readonly #publish: (topic: string, payload: object) => void;
  readonly #untag: (arn: string) => void;

  constructor(options: JobsServiceOptions) {
    const { store, clock, directory, region, accountId } = options;
    const arnPrefix = `arn:aws:iot:${region}:${accountId}`;
    const decisions = (): Decisions => options.decisions();
    const thingExists = (thingName: string): boolean => directory.thingExists(thingName);
    const state = new JobsState(store, clock, (job) => options.presigned(job));
    const targets = new JobTargets(directory, arnPrefix);
    const woken = (): void => this.flushNotifications();
    const deleted = (job: StoredJob): void => this.#untag(job.jobArn);
    const events = new EventPublisher({
      state,
      enabled: (type) => directory.eventEnabled(type),
      thingArn: (thingName) => targets.arnOf(thingName),
      times: () => decisions().eventTimes,
    });
    const lifecycle = new JobLifecycle({ state, events, thingExists, decisions, woken, deleted });
    const documents = new JobDocuments(options);
    this.#state = state;
    this.#lifecycle = lifecycle;
    this.#untag = (arn) => options.untag(arn);
    this.#publish = (topic, payload) => options.publish(topic, payload);
    this.devices = new DeviceApi({ state, lifecycle, thingExists, decisions });
    const tag = (arn: string, tags: readonly Tag[]): void => options.tag(arn, tags);
    this.membership = new Membership({ state, lifecycle, targets, decisions });
    this.jobs = new JobOperations({ state, lifecycle, targets, documents, arnPrefix, tag });
    this.executions = new ExecutionOperations({ state, lifecycle, targets, thingExists, decisions });
  }

  /** Goes on where a simulator left off: timers, rollouts, schedules. */
  start(): void {
    this.#lifecycle.resume();
    this.flushNotifications();
  }

  stop(): void {
    this.#lifecycle.stop();
  }

  flushNotifications(): void {
    for (const { topic, payload } of this.#state.takeMessages()) this.#publish(topic, payload);
  }

  /** A job by its ARN. */
  jobOf(jobArn: string): StoredJob | undefined {
    return this.#state.jobs().find((job) => job.jobArn === jobArn);
  }

  /** Forgets all jobs, their tags too; nobody is notified. */
  reset(): void {
    this.#lifecycle.stop();
    for (const { jobArn } of this.#state.jobs()) this.#untag(jobArn);
    this.#state.clear();
  }
}
