import { TERMINAL_STATUSES } from '../../jobs/model.ts';
import type { Decisions } from '../decisions.ts';
import { isActive, type StoredJob } from './entities.ts';
import type { JobLifecycle } from './job-lifecycle.ts';
import type { JobTargets } from './job-targets.ts';
import type { JobsState } from './jobs-state.ts';

/** What comes and goes in the registry, and what that means for jobs. */
export class Membership {
  readonly #state: JobsState;
  readonly #lifecycle: JobLifecycle;
  readonly #targets: JobTargets;
  readonly #decisions: () => Decisions;

  constructor(deps: { state: JobsState; lifecycle: JobLifecycle; targets: JobTargets; decisions: () => Decisions }) {
    this.#state = deps.state;
    this.#lifecycle = deps.lifecycle;
    this.#targets = deps.targets;
    this.#decisions = deps.decisions;
  }

  /** A CONTINUOUS job is given to what joins its groups, at once: rollout rates are for the members at its creation. */
  thingJoined(thingName: string, groupName: string, before: readonly string[]): void {
    for (const job of this.#continuousJobs(groupName)) {
      const last = this.#state.execution(thingName, job.jobId);
      // Who was a target already, by itself or by another group, does not get it again.
      if (this.#targets.cover(job.targets, thingName, before) || job.waiting.includes(thingName)) continue;
      if (last && !TERMINAL_STATUSES.has(last.status)) continue;
      if (job.status === 'IN_PROGRESS') this.#lifecycle.give(job, [thingName]);
      else this.#state.putJob({ ...job, waiting: [...job.waiting, thingName] });
    }
  }

  /** What leaves the last of a CONTINUOUS job's groups loses its pending execution. */
  thingLeft(thingName: string, groupName: string): void {
    for (const job of this.#continuousJobs(groupName)) {
      if (this.#targets.include(job.targets, thingName)) continue;
      if (job.waiting.includes(thingName)) {
        this.#state.putJob({ ...job, waiting: job.waiting.filter((waiting) => waiting !== thingName) });
      }
      const last = this.#state.execution(thingName, job.jobId);
      if (last && !TERMINAL_STATUSES.has(last.status)) this.#lifecycle.transition(last, 'REMOVED');
    }
  }

  /** Nobody is notified: an emulator's authors saw the real service publish nothing. */
  thingDeleted(thingName: string): void {
    this.#lifecycle.withdraw(thingName);
    if (this.#decisions().deletedThing === 'KEPT') return;
    for (const execution of this.#state.executionsOfThing(thingName)) {
      if (!TERMINAL_STATUSES.has(execution.status)) this.#lifecycle.transitionSilently(execution, 'REMOVED');
    }
  }

  #continuousJobs(groupName: string): StoredJob[] {
    return this.#state
      .jobs()
      .filter(
        (job) =>
          job.targetSelection === 'CONTINUOUS' &&
          isActive(job) &&
          !job.ended &&
          this.#targets.names(job.targets, groupName),
      );
  }
}
