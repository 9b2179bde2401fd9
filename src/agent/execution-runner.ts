import { errorCode, errorMessage } from '../errors.ts';
import type { Plan, Planner } from '../execution/plan.ts';
import { runExecution } from '../execution/run-execution.ts';
import type { RunEnd } from '../execution/run-options.ts';
import { statusDetails } from '../execution/status-details.ts';
import { StepTimer, stepTimer } from '../execution/step-timer.ts';
import type { Workspaces } from '../execution/workspace.ts';
import { type Journal, keyText, type Result, type RunnableExecution } from '../journal/journal.ts';
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
  readonly stepTimeoutSeconds: number;
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
  process(execution: RunnableExecution, signals: RunSignals): Promise<Processed> {
    if (execution.state === 'queued') return this.#begin(execution, signals);
    return this.#watched(execution, signals, () => this.#goOn(execution, signals));
  }

  /** One that nothing has run of: planned, then claimed. */
  async #begin(execution: RunnableExecution, signals: RunSignals): Promise<Processed> {
    const { documents, planner, stopping } = this.#deps;
    const wanted = await documents.obtain(execution, signals.session);
    if (wanted.kind === 'unwanted') return this.#forget(execution, wanted.why);
    if (stopping.aborted) return 'over';
    const { document } = wanted;
    const verdict = await planner.plan(document, { execution: nameOf(execution) });
    // First: the plug-ins of an agent that stops may have been ended with it, which is no verdict.
    if (stopping.aborted) return 'over';
    if (verdict.kind === 'rejected') return this.#refuse(execution, verdict.reason, signals);
    const { plan } = verdict;
    if (execution.historyLost) {
      return this.#watched(execution, signals, () => this.#endLost(execution, plan, document, signals));
    }
    const refused = await this.#claim(execution, plan, signals.session);
    if (refused !== undefined) return this.#forget(execution, refused);
    return this.#watched(execution, signals, async () => {
      const another = await this.#confirm(execution, signals.session);
      if (another !== undefined) return this.#forget(execution, another);
      this.#deps.journal.claim(execution, { document, handler: plan.handler });
      const claimed = this.#deps.journal.find(execution);
      // Its place has been taken by a later job of its id.
      if (claimed?.state !== 'claimed') return this.#forget(execution, 'the service has another job of this id');
      return this.#run(claimed, plan, document, signals, { isClaimed: true });
    });
  }

  /** One that has begun. Where the service does not want it any more, its cleanup is still due. */
  async #goOn(execution: RunnableExecution, signals: RunSignals): Promise<Processed> {
    const { documents, planner, watch, stopping } = this.#deps;
    const wanted = await documents.obtain(execution, signals.session);
    if (wanted.kind === 'unwanted') signals.unwanted.abort();
    else watch.timesOutIn(execution, wanted.secondsLeft);
    const { document } = execution;
    const verdict = await planner.plan(document, { execution: nameOf(execution), begun: execution.handler });
    if (stopping.aborted) return 'over';
    if (verdict.kind === 'rejected') return this.#refuse(execution, verdict.reason, signals);
    const { plan } = verdict;
    if (execution.historyLost && execution.state !== 'cleaning') {
      return this.#endLost(execution, plan, document, signals);
    }
    return this.#run(execution, plan, document, signals);
  }

  async #watched(
    execution: RunnableExecution,
    { unwanted }: RunSignals,
    run: () => Promise<Processed>,
  ): Promise<Processed> {
    const stopWatching = this.#deps.watch.start(execution, unwanted);
    try {
      return await run();
    } finally {
      stopWatching();
    }
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

  /** Moves the execution to IN_PROGRESS at the service. A claim that is unanswered never runs. Returns a refusal's why. */
  async #claim(execution: RunnableExecution, plan: Plan, session: AbortSignal): Promise<string | undefined> {
    const timer = stepTimer(plan, 0);
    const update = { status: 'IN_PROGRESS', ...(timer === -1 ? {} : timerField(timer)) } as const;
    const end = await this.#deps.updates.send(execution, update, session, { begun: false });
    return end.kind === 'accepted' ? undefined : end.why;
  }

  /**
   * What has been claimed may be a later job of the same id, whose version is the same: its document is another one. The
   * answer to a claim does not say, so the execution is looked at before anything runs; and now its timers are known.
   */
  async #confirm(execution: RunnableExecution, session: AbortSignal): Promise<string | undefined> {
    const { updates, watch } = this.#deps;
    const described = await updates.describe(execution, session);
    if (described.kind === 'over') return described.why;
    watch.timesOutIn(execution, described.execution.approximateSecondsBeforeTimedOut);
    return undefined;
  }

  async #run(
    execution: RunnableExecution,
    plan: Plan,
    document: unknown,
    signals: RunSignals,
    options: { readonly isClaimed: boolean } = { isClaimed: false },
  ): Promise<Processed> {
    const { jobId, executionNumber, step, state } = execution;
    const { progress, documents, workspaces, log, thingName } = this.#deps;
    const fields = { jobId, executionNumber };
    log.info({ ...fields, handler: plan.handler, steps: plan.steps.length, state, step: step.index + 1 }, 'running');
    const workspace = await workspaces.open(execution);
    const timer = new StepTimer(plan, options, (minutes) => {
      // Of what the service has ended, nothing is said.
      if (!signals.unwanted.signal.aborted) progress.progress(execution, timerField(minutes));
    });
    const end = await runExecution({
      ...this.#deps,
      plan,
      execution,
      job: { thingName, jobId, executionNumber, document },
      writer: new JournalWriter(this.#deps, execution),
      workspace,
      unwanted: signals.unwanted.signal,
      reportProgress: (statusDetails) => progress.progress(execution, { statusDetails }),
      stepStarts: (index) => timer.stepStarts(index),
      noStepRuns: () => timer.noStepRuns(),
      refreshDocument: () => documents.refresh(execution, signals.currentSession()),
    })
      .catch((error: unknown) => this.#defect(execution, error, signals))
      .finally(() => workspace.close());
    return this.#settle(execution, end);
  }

  /** What the table of states does not allow is a defect, and would come again at each try: it costs this job. */
  #defect({ jobId, executionNumber }: RunnableExecution, error: unknown, { unwanted }: RunSignals): RunEnd {
    if (errorCode(error) !== 'JOURNAL_STATE') throw error;
    this.#deps.log.error({ jobId, executionNumber, err: error }, 'a defect of the agent ends this execution');
    if (unwanted.signal.aborted) return { kind: 'unwanted' };
    const details = statusDetails({ reason: `internal error: ${errorMessage(error)}` });
    return { kind: 'finished', status: 'FAILED', statusDetails: details };
  }

  async #settle(execution: RunnableExecution, end: RunEnd): Promise<Processed> {
    const { jobId, executionNumber } = execution;
    const { log } = this.#deps;
    switch (end.kind) {
      case 'finished':
        await this.#finish(execution, end);
        return 'over';
      case 'unwanted':
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
    // While the disk failed, remarks on it came in.
    progress.end(execution);
    await workspaces.remove(execution);
    log.info({ jobId, executionNumber, status, statusDetails }, 'finished');
    reporter.wake();
  }

  async #forget(execution: RunnableExecution, why: string): Promise<Processed> {
    const { jobId, executionNumber } = execution;
    const { log, progress, journal, updates, intake, workspaces } = this.#deps;
    log.info({ jobId, executionNumber, why }, 'the service no longer wants this execution; it does not run');
    progress.end(execution);
    // Not tried anew from the journal as it was: the last step of the cleanup would run again.
    await new JournalWriter(this.#deps, execution).persist(() => journal.forget(execution));
    await workspaces.remove(execution);
    updates.forget(execution);
    // The service may have another job of this id by now.
    intake.refresh();
    return 'forgotten';
  }
}

const HISTORY_LOST =
  'the journal of this device was lost or damaged while the job was in progress: which of its steps have run is not known, so none was run again';

/** Of this job and no other that may have had its id. */
function nameOf(execution: RunnableExecution): string {
  return `${keyText(execution)} ${execution.queuedAt}`;
}

function timerField(stepTimeoutInMinutes: number | undefined): { stepTimeoutInMinutes?: number } {
  return stepTimeoutInMinutes === undefined ? {} : { stepTimeoutInMinutes };
}
