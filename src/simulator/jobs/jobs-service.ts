import type { Clock } from '../clock.ts';
import type { Store } from '../store.ts';
import { ControlPlane } from './control-plane.ts';
import { DeviceApi } from './device-api.ts';
import { JobsState } from './jobs-state.ts';
import type { Query } from './page.ts';

/**
 * The simulated service: what devices and what operators ask of it, on one state. Refusals are ServiceErrors. A front
 * answers first and calls `flushNotifications()` then, for that is the order of the real service: update/accepted,
 * notify, notify-next.
 */
export class JobsService {
  readonly #state: JobsState;
  readonly #device: DeviceApi;
  readonly #control: ControlPlane;
  readonly #publish: (topic: string, payload: object) => void;

  constructor(deps: {
    store: Store;
    clock: Clock;
    region: string;
    accountId: string;
    thingExists: (thingName: string) => boolean;
    publish: (topic: string, payload: object) => void;
  }) {
    this.#state = new JobsState(deps.store, deps.clock);
    this.#device = new DeviceApi(this.#state, deps.thingExists);
    const arnPrefix = `arn:aws:iot:${deps.region}:${deps.accountId}`;
    this.#control = new ControlPlane(this.#state, arnPrefix, deps.thingExists);
    this.#publish = deps.publish;
  }

  flushNotifications(): void {
    for (const { topic, payload } of this.#state.takeNotifications()) this.#publish(topic, payload);
  }

  getPendingJobExecutions(thingName: string): ReturnType<DeviceApi['getPending']> {
    return this.#device.getPending(thingName);
  }

  startNextPendingJobExecution(thingName: string, request: unknown): ReturnType<DeviceApi['startNext']> {
    return this.#device.startNext(thingName, request);
  }

  describeJobExecution(thingName: string, jobIdOrNext: string, request: unknown): ReturnType<DeviceApi['describe']> {
    return this.#device.describe(thingName, jobIdOrNext, request);
  }

  updateJobExecution(thingName: string, jobId: string, request: unknown): ReturnType<DeviceApi['update']> {
    return this.#device.update(thingName, jobId, request);
  }

  createJob(jobId: string, body: unknown): ReturnType<ControlPlane['createJob']> {
    return this.#control.createJob(jobId, body);
  }

  describeJob(jobId: string): object {
    return this.#control.describeJob(jobId);
  }

  listJobs(query: Query): ReturnType<ControlPlane['listJobs']> {
    return this.#control.listJobs(query);
  }

  getJobDocument(jobId: string): { document: string } {
    return this.#control.getJobDocument(jobId);
  }

  cancelJob(jobId: string, options: Parameters<ControlPlane['cancelJob']>[1]): ReturnType<ControlPlane['cancelJob']> {
    return this.#control.cancelJob(jobId, options);
  }

  deleteJob(jobId: string, options: { force: boolean }): void {
    this.#control.deleteJob(jobId, options);
  }

  listJobExecutionsForJob(jobId: string, query: Query): object {
    return this.#control.listExecutionsForJob(jobId, query);
  }

  listJobExecutionsForThing(thingName: string, query: Query): object {
    return this.#control.listExecutionsForThing(thingName, query);
  }

  describeExecution(thingName: string, jobId: string, executionNumber?: number): object {
    return this.#control.describeExecution(thingName, jobId, executionNumber);
  }

  cancelJobExecution(thingName: string, jobId: string, options: Parameters<ControlPlane['cancelExecution']>[2]): void {
    this.#control.cancelExecution(thingName, jobId, options);
  }
}
