import { errorMessage } from '../errors.ts';
import type { StepResult } from '../handlers/step.ts';
import type { StatusDetails } from '../jobs/model.ts';
import { nextState } from '../journal/states.ts';
import { afterEvent, type RebootKind, type StepEvent, type StepRecord } from '../journal/step-record.ts';
import { underAnySignal } from '../system/any-signal.ts';
import { sleep } from '../system/clock.ts';
import { callStep } from './call-step.ts';
import type { Step } from './plan.ts';
import { resume } from './resumption.ts';
import type { RunEnd, RunOptions } from './run-options.ts';
import { endedWithAgent } from './stop-news.ts';
import { documentTimedOut, type Stopwatch, stepTimedOut, TimeLimit } from './time-limit.ts';

/** How often one step may ask for a reboot: one that always does must end some day. */
export const MOST_REBOOTS = 3;

/** What became of a step. `reason` says where. */
export type StepEnd =
  | { readonly kind: 'succeeded'; readonly details: StatusDetails }
  /** `isWhole`: the document's time is up, which no step's failure to be ignored passes over. */
  | { readonly kind: 'failed'; readonly reason: string; readonly details: StatusDetails; readonly isWhole?: boolean }
  | { readonly kind: 'skipped' }
  | { readonly kind: 'unwanted' }
  | Extract<RunEnd, { kind: 'stopped' | 'deferred' }>;

type RunnableState = RunOptions['execution']['state'];

/** `given up`: a failure that no retry mends. */
type TryResult =
  | StepResult
  | { readonly outcome: 'unwanted' }
  | { readonly outcome: 'given up'; readonly reason: string; readonly isWhole?: boolean };

/** Takes an execution from step to step: all tries of one, each journalled before it acts and after. */
export class StepRun {
  readonly #options: RunOptions;
  readonly #watch: Stopwatch;
  #state: RunnableState;
  #record: StepRecord;
  #progress: unknown;

  constructor(options: RunOptions, watch: Stopwatch) {
    this.#options = options;
    this.#watch = watch;
    this.#state = options.execution.state;
    this.#record = options.execution.step;
    this.#progress = options.execution.progress;
  }

  /** Of the step that is due, from 0. */
  get index(): number {
    return this.#record.index;
  }

  get ignored(): number {
    return this.#record.ignored;
  }

  get skipped(): number {
    return this.#record.skipped;
  }

  /** The service has ended the execution, and no point of no return has been passed: the steps are to end. */
  get isUnwanted(): boolean {
    return this.#wantsEnd().aborted;
  }

  /** The step that ran is over: the next one is due. Returns the event for the journal. */
  finished(end: { readonly details: StatusDetails; readonly ignoredFailure: boolean }): StepEvent {
    return this.#move({ type: 'finishStep', ...end });
  }

