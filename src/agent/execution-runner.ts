import type { Plan, Planner } from '../execution/plan.ts';
import { runExecution } from '../execution/run-execution.ts';
import type { RunEnd } from '../execution/run-options.ts';
import { statusDetails } from '../execution/status-details.ts';
import { stepTimer } from '../execution/step-timer.ts';
import type { Workspaces } from '../execution/workspace.ts';
import type { Journal, Result, RunnableExecution } from '../journal/journal.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { DocumentSource } from './document-source.ts';
import type { ExecutionUpdates } from './execution-updates.ts';
import type { Intake } from './intake.ts';
import { JournalWriter } from './journal-writer.ts';
import type { ProgressSender } from './progress-sender.ts';
import type { Rebooter } from './rebooter.ts';
import type { Reporter } from './reporter.ts';
import type { Watch } from './watch.ts';

export interface ExecutionRunnerDeps {
  readonly thingName: string;
  readonly maxInterruptions: number;
  readonly updates: ExecutionUpdates;
  readonly watch: Pick<Watch, 'start' | 'timesOutIn'>;
  readonly journal: Journal;
  readonly planner: Planner;
  readonly documents: DocumentSource;
  readonly intake: Pick<Intake, 'refresh'>;
  readonly reporter: Pick<Reporter, 'wake'>;
  readonly progress: Pick<ProgressSender, 'progress' | 'end'>;
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
    const { watch } = this.#deps;
    const stopWatching = watch.start(execution, signals.unwanted);
    try {
      return await this.#process(execution, signals);
    } finally {
      stopWatching();
    }
  }

  async #process(execution: RunnableExecution, signals: RunSignals): Promise<Processed> {
    const { documents, planner, stopping, watch } = this.#deps;
    const wanted = await documents.obtain(execution, signals.session);
    const isQueued = execution.state === 'queued';
    if (wanted.kind === 'unwanted') {
      if (isQueued) return this.#forget(execution, wanted.why);
      // It has begun: its cleanup is still due.
      signals.unwanted.abort();
    } else watch.timesOutIn(execution, wanted.secondsLeft);
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
    if (execution.historyLost && execution.state !== 'cleaning') {
      return this.#endLost(execution, plan, document, signals);
    }
    if (!isQueued) return this.#run(execution, plan, document, signals);
    if (stopping.aborted) return 'over';
    if (!(await this.#claim(execution, plan, signals.session))) return 'forgotten';
    this.#deps.journal.claim(execution, { document, handler: plan.handler });
    const claimed = this.#deps.journal.find(execution);
    return claimed ? this.#run(claimed, plan, document, signals) : 'forgotten';
  }

  /** Its steps may have run, to the last one: none of them runs again. The cleanup does, for it is always due. */
  #endLost(execution: RunnableExecution, plan: Plan, document: unknown, signals: RunSignals): Promise<Processed> {
    const { journal } = this.#deps;
    if (execution.state === 'queued') journal.claim(execution, { document, handler: plan.handler });
    journal.conclude(execution, { status: 'FAILED', statusDetails: statusDetails({ reason: HISTORY_LOST }) });
    return this.#run(journal.find(execution) ?? execution, plan, document, signals);
  }

  /** Nothing has run of a queued one. One that has begun fails, or keeps the outcome that it already has. */
  async #refuse(execution: RunnableExecution, reason: string, { unwanted }: RunSignals): Promise<Processed> {
    if (unwanted.signal.aborted || execution.outcome === 'unwanted') return this.#forget(execution, reason);
    const { historyLost, state, outcome } = execution;
    const status = state === 'queued' && !historyLost ? 'REJECTED' : 'FAILED';
    const details = statusDetails({ reason: historyLost ? HISTORY_LOST : reason });
    await this.#finish(execution, outcome ?? { status, statusDetails: details });
    return 'over';
  }

  /** Moves the execution to IN_PROGRESS at the service. A claim that is rejected or unanswered never runs. */
  async #claim(execution: RunnableExecution, plan: Plan, session: AbortSignal): Promise<boolean> {
    const timer = stepTimer(plan, 0);
    const update = { status: 'IN_PROGRESS', ...(timer === -1 ? {} : timerField(timer)) } as const;
    const end = await this.#deps.updates.send(execution, update, session);
    if (end.kind === 'accepted') return true;
    await this.#forget(execution, end.why);
    return false;
  }

  async #run(execution: RunnableExecution, plan: Plan, document: unknown, signals: RunSignals): Promise<Processed> {
    const { jobId, executionNumber, step, state } = execution;
    const { progress, documents, workspaces, log, thingName } = this.#deps;
    const fields = { jobId, executionNumber };
    log.info({ ...fields, handler: plan.handler, steps: plan.steps.length, state, step: step.index + 1 }, 'running');
    const workspace = await workspaces.open(execution);
    const end = await runExecution({
      ...this.#deps,
      plan,
      execution,
      job: { thingName, jobId, executionNumber, document },
      writer: new JournalWriter(this.#deps, execution),
      workspace,
      unwanted: signals.unwanted.signal,
      reportProgress: (statusDetails) => progress.progress(execution, { statusDetails }),
      stepStarts: (index) => {
        const timer = index === 0 ? undefined : stepTimer(plan, index);
        if (timer !== undefined) progress.progress(execution, timerField(timer));
      },
      refreshDocument: () => documents.refresh(execution, signals.currentSession()),
    }).finally(() => workspace.close());
    return this.#settle(execution, end);
  }

  async #settle(execution: RunnableExecution, end: RunEnd): Promise<Processed> {
    const { jobId, executionNumber } = execution;
    const { log, progress } = this.#deps;
    switch (end.kind) {
      case 'finished':
        await this.#finish(execution, end);
        return 'over';
      case 'unwanted':
        progress.end(execution);
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
    const { journal, reporter, progress, workspaces, log } = this.#deps;
    progress.end(execution);
    const writer = new JournalWriter(this.#deps, execution);
    await writer.persist(() => journal.finish(execution, { status, statusDetails }));
    await workspaces.remove(execution);
    log.info({ jobId, executionNumber, status, statusDetails }, 'finished');
    reporter.wake();
  }

  async #forget(execution: RunnableExecution, why: string): Promise<Processed> {
    const { jobId, executionNumber } = execution;
    this.#deps.log.info({ jobId, executionNumber, why }, 'the service no longer wants this execution; it does not run');
    this.#deps.journal.forget(execution);
    await this.#deps.workspaces.remove(execution);
    this.#deps.updates.forget(execution);
    // The service may have another job of this id by now.
    this.#deps.intake.refresh();
    return 'forgotten';
  }
}

const HISTORY_LOST =
  'the journal of this device was lost or damaged while the job was in progress: which of its steps have run is not known, so none was run again';

function timerField(stepTimeoutInMinutes: number | undefined): { stepTimeoutInMinutes?: number } {
  return stepTimeoutInMinutes === undefined ? {} : { stepTimeoutInMinutes };
}
