import type { Plan, Planner } from '../execution/plan.ts';
import { statusDetails as toStatusDetails } from '../execution/status-details.ts';
import { runPlan } from '../execution/step-runner.ts';
import type { JobsClient } from '../jobs/jobs-client.ts';
import { TERMINAL_STATUSES } from '../jobs/model.ts';
import { JobsRejectedError } from '../jobs/rejection.ts';
import { type Journal, keyText, type RunnableExecution } from '../journal/journal.ts';
import type { Log } from '../system/log.ts';
import type { Intake } from './intake.ts';
import type { Reporter } from './reporter.ts';
import { Deferrals } from './retry.ts';

interface DispatcherDeps {
  readonly thingName: string;
  readonly concurrency: number;
  readonly client: JobsClient;
  readonly journal: Journal;
  readonly planner: Planner;
  readonly intake: Pick<Intake, 'takeFreshDocument' | 'refresh' | 'drained'>;
  readonly reporter: Pick<Reporter, 'wake' | 'progress' | 'endProgress'>;
  readonly log: Log;
}

/** What runs next, and how many at once: an execution's way from the journal's queue to its result in the outbox. */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #running = new Map<string, Promise<void>>();
  readonly #deferrals = new Deferrals(() => this.wake());
  readonly #cutOff = new AbortController();
  #session: AbortSignal | undefined;
  #stopping = false;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
  }

  /** The session's first list is in the journal: executions may start. */
  open(session: AbortSignal): void {
    this.#session = session;
    this.#deferrals.clearAll();
    this.wake();
  }

  /** The connection is gone: what runs goes on, nothing new starts. */
  close(): void {
    this.#session = undefined;
    this.#deferrals.clearAll();
  }

  /** Takes nothing new and lets the running step end; after `graceMs` it is cut off. Resolves when nothing runs. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    const cut = setTimeout(() => this.#cutOff.abort(), graceMs);
    await Promise.all(this.#running.values());
    clearTimeout(cut);
  }

  /** The journal, or what may run now, has changed. */
  wake(): void {
    const session = this.#session;
    if (!session || this.#stopping) return;
    try {
      while (this.#running.size < this.#deps.concurrency) {
        const next = this.#deps.journal.runnable().find((execution) => this.#isFree(keyText(execution)));
        if (!next) break;
        this.#launch(next, session);
      }
      if (this.#running.size === 0 && this.#nothingLeft()) this.#deps.intake.drained();
    } catch (error) {
      this.#deps.log.error({ err: error }, 'the journal cannot be read');
    }
  }

  #nothingLeft(): boolean {
    return this.#deps.journal.runnable().length === 0 && this.#deps.journal.outbox().length === 0;
  }

  #isFree(key: string): boolean {
    return !this.#running.has(key) && !this.#deferrals.has(key);
  }

  #launch(execution: RunnableExecution, session: AbortSignal): void {
    const key = keyText(execution);
    const run = this.#process(execution, session)
      .catch((error: unknown) => {
        if (!session.aborted) this.#defer(execution, error, 'this execution cannot go on now; it is tried again');
      })
      .finally(() => {
        this.#running.delete(key);
        this.wake();
      });
    this.#running.set(key, run);
  }

  /** One execution, from the queue to its result. Rejects for passing faults only: it is then tried again later. */
  async #process(execution: RunnableExecution, session: AbortSignal): Promise<void> {
    const wanted = await this.#obtainDocument(execution, session);
    if (!wanted) return;
    const verdict = await this.#deps.planner.plan(wanted.document);
    if (verdict.kind === 'rejected') {
      // Nothing has run of a queued one. A claimed one has begun: it fails, for its handler is there no more.
      const status = execution.state === 'queued' ? 'REJECTED' : 'FAILED';
      this.#finish(execution, status, toStatusDetails({ reason: verdict.reason }));
      return;
    }
    if (execution.state === 'queued') {
      if (this.#stopping || !(await this.#claim(execution, session))) return;
      this.#deps.journal.claim(execution, { document: wanted.document, handler: verdict.plan.handler });
    }
    this.#deferrals.clear(keyText(execution));
    await this.#run(execution, verdict.plan, wanted.document);
  }

  /** The document, if the service still wants the execution; undefined when it does not. */
  async #obtainDocument(
    execution: RunnableExecution,
    session: AbortSignal,
  ): Promise<{ readonly document: unknown } | undefined> {
    if (execution.state === 'queued') {
      const fresh = this.#deps.intake.takeFreshDocument(execution);
      if (fresh) return fresh;
    }
    const { jobId, executionNumber } = execution;
    try {
      const includeJobDocument = execution.state === 'queued';
      const answer = await this.#deps.client.describe(jobId, { executionNumber, includeJobDocument }, session);
      if (!answer || TERMINAL_STATUSES.has(answer.status)) {
        this.#forget(execution, `the service has it as ${answer?.status ?? 'gone'}`);
        return undefined;
      }
      return { document: execution.state === 'queued' ? answer.jobDocument : execution.document };
    } catch (error) {
      if (isOver(error)) {
        this.#forget(execution, error.message);
        return undefined;
      }
      throw error;
    }
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
      // Should the list name it all the same, the back-off keeps that from becoming a tight loop.
      this.#deferrals.defer(keyText(execution));
      this.#deps.intake.refresh();
      return false;
    }
  }

  async #run(execution: RunnableExecution, plan: Plan, document: unknown): Promise<void> {
    const { jobId, executionNumber } = execution;
    const { journal, reporter, log, thingName } = this.#deps;
    const fields = { jobId, executionNumber };
    log.info({ ...fields, handler: plan.handler, steps: plan.steps.length, firstStep: execution.nextStep }, 'running');
    const result = await runPlan({
      plan,
      firstStep: execution.nextStep,
      job: { thingName, jobId, executionNumber, document },
      signal: this.#cutOff.signal,
      stopRequested: () => this.#stopping,
      log,
      onStepStarted: (step) => journal.stepStarted(execution, step),
      onStepFinished: (step, stepResult) => {
        // The end of the last step, or of a failed one, is the result's own write.
        const last = step === plan.steps.length - 1;
        if (stepResult.outcome === 'succeeded' && !last) journal.stepFinished(execution, step);
      },
      reportProgress: (details) => reporter.progress(execution, details),
    });
    if (result.kind === 'finished') this.#finish(execution, result.status, result.statusDetails);
    else log.info(fields, 'interrupted; it goes on at this step after the next start');
  }

  #finish(execution: RunnableExecution, ...[status, statusDetails]: FinishArguments): void {
    const { jobId, executionNumber } = execution;
    this.#deps.reporter.endProgress(execution);
    this.#deps.journal.finish(execution, { status, statusDetails });
    this.#deps.log.info({ jobId, executionNumber, status, statusDetails }, 'finished');
    this.#deps.reporter.wake();
  }

  #forget(execution: RunnableExecution, why: string): void {
    const { jobId, executionNumber } = execution;
    this.#deps.log.info({ jobId, executionNumber, why }, 'the service no longer wants this execution; it does not run');
    this.#deps.journal.forget(execution);
  }

  #defer(execution: RunnableExecution, error: unknown, message: string): void {
    const { jobId, executionNumber } = execution;
    const retryInMs = this.#deferrals.defer(keyText(execution));
    this.#deps.log.warn({ jobId, executionNumber, err: error, retryInMs }, message);
  }
}

type FinishArguments = [
  status: 'SUCCEEDED' | 'FAILED' | 'REJECTED',
  statusDetails: Parameters<Journal['finish']>[1]['statusDetails'],
];

function isOver(error: unknown): error is JobsRejectedError {
  return error instanceof JobsRejectedError && (error.rejection === 'gone' || error.rejection === 'final');
}
