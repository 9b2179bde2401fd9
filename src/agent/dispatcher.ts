import { ThingAgentError } from '../errors.ts';
import type { Plan, Planner } from '../execution/plan.ts';
import { statusDetails as toStatusDetails } from '../execution/status-details.ts';
import { runPlan } from '../execution/step-runner.ts';
import type { JobsClient } from '../jobs/jobs-client.ts';
import { type JobExecution, TERMINAL_STATUSES } from '../jobs/model.ts';
import { JobsRejectedError } from '../jobs/rejection.ts';
import { type Journal, keyText, type RunnableExecution } from '../journal/journal.ts';
import type { Log } from '../system/log.ts';
import type { Intake } from './intake.ts';
import type { Reporter } from './reporter.ts';
import { Deferrals, retryDelayMs, sleep } from './retry.ts';

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
    const signal = AbortSignal.any([session, this.#cutOff.signal]);
    const run = this.#process(execution, signal)
      .catch((error: unknown) => {
        if (!signal.aborted) this.#defer(execution, error, 'this execution cannot go on now; it is tried again');
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
    if (!wanted || (this.#stopping && execution.state === 'queued')) return;
    const verdict = await this.#deps.planner.plan(wanted.document);
    if (verdict.kind === 'rejected') {
      // Nothing has run of a queued one. A claimed one has begun: it fails, for its handler is there no more.
      const status = execution.state === 'queued' ? 'REJECTED' : 'FAILED';
      await this.#finish(execution, status, toStatusDetails({ reason: verdict.reason }));
      return;
    }
    if (execution.state === 'claimed' && execution.handler !== verdict.plan.handler) {
      // Steps are counted within a handler's plan: another handler's steps are other steps.
      const reason = `interrupted under the handler ${execution.handler}, and now ${verdict.plan.handler} accepts the document`;
      await this.#finish(execution, 'FAILED', toStatusDetails({ reason }));
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
      // An execution that is gone is refused (ResourceNotFound); an empty answer is a mishap, and is asked for again.
      if (!answer)
        throw new ThingAgentError('DOCUMENT_MISSING', `the service described nothing when asked for ${jobId}`);
      if (TERMINAL_STATUSES.has(answer.status)) {
        this.#forget(execution, `the service has it as ${answer.status}`);
        return undefined;
      }
      if (execution.state === 'claimed' && isAnother(answer, execution)) {
        this.#forget(execution, 'the service has another job of this id');
        this.#deps.intake.refresh();
        return undefined;
      }
      if (execution.state === 'queued' && answer.jobDocument === undefined) {
        throw new ThingAgentError('DOCUMENT_MISSING', `the service described ${jobId} without its document`);
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
      onStepFinished: async (step, stepResult) => {
        // The end of the last step, or of a failed one, is the result's own write.
        const last = step === plan.steps.length - 1;
        if (stepResult.outcome !== 'succeeded' || last) return;
        await this.#write(execution, () => journal.stepFinished(execution, step));
      },
      reportProgress: (details) => reporter.progress(execution, details),
    });
    if (result.kind === 'finished') await this.#finish(execution, result.status, result.statusDetails);
    else log.info(fields, 'interrupted; it goes on at this step after the next start');
  }

  async #finish(execution: RunnableExecution, ...[status, statusDetails]: FinishArguments): Promise<void> {
    const { jobId, executionNumber } = execution;
    this.#deps.reporter.endProgress(execution);
    await this.#write(execution, () => this.#deps.journal.finish(execution, { status, statusDetails }));
    this.#deps.log.info({ jobId, executionNumber, status, statusDetails }, 'finished');
    this.#deps.reporter.wake();
  }

  /** What has been done must be written: on a full or failing disk it is tried until it is, or the agent is cut off. */
  async #write(execution: RunnableExecution, write: () => void): Promise<void> {
    const { jobId, executionNumber } = execution;
    for (let attempt = 0; ; attempt += 1) {
      try {
        write();
        return;
      } catch (error) {
        if (this.#cutOff.signal.aborted) throw error;
        const retryInMs = retryDelayMs(attempt);
        this.#deps.log.error({ jobId, executionNumber, err: error, retryInMs }, 'the journal cannot be written');
        await sleep(retryInMs, this.#cutOff.signal);
      }
    }
  }

  #forget(execution: RunnableExecution, why: string): void {
    const { jobId, executionNumber } = execution;
    this.#deps.log.info({ jobId, executionNumber, why }, 'the service no longer wants this execution; it does not run');
    this.#deps.journal.forget(execution);
    // Should a list name it all the same, the back-off keeps that from becoming a tight loop.
    this.#deferrals.defer(keyText(execution));
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

/** A job id may be deleted and used again: a claimed execution is never QUEUED, and keeps its queuedAt. */
function isAnother(answer: JobExecution, execution: RunnableExecution): boolean {
  const requeued = answer.queuedAt !== execution.queuedAt && answer.queuedAt !== 0 && execution.queuedAt !== 0;
  return answer.status === 'QUEUED' || requeued;
}

function isOver(error: unknown): error is JobsRejectedError {
  return error instanceof JobsRejectedError && (error.rejection === 'gone' || error.rejection === 'final');
}
