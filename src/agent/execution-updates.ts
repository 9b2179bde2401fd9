import { ThingAgentError } from '../errors.ts';
import type { JobsClient, UpdateRequest } from '../jobs/jobs-client.ts';
import { type JobExecution, TERMINAL_STATUSES } from '../jobs/model.ts';
import { JobsRejectedError } from '../jobs/rejection.ts';
import { type ExecutionKey, keyText } from '../journal/journal.ts';
import { type Clock, sleep } from '../system/clock.ts';
import { RecentMap } from '../system/recent-map.ts';

/** An execution of one certain job: a job id may be deleted and used again, and only `queuedAt` tells the two apart. */
export interface ExecutionIdentity extends ExecutionKey {
  /** Epoch seconds; 0: unknown. */
  readonly queuedAt: number;
}

export type UpdateEnd =
  | { readonly kind: 'accepted' }
  /**
   * The service has ended the execution, deleted it, or has another job of its id. `isDenial`: it has refused to speak
   * of it, twice, and no more; that may be a mishap all the same.
   */
  | { readonly kind: 'over'; readonly why: string; readonly isDenial: boolean };

export type Described =
  | { readonly kind: 'there'; readonly execution: JobExecution }
  | Extract<UpdateEnd, { kind: 'over' }>;

type Update = Omit<UpdateRequest, 'executionNumber' | 'expectedVersion' | 'includeJobExecutionState'>;

export interface Standing {
  /** The service has accepted IN_PROGRESS of this device: QUEUED is then another job, made in the same second. */
  readonly begun: boolean;
}

/** Executions whose version is remembered; of one that is forgotten it is asked again. */
export const VERSIONS_KEPT = 1_000;

/** Milliseconds before a refusal that would be final is asked for again. */
const MISHAP_MS = 1_000;

/** How often one update is described anew after a VersionMismatch before it counts as a passing fault. */
const MOST_REREADS = 3;

/**
 * UpdateJobExecution for the execution that is meant and no other. Each update carries the version that we know, so that
 * it cannot reach a later job of the same id, nor overtake what we have not heard of. Where the version is not known, or
 * is not the service's (VersionMismatch: an answer was lost), the execution is described first, and its `queuedAt` tells
 * whether it is still the one. Updates of one execution go one after the other.
 */
export class ExecutionUpdates {
  readonly #client: JobsClient;
  readonly #clock: Clock;
  readonly #versions = new RecentMap<string, number>(VERSIONS_KEPT);
  readonly #lines = new Map<string, Promise<unknown>>();

