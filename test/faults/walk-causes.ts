import type { ServiceExecution } from '../support/world/operator.ts';
import type { Deed, WorkDocument, WorkStep } from '../support/world/work.ts';
import { MINUTE, type World } from '../support/world.ts';

/**
 * How long trouble has its effect after it is over: back-offs of up to five minutes, of the connection and then of what
 * is to be said.
 */
const AFTERMATH = 12 * MINUTE;

/** What a service can end an execution for: when the device was kept from its work, and what somebody has taken back. */
export class Causes {
  readonly #troubles: { readonly from: number; readonly to: number }[] = [];
  readonly #canceled = new Set<string>();
  /** Some requests fail at random. */
  hasRates = false;

  /** The job of this id, or its execution, is cancelled. */
  canceled(jobId: string): void {
    this.#canceled.add(jobId);
  }

  /** There is another job of this id. */
  created(jobId: string): void {
    this.#canceled.delete(jobId);
  }

  /** Something keeps the device from doing or saying what it should, now. */
  isTroubled(world: World): boolean {
    const { network, disk } = world;
    if (!world.isServiceUp || !world.isDeviceUp || network.weather !== 'fair' || this.hasRates) return true;
    if (disk.failures > 0 || disk.fatal !== undefined) return true;
    return world.simulator.faults.list().some(({ spent }) => !spent);
  }

  trouble(from: number, to: number): void {
    this.#troubles.push({ from, to });
  }

  /** Why the service has ended this execution; undefined: there is no reason. */
  of(execution: ServiceExecution, document: WorkDocument, deeds: readonly Deed[]): string | undefined {
    const { status, jobId, executionNumber, lastUpdatedAt, startedAt = 0 } = execution;
    if (status === 'CANCELED') return this.#canceled.has(jobId) ? 'somebody has cancelled it' : undefined;
    // Nobody takes the thing out of a group.
    if (status !== 'TIMED_OUT') return undefined;
    if (lastUpdatedAt >= (execution.timesOutAt ?? Number.POSITIVE_INFINITY)) return 'it was in progress for too long';
    const limited = document.steps.filter(({ timeoutSeconds }) => timeoutSeconds !== undefined);
    if (limited.length === 0) return undefined;
    // Only what is in this process cannot be killed.
    if (limited.some(outlivesItsLimit)) return 'a step did not end at its limit';
    const isIts = (deed: Deed) => deed.edition === document.edition && deed.executionNumber === executionNumber;
    const startsItsTimer = ({ step, what, at }: Deed) =>
      what === 'started' && at <= lastUpdatedAt && limited.some(({ name }) => name === step);
    const since = deeds.filter(isIts).findLast(startsItsTimer)?.at ?? startedAt;
    const wasAway = this.#troubles.some(({ from, to }) => from <= lastUpdatedAt && to + AFTERMATH >= since);
    return wasAway ? 'the device was kept from its work, or from telling of it' : undefined;
  }
}

function outlivesItsLimit({ stubborn, seconds = 0, timeoutSeconds = 0 }: WorkStep): boolean {
  return stubborn === true && seconds > timeoutSeconds;
}
