import { DEFAULT_DECISIONS, type Decisions } from './decisions.ts';
import { ServiceError } from './service-error.ts';

/** What a decision may be set to. */
const ALLOWED: Readonly<Record<keyof Decisions, readonly unknown[] | 'seconds'>> = {
  rejectWhileInProgress: [true, false],
  deviceMayCancel: [true, false],
  endedUpdateCode: ['InvalidStateTransition', 'TerminalStateReached'],
  deleteQueuedExecution: [true, false],
  deletedThing: ['REMOVED', 'KEPT'],
  restartStepTimer: [true, false],
  eventTimes: ['seconds', 'milliseconds'],
  answers: ['requester', 'subscribers'],
  deletionSeconds: 'seconds',
};

/** A year. */
const LONGEST_SECONDS = 365 * 86_400;

/** The decisions in force; they can be changed while the simulator runs. */
export class Settings {
  readonly #initial: Decisions;
  #current: Decisions;

  constructor(initial: Partial<Decisions> = {}) {
    this.#initial = { ...DEFAULT_DECISIONS, ...initial };
    this.#current = this.#initial;
  }

  get current(): Decisions {
    return this.#current;
  }

  /** @throws ServiceError InvalidRequestException naming the setting; nothing is changed then */
  update(changes: Partial<Decisions>): Decisions {
    return this.updateUntyped({ ...changes });
  }

  /** As `update`, for what came from outside. */
  updateUntyped(changes: Readonly<Record<string, unknown>>): Decisions {
    for (const [name, value] of Object.entries(changes)) check(name, value);
    this.#current = { ...this.#current, ...changes };
    return this.#current;
  }

  reset(): void {
    this.#current = this.#initial;
  }
}

function check(name: string, value: unknown): void {
  const allowed = Object.entries(ALLOWED).find(([known]) => known === name)?.[1];
  if (!allowed) {
    throw new ServiceError(
      'InvalidRequestException',
      `${name} is no setting: expected one of ${Object.keys(ALLOWED).join(', ')}`,
    );
  }
  const fits =
    allowed === 'seconds'
      ? typeof value === 'number' && value >= 0 && value <= LONGEST_SECONDS
      : allowed.includes(value);
  if (fits) return;
  const expected =
    allowed === 'seconds'
      ? `seconds from 0 to ${LONGEST_SECONDS}`
      : allowed.map((one) => JSON.stringify(one)).join(' or ');
  throw new ServiceError('InvalidRequestException', `${name}: expected ${expected}, got ${JSON.stringify(value)}`);
}
