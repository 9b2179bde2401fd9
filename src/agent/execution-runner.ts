import type { Plan, Planner } from '../execution/plan.ts';
import { runExecution } from '../execution/run-execution.ts';
import type { RunEnd } from '../execution/run-options.ts';
import { statusDetails } from '../execution/status-details.ts';
import type { Workspaces } from '../execution/workspace.ts';
import type { JobsClient } from '../jobs/jobs-client.ts';
import type { Journal, Result, RunnableExecution } from '../journal/journal.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { type DocumentSource, isOver } from './document-source.ts';
import type { Intake } from './intake.ts';
import { JournalWriter } from './journal-writer.ts';
import type { Rebooter } from './rebooter.ts';
import type { Reporter } from './reporter.ts';

export interface ExecutionRunnerDeps {
  readonly thingName: string;
  readonly maxInterruptions: number;
  readonly client: JobsClient;
  readonly journal: Journal;
  readonly planner: Planner;
  readonly documents: DocumentSource;
  readonly intake: Pick<Intake, 'refresh'>;
  readonly reporter: Pick<Reporter, 'wake' | 'progress' | 'endProgress'>;
  readonly rebooter: Rebooter;
  readonly workspaces: Workspaces;
  readonly clock: Clock;
  readonly log: Log;
  readonly stopping: AbortSignal;
  readonly cutOff: AbortSignal;
}

/** What the run of one execution may be told while it goes on. */
export interface RunSignals {
  /** The connection it began on: what is asked of the service before the run ends with it. */
  readonly session: AbortSignal;
  /** The connection there is now. */
  currentSession(): AbortSignal | undefined;
  /** Aborted when the service no longer wants the execution. */
  readonly unwanted: AbortController;
}

/** `forgotten`: the service does not want it. `later`: the step asks to be run again later. */
export type Processed = 'over' | 'forgotten' | 'later';

/** One execution, from the queue to its result in the outbox. */
export class ExecutionRunner {
  readonly #deps: ExecutionRunnerDeps;

  constructor(deps: ExecutionRunnerDeps) {
    this.#deps = deps;
  }

  /** Rejects for passing faults only: the execution is then tried again later. */
  async process(execution: RunnableExecution, signals: RunSignals): Promise<Processed> {
    const { documents, planner, stopping, intake } = this.#deps;
    const wanted = await documents.obtain(execution, signals.session);
    const isQueued = execution.state === 'queued';
    if (wanted.kind === 'unwanted') {
      if (wanted.another) intake.refresh();
      if (isQueued) return this.#forget(execution, wanted.why);
      // It has begun: its cleanup is still due.
      signals.unwanted.abort();
    }
    if (stopping.aborted && isQueued) return 'over';
    const document = wanted.kind === 'wanted' ? wanted.document : execution.document;
    const verdict = await planner.plan(document);
    if (verdict.kind === 'rejected') return this.#refuse(execution, verdict.reason, signals);
    const { plan } = verdict;
    if (!isQueued && execution.handler !== plan.handler) {
      // Steps are counted within a handler's plan: another handler's steps are other steps.
      const reason = `interrupted under the handler ${execution.handler}, and now ${plan.handler} accepts the document`;
      return this.#refuse(execution, reason, signals);
    }
    if (!isQueued) return this.#run(execution, plan, document, signals);
    if (stopping.aborted) return 'over';
    if (!(await this.#claim(execution, signals.session))) return 'forgotten';
    this.#deps.journal.claim(execution, { document, handler: plan.handler });
    const claimed = this.#deps.journal.find(execution);
    return claimed ? this.#run(claimed, plan, document, signals) : 'forgotten';
  }

  /** Nothing has run of a queued one. One that has begun fails, or keeps the outcome that it already has. */
  async #refuse(execution: RunnableExecution, reason: string, { unwanted }: RunSignals): Promise<Processed> {
    if (unwanted.signal.aborted || execution.outcome === 'unwanted') return this.#forget(execution, reason);
    const status = execution.state === 'queued' ? 'REJECTED' : 'FAILED';
    await this.#finish(execution, execution.outcome ?? { status, statusDetails: statusDetails({ reason }) });
    return 'over';
  }

  /** Moves the execution to IN_PROGRESS at the service. A claim that is rejected or unanswered never runs. */
  async #claim(execution: RunnableExecution, session: AbortSignal): Promise<boolean> {
    const { jobId, executionNumber } = execution;
    try {
      await this.#deps.client.update(jobId, { status: 'IN_PROGRESS', executionNumber }, session);
      return true;
    } catch (error) {
      if (!isOver(error)) throw error;
      this.#forget(execution, error.message);
      this.#deps.intake.refresh();
      return false;
    }
  }

  async #run(execution: RunnableExecution, plan: Plan, document: unknown, signals: RunSignals): Promise<Processed> {
    const { jobId, executionNumber, step, state } = execution;
    const { reporter, documents, workspaces, log, thingName } = this.#deps;
    const fields = { jobId, executionNumber };
    log.info({ ...fields, handler: plan.handler, steps: plan.steps.length, state, step: step.index + 1 }, 'running');
    const end = await runExecution({
      ...this.#deps,
      plan,
      execution,
      job: { thingName, jobId, executionNumber, document },
      writer: new JournalWriter(this.#deps, execution),
      workspace: workspaces.open(execution),
      unwanted: signals.unwanted.signal,
      reportProgress: (details) => reporter.progress(execution, details),
      refreshDocument: () => documents.refresh(execution, signals.currentSession()),
    });
    return this.#settle(execution, end);
  }

  async #settle(execution: RunnableExecution, end: RunEnd): Promise<Processed> {
    const { jobId, executionNumber } = execution;
    const { log, reporter } = this.#deps;
    switch (end.kind) {
      case 'finished':
        await this.#finish(execution, end);
        return 'over';
      case 'unwanted':
        reporter.endProgress(execution);
        return this.#forget(execution, 'it was ended at the service');
      case 'stopped':
        log.info({ jobId, executionNumber }, 'interrupted; it goes on at this step after the next start');
        return 'over';
      case 'deferred':
        log.info({ jobId, executionNumber, reason: end.reason }, 'to be run again later');
        return 'later';
    }
  }

  async #finish(execution: RunnableExecution, { status, statusDetails }: Result): Promise<void> {
    const { jobId, executionNumber } = execution;
    const { journal, reporter, workspaces, log } = this.#deps;
    reporter.endProgress(execution);
    const writer = new JournalWriter(this.#deps, execution);
    await writer.persist(() => journal.finish(execution, { status, statusDetails }));
    workspaces.remove(execution);
    log.info({ jobId, executionNumber, status, statusDetails }, 'finished');
    reporter.wake();
  }

  #forget(execution: RunnableExecution, why: string): Processed {
    const { jobId, executionNumber } = execution;
    this.#deps.log.info({ jobId, executionNumber, why }, 'the service no longer wants this execution; it does not run');
    this.#deps.journal.forget(execution);
    this.#deps.workspaces.remove(execution);
    return 'forgotten';
  }
}
