import type { Clock } from '../clock.ts';
import { deadlineOf } from './deadline.ts';
import { executionId, type StoredExecution } from './entities.ts';

/** One appointment for each running execution that has a timer. */
export class ExecutionTimers {
  readonly #clock: Clock;
  readonly #timedOut: (execution: StoredExecution) => void;
  readonly #appointments = new Map<string, () => void>();

  constructor(clock: Clock, timedOut: (execution: StoredExecution) => void) {
    this.#clock = clock;
    this.#timedOut = timedOut;
  }

  /** To be called with each new state of an execution. */
  set(execution: StoredExecution): void {
    this.clear(execution);
    const deadline = deadlineOf(execution);
    if (deadline === undefined) return;
    const id = executionId(execution);
    const cancel = this.#clock.schedule(deadline, () => {
      this.#appointments.delete(id);
      this.#timedOut(execution);
    });
    this.#appointments.set(id, cancel);
  }

  clear(execution: StoredExecution): void {
    const id = executionId(execution);
    this.#appointments.get(id)?.();
    this.#appointments.delete(id);
  }

  stop(): void {
    for (const cancel of this.#appointments.values()) cancel();
    this.#appointments.clear();
  }
}