  /** @param place `step 2 "Install"`. */
  async run(step: Step, place: string): Promise<StepEnd> {
    const resumption = resume({ state: this.#state, step: this.#record }, step, place, this.#options.maxInterruptions);
    if (resumption.kind === 'fail') return this.#failed(resumption.reason);
    if (resumption.kind === 'skip') {
      await this.#options.writer.after(this.#move({ type: 'skip' }));
      this.#note(place, 'was interrupted; skipped, as its onInterrupted says');
      return { kind: 'skipped' };
    }
    if (this.#state === 'rebooting') {
      const unchanged = await this.#awaitReboot(this.#record.how ?? 'reboot', place);
      if (unchanged) return this.#conclude(unchanged, step, place);
    }
    let { afterInterruption } = resumption;
    for (;;) {
      this.#options.writer.before(this.#move({ type: 'start', afterInterruption }));
      afterInterruption = false;
      const result = await this.#retried(step, place, await this.#try(step, place));
      if (result !== undefined) return this.#conclude(result, step, place);
      if (this.isUnwanted) return this.#unwanted(place);
      if (this.#options.stopping.aborted) return { kind: 'stopped' };
    }
  }

  /** After a failure with tries left: waits, and gives nothing. Else what the step has come to. */
  async #retried(step: Step, place: string, result: TryResult): Promise<TryResult | undefined> {
    const { writer, clock, stopping } = this.#options;
    const { attempts = 0, delaySeconds = 0 } = step.retry ?? {};
    if (result.outcome !== 'failed' || this.#record.failures >= attempts) return result;
    await writer.after(this.#move({ type: 'failTry' }));
    const left = attempts - this.#record.failures;
    this.#note(place, `${result.reason}; tried again in ${delaySeconds} s (${left} more after that)`);
    const wantsEnd = this.#wantsEnd();
    // The document's time may be up before: then there is nothing to wait for.
    const untilOverMs = this.#watch.leftMs(this.#documentLimit);
    const delayMs = delaySeconds * 1000;
    await underAnySignal([stopping, wantsEnd], (signal) => sleep(clock, Math.min(delayMs, untilOverMs), signal));
    return untilOverMs <= delayMs && !stopping.aborted && !wantsEnd.aborted ? this.#documentIsOver() : undefined;
  }

  /** Seconds that the document allows; undefined: there is no limit, or none for what runs now. */
  get #documentLimit(): number | undefined {
    return this.#state === 'cleaning' ? undefined : this.#options.plan.timeoutSeconds;
  }

  #documentIsOver(): TryResult {
    return { outcome: 'given up', reason: documentTimedOut(this.#documentLimit ?? 0), isWhole: true };
  }

  /** One start of the step, under its limits of time. */
  async #try(step: Step, place: string): Promise<TryResult> {
    const { cutOff, clock, stopping, stepTimeoutSeconds } = this.#options;
    const wantsEnd = this.#wantsEnd();
    const document = this.#documentLimit;
    if (this.#watch.leftMs(document) === 0) return this.#documentIsOver();
    const limit = new TimeLimit(clock, {
      seconds: step.timeoutSeconds ?? stepTimeoutSeconds,
      reason: stepTimedOut(step.timeoutSeconds, stepTimeoutSeconds),
      hasTriesLeft: this.#record.failures < (step.retry?.attempts ?? 0),
      document,
      elapsedMs: this.#watch.elapsedMs,
    });
    if (this.#state !== 'cleaning') this.#options.stepStarts(this.#record.index);
    this.#note(place, `started (attempt ${this.#record.attempts})`);
    const at = { record: this.#record, lastProgress: this.#progress };
    const onSaved = (value: unknown): void => {
      this.#progress = value;
    };
    const result = await underAnySignal([limit.signal, cutOff, wantsEnd], (signal) =>
      callStep(step, this.#options, at, signal, onSaved),
    );
    limit.clear();
    if (await endedWithAgent(result, clock, stopping)) return { outcome: 'interrupted' };
    if (result.outcome !== 'interrupted') return result;
    if (wantsEnd.aborted) return { outcome: 'unwanted' };
    if (limit.reached?.whole) return { outcome: 'given up', reason: limit.reached.reason, isWhole: true };
    if (limit.reached) return { outcome: 'failed', reason: limit.reached.reason, details: {} };
    return cutOff.aborted ? result : { outcome: 'failed', reason: 'ended without a result', details: {} };
  }

  /** Puts a try's result on disk where it is no end of the step, and says what it means. */
  async #conclude(result: TryResult, step: Step, place: string): Promise<StepEnd> {
    const { writer } = this.#options;
    const cleaning = this.#state === 'cleaning';
    switch (result.outcome) {
      case 'succeeded':
        this.#note(place, 'succeeded');
        return { kind: 'succeeded', details: result.details };
      case 'failed':
        return this.#failed(`${place}: ${result.reason}`, result.details);
      case 'given up':
        return { ...this.#failed(`${place}: ${result.reason}`), isWhole: result.isWhole === true };
      case 'unwanted':
        return this.#unwanted(place);
      case 'interrupted':
        if (this.#state === 'rebooting') return this.isUnwanted ? this.#unwanted(place) : { kind: 'stopped' };
        await writer.after(this.#move({ type: 'stop' }));
        this.#note(place, 'cut off, for the agent stops');
        return { kind: 'stopped' };
      case 'deferred':
        if (cleaning) return this.#failed(`${place}: asked to run again later, which cleanup cannot`);
        // A wish for a reboot is on disk as such.
        if (this.#state !== 'rebooting') await writer.after(this.#move({ type: 'defer' }));
        this.#options.noStepRuns();
        this.#note(place, `to be run again later: ${result.reason}`);
        return { kind: 'deferred', reason: `${place}: ${result.reason}` };
      case 'reboot':
        if (cleaning) return this.#failed(`${place}: asked for a reboot, which cleanup cannot`);
        return this.#conclude(await this.#reboot(result.how ?? 'reboot', place), step, place);
    }
  }

  /** The intent first, with the boot id of now: after the reboot it tells that there was one. */
  async #reboot(how: RebootKind, place: string): Promise<TryResult> {
    const { writer, rebooter } = this.#options;
    if (this.#record.reboots >= MOST_REBOOTS) {
      const reason =
        this.#state === 'rebooting'
          ? `the device did not start anew, though asked ${MOST_REBOOTS} times (the boot id is the same)`
          : `asked for a reboot once more after ${MOST_REBOOTS}`;
      return { outcome: 'given up', reason };
    }
    let bootId: string;
    try {
      bootId = rebooter.bootId();
    } catch (error) {
      return { outcome: 'given up', reason: errorMessage(error) };
    }
    const takeBack = rebooter.want(how);
    if (!takeBack) return { outcome: 'deferred', reason: 'another job has the device start anew or power off first' };
    try {
      await writer.after(this.#move({ type: 'reboot', bootId, how }));
      this.#options.noStepRuns();
      this.#note(place, how === 'reboot' ? 'the device is to start anew' : 'the device is to power off');
      return await this.#pending(how);
    } finally {
      takeBack();
    }
  }

  /**
   * Found waiting for a reboot: undefined when there was one, else it is asked for again, which counts. A command that
   * does no more than end the agent would be given for ever otherwise.
   */
  async #awaitReboot(how: RebootKind, place: string): Promise<TryResult | undefined> {
    try {
      if (this.#options.rebooter.bootId() !== this.#record.bootId) return undefined;
    } catch (error) {
      return { outcome: 'given up', reason: errorMessage(error) };
    }
    return this.#reboot(how, place);
  }

  async #pending(how: RebootKind): Promise<TryResult> {
    const { rebooter, stopping, cutOff } = this.#options;
    const ends = [stopping, cutOff, this.#wantsEnd()];
    const reason = await underAnySignal(ends, (signal) => rebooter.reboot(how, signal));
    return reason === undefined ? { outcome: 'interrupted' } : { outcome: 'given up', reason };
  }

  /** Aborted when the steps are to end because of the service: never in the cleanup, nor past a point of no return. */
  #wantsEnd(): AbortSignal {
    const { plan, unwanted } = this.#options;
    const begun = plan.steps.slice(0, this.#record.index + (this.#record.attempts > 0 ? 1 : 0));
    const isPast = this.#state === 'cleaning' || begun.some(({ pointOfNoReturn }) => pointOfNoReturn === true);
    return isPast ? NEVER : unwanted;
  }

  #move(event: EventWithoutTime): StepEvent {
    const timed: StepEvent = { ...event, elapsedMs: this.#watch.elapsedMs };
    this.#record = afterEvent(this.#record, timed);
    if (event.type === 'finishStep' || event.type === 'skip') this.#progress = undefined;
    this.#state = (nextState(this.#state, event.type) ?? this.#state) as RunnableState;
    return timed;
  }

  #failed(reason: string, details: StatusDetails = {}): Extract<StepEnd, { kind: 'failed' }> {
    this.#note('failed', reason);
    return { kind: 'failed', reason, details };
  }

  #unwanted(place: string): StepEnd {
    this.#note(place, 'ended, for the service no longer wants this execution');
    return { kind: 'unwanted' };
  }

  #note(place: string, what: string): void {
    const { job, log, workspace } = this.#options;
    log.info(
      { jobId: job.jobId, executionNumber: job.executionNumber, step: this.#record.index + 1 },
      `${place}: ${what}`,
    );
    workspace.note(`${place}: ${what}`);
  }
}

const NEVER = new AbortController().signal;

/** Of each kind of event, what there is beside the time. */
type EventWithoutTime = StepEvent extends infer Event
  ? Event extends StepEvent
    ? Omit<Event, 'elapsedMs'>
    : never
  : never;