  constructor(client: JobsClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /**
   * Rejects when the service could not be asked, gave no answer, or refused in a way that may pass; and with the
   * JobsRejectedError of class `invalid` or, where the execution is still IN_PROGRESS there, of class `final`.
   */
  send(
    identity: ExecutionIdentity,
    update: Update,
    session: AbortSignal,
    standing: Standing = { begun: true },
  ): Promise<UpdateEnd> {
    return this.#inLine(identity, () => this.#send(identity, update, session, standing));
  }

  /** The execution as the service has it now. Rejects for passing faults only. */
  async describe(
    identity: ExecutionIdentity,
    session: AbortSignal,
    options: Standing & { readonly includeJobDocument?: boolean } = { begun: true },
  ): Promise<Described> {
    const described = await this.#describeOnce(identity, session, options);
    if (!(described instanceof JobsRejectedError)) return described;
    // It would end what runs, or give a result up: a refusal by mishap must not, nor one mishap that refuses both.
    await sleep(this.#clock, MISHAP_MS, session);
    const again = await this.#describeOnce(identity, session, options);
    return again instanceof JobsRejectedError ? { ...over(again.message), isDenial: true } : again;
  }

  async #describeOnce(
    identity: ExecutionIdentity,
    session: AbortSignal,
    { begun, includeJobDocument = false }: Standing & { readonly includeJobDocument?: boolean },
  ): Promise<Described | JobsRejectedError> {
    const { jobId, executionNumber } = identity;
    try {
      const execution = await this.#client.describe(jobId, { executionNumber, includeJobDocument }, session);
      // An execution that is gone is refused (ResourceNotFound); an empty answer is a mishap, and is asked for again.
      if (!execution) throw mishap(identity, 'the service described nothing');
      if (isAnother(execution, identity)) return over('the service has another job of this id');
      if (begun && execution.status === 'QUEUED') return over('the service has it as QUEUED anew');
      if (TERMINAL_STATUSES.has(execution.status)) return over(`the service has it as ${execution.status}`);
      this.#versions.set(keyText(identity), execution.versionNumber);
      return { kind: 'there', execution };
    } catch (error) {
      if (!isRefusal(error, 'gone', 'final')) throw error;
      return error;
    }
  }

  /** A notification or an answer told the version. */
  learn(identity: ExecutionIdentity, versionNumber: number): void {
    this.#versions.set(keyText(identity), versionNumber);
  }

  /** Nothing more will be said of it. */
  forget(key: ExecutionKey): void {
    this.#versions.delete(keyText(key));
  }

  /** Answers may have been lost with the connection: what is known of versions is doubtful. */
  forgetAll(): void {
    this.#versions.clear();
  }

  async #send(
    identity: ExecutionIdentity,
    update: Update,
    session: AbortSignal,
    standing: Standing,
  ): Promise<UpdateEnd> {
    for (let reads = 0; ; reads += 1) {
      const known = this.#versions.get(keyText(identity));
      if (known === undefined) {
        const described = await this.describe(identity, session, standing);
        if (described.kind === 'over') return described;
      }
      const refused = await this.#sendOnce(identity, update, session);
      if (refused === undefined) return { kind: 'accepted' };
      if (refused.rejection === 'reread') {
        if (reads < MOST_REREADS) continue;
        throw mishap(identity, `the service never takes the version that it describes: ${refused.message}`);
      }
      if (refused.rejection !== 'gone' && refused.rejection !== 'final') throw refused;
      // What is final is looked at once more: a refusal by mishap must not cost a result.
      const described = await this.describe(identity, session, standing);
      if (described.kind === 'over') return described;
      if (described.execution.status === 'IN_PROGRESS') throw refused;
      throw mishap(identity, `refused for good, and yet the service has it as QUEUED: ${refused.message}`);
    }
  }

  /** The refusal, when it was one. Whatever else happens, the version is not known any more. */
  async #sendOnce(
    identity: ExecutionIdentity,
    update: Update,
    session: AbortSignal,
  ): Promise<JobsRejectedError | undefined> {
    const { jobId, executionNumber } = identity;
    const text = keyText(identity);
    const expectedVersion = this.#versions.get(text);
    this.#versions.delete(text);
    const request = { ...update, executionNumber, includeJobExecutionState: true };
    try {
      const answer = await this.#client.update(
        jobId,
        expectedVersion === undefined ? request : { ...request, expectedVersion },
        session,
      );
      const version = answer.executionState?.versionNumber;
      if (version !== undefined) this.#versions.set(text, version);
      return undefined;
    } catch (error) {
      if (error instanceof JobsRejectedError) return error;
      throw error;
    }
  }

  async #inLine<T>(key: ExecutionKey, act: () => Promise<T>): Promise<T> {
    const text = keyText(key);
    const before = this.#lines.get(text) ?? Promise.resolve();
    const mine = before.then(act, act);
    this.#lines.set(text, mine);
    try {
      return await mine;
    } finally {
      if (this.#lines.get(text) === mine) this.#lines.delete(text);
    }
  }
}

function over(why: string): Extract<UpdateEnd, { kind: 'over' }> {
  return { kind: 'over', why, isDenial: false };
}

function isRefusal(error: unknown, ...classes: JobsRejectedError['rejection'][]): error is JobsRejectedError {
  return error instanceof JobsRejectedError && classes.includes(error.rejection);
}

function mishap({ jobId }: ExecutionKey, what: string): ThingAgentError {
  return new ThingAgentError('SERVICE_CONTRADICTORY', `${jobId}: ${what}`, { retryable: true });
}

function isAnother(answer: JobExecution, identity: ExecutionIdentity): boolean {
  return answer.queuedAt !== identity.queuedAt && answer.queuedAt !== 0 && identity.queuedAt !== 0;
}
