import { ThingAgentError } from '../errors.ts';
import type { JobExecution } from '../jobs/model.ts';
import type { RunnableExecution } from '../journal/journal.ts';
import type { ExecutionIdentity, ExecutionUpdates } from './execution-updates.ts';

/** What the service says of an execution that is to run here. */
export type Wanted =
  | { readonly kind: 'wanted'; readonly document: unknown; readonly secondsLeft: number | undefined }
  | { readonly kind: 'unwanted'; readonly why: string };

/** Asks the service for an execution's document, and so whether it still wants it. */
export class DocumentSource {
  readonly #updates: ExecutionUpdates;
  readonly #takeFresh: (identity: ExecutionIdentity) => JobExecution | undefined;

  /** @param takeFresh the execution as a notification has brought it moments ago, once. */
  constructor(updates: ExecutionUpdates, takeFresh: (identity: ExecutionIdentity) => JobExecution | undefined) {
    this.#updates = updates;
    this.#takeFresh = takeFresh;
  }

  /** Rejects for passing faults only. */
  async obtain(execution: RunnableExecution, session: AbortSignal): Promise<Wanted> {
    const isQueued = execution.state === 'queued';
    const fresh = isQueued ? this.#takeFresh(execution) : undefined;
    if (fresh) {
      this.#updates.learn(execution, fresh.versionNumber);
      return { kind: 'wanted', document: documentOf(fresh), secondsLeft: fresh.approximateSecondsBeforeTimedOut };
    }
    const options = { begun: !isQueued, includeJobDocument: isQueued };
    const described = await this.#updates.describe(execution, session, options);
    if (described.kind === 'over') return { kind: 'unwanted', why: described.why };
    const answer = described.execution;
    const document = isQueued ? documentOf(answer) : execution.document;
    return { kind: 'wanted', document, secondsLeft: answer.approximateSecondsBeforeTimedOut };
  }

  /** The document as the service has it now. Rejects when it cannot be asked, or no longer has the execution. */
  async refresh(execution: RunnableExecution, session: AbortSignal | undefined): Promise<unknown> {
    if (!session) throw new ThingAgentError('CONNECTION_LOST', 'there is no connection to ask for the document');
    const described = await this.#updates.describe(execution, session, { begun: true, includeJobDocument: true });
    if (described.kind === 'there') return documentOf(described.execution);
    throw new ThingAgentError('DOCUMENT_MISSING', described.why);
  }
}

function documentOf(answer: JobExecution): unknown {
  if (answer.jobDocument !== undefined) return answer.jobDocument;
  throw new ThingAgentError('DOCUMENT_MISSING', `the service described ${answer.jobId} without its document`);
}
