import type { StoredExecution, StoredJob } from './entities.ts';
import { executionEvent, type JobEventOperation, jobEvent } from './events.ts';
import type { JobsState } from './jobs-state.ts';

/** Publishes events, if they are switched on: by default they are off (developer guide, AWS IoT events). */
export class EventPublisher {
  readonly #state: JobsState;
  readonly #enabled: (type: 'JOB' | 'JOB_EXECUTION') => boolean;
  readonly #thingArn: (thingName: string) => string;
  readonly #times: () => 'seconds' | 'milliseconds';

  constructor(deps: {
    state: JobsState;
    enabled: (type: 'JOB' | 'JOB_EXECUTION') => boolean;
    thingArn: (thingName: string) => string;
    times: () => 'seconds' | 'milliseconds';
  }) {
    this.#state = deps.state;
    this.#enabled = deps.enabled;
    this.#thingArn = deps.thingArn;
    this.#times = deps.times;
  }

  job(operation: JobEventOperation, job: StoredJob): void {
    if (!this.#enabled('JOB')) return;
    const options = { now: this.#state.clock.now(), times: this.#times() };
    this.#state.note(jobEvent(operation, job, (status) => this.#state.count(job.jobId, status), options));
  }

  executionEnded(execution: StoredExecution): void {
    if (!this.#enabled('JOB_EXECUTION')) return;
    this.#state.note(executionEvent(execution, this.#thingArn(execution.thingName), this.#state.clock.now()));
  }

  executionDeleted(execution: StoredExecution): void {
    if (!this.#enabled('JOB_EXECUTION')) return;
    this.#state.note(executionEvent(execution, this.#thingArn(execution.thingName), this.#state.clock.now(), true));
  }
}
