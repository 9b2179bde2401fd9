import { ThingAgentError } from '../errors.ts';
import type { JobsClient } from '../jobs/jobs-client.ts';
import { type JobExecution, TERMINAL_STATUSES } from '../jobs/model.ts';
import { JobsRejectedError } from '../jobs/rejection.ts';
import type { ExecutionKey, RunnableExecution } from '../journal/journal.ts';

/** What the service says of an execution that is to run here. */
export type Wanted =
  | { readonly kind: 'wanted'; readonly document: unknown }
  /** `another`: it has another job of this id now. */
  | { readonly kind: 'unwanted'; readonly why: string; readonly another: boolean };

/** Asks the service for an execution's document, and so whether it still wants it. */
export class DocumentSource {
  readonly #client: JobsClient;
  readonly #takeFresh: (key: ExecutionKey) => { readonly document: unknown } | undefined;

  /** @param takeFresh the document that a notification has brought, once. */
  constructor(client: JobsClient, takeFresh: (key: ExecutionKey) => { readonly document: unknown } | undefined) {
    this.#client = client;
    this.#takeFresh = takeFresh;
  }

  /** Rejects for passing faults only. */
  async obtain(execution: RunnableExecution, session: AbortSignal): Promise<Wanted> {
    const isQueued = execution.state === 'queued';
    const fresh = isQueued ? this.#takeFresh(execution) : undefined;
    if (fresh) return { kind: 'wanted', document: fresh.document };
    try {
      const answer = await this.#describe(execution, isQueued, session);
      if (TERMINAL_STATUSES.has(answer.status)) return unwanted(`the service has it as ${answer.status}`);
      if (!isQueued && isAnother(answer, execution)) return unwanted('the service has another job of this id', true);
      if (!isQueued) return { kind: 'wanted', document: execution.document };
      return { kind: 'wanted', document: documentOf(answer) };
    } catch (error) {
      if (isOver(error)) return unwanted(error.message);
      throw error;
    }
  }

  /** The document as the service has it now. Rejects when it cannot be asked, or no longer has the execution. */
  async refresh(execution: RunnableExecution, session: AbortSignal | undefined): Promise<unknown> {
    if (!session) throw new ThingAgentError('CONNECTION_LOST', 'there is no connection to ask for the document');
    const answer = await this.#describe(execution, true, session);
    if (isAnother(answer, execution)) throw new ThingAgentError('DOCUMENT_MISSING', 'the service has another job now');
    return documentOf(answer);
  }

  /** An execution that is gone is refused (ResourceNotFound); an empty answer is a mishap, and is asked for again. */
  async #describe(key: ExecutionKey, includeJobDocument: boolean, session: AbortSignal): Promise<JobExecution> {
    const { jobId, executionNumber } = key;
    const answer = await this.#client.describe(jobId, { executionNumber, includeJobDocument }, session);
    if (answer) return answer;
    throw new ThingAgentError('DOCUMENT_MISSING', `the service described nothing when asked for ${jobId}`);
  }
}

/** The service says that the execution is over: no later try can change that. */
export function isOver(error: unknown): error is JobsRejectedError {
  return error instanceof JobsRejectedError && (error.rejection === 'gone' || error.rejection === 'final');
}

function unwanted(why: string, another = false): Wanted {
  return { kind: 'unwanted', why, another };
}

function documentOf(answer: JobExecution): unknown {
  if (answer.jobDocument !== undefined) return answer.jobDocument;
  throw new ThingAgentError('DOCUMENT_MISSING', `the service described ${answer.jobId} without its document`);
}

/** A job id may be deleted and used again: a claimed execution is never QUEUED, and keeps its queuedAt. */
function isAnother(answer: JobExecution, execution: RunnableExecution): boolean {
  const requeued = answer.queuedAt !== execution.queuedAt && answer.queuedAt !== 0 && execution.queuedAt !== 0;
  return answer.status === 'QUEUED' || requeued;
}
