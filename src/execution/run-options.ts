import type { Job } from '../handlers/contract.ts';
import type { OutputSink } from '../handlers/step.ts';
import type { StatusDetails } from '../jobs/model.ts';
import type { Outcome, Result, RunnableExecution } from '../journal/journal.ts';
import type { RebootKind, StepEvent } from '../journal/step-record.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { Plan } from './plan.ts';

/** What the run of one execution stands on. */
export interface RunOptions {
  readonly plan: Plan;
  /** As the journal has it when the run begins. */
  readonly execution: RunnableExecution;
  readonly job: Job;
  readonly writer: ExecutionWriter;
  readonly workspace: Workspace;
  readonly rebooter: Rebooter;
  readonly clock: Clock;
  readonly log: Log;
  /** `jobs.maxInterruptions`. */
  readonly maxInterruptions: number;
  /** `jobs.stepTimeoutSeconds`: the limit of a step that has none of its own. */
  readonly stepTimeoutSeconds: number;
  /** Aborted: no further step starts, waits end, a running step may go on. */
  readonly stopping: AbortSignal;
  /** Aborted: the running step is to end now, for the agent ends. */
  readonly cutOff: AbortSignal;
  /** Aborted: the service no longer wants the execution; the running step is to end now, then comes the cleanup. */
  readonly unwanted: AbortSignal;
  reportProgress(details: StatusDetails): void;
  /** A step starts, from 0; not one of the cleanup. */
  stepStarts(index: number): void;
  /** What comes now, no step's limit bounds: the wait of a deferred step, a reboot, the cleanup. */
  noStepRuns(): void;
  refreshDocument(): Promise<unknown>;
}

/** The journal, for one execution. */
export interface ExecutionWriter {
  /** Before an act: on disk when it returns. A throw means that the act must not happen. */
  before(event: StepEvent): void;
  /** After an act, which cannot be undone: tried until it is on disk. Rejects only when the agent is cut off. */
  after(event: StepEvent): Promise<void>;
  conclude(outcome: Outcome): Promise<void>;
  /** Throws when it cannot be put on disk. */
  saveProgress(value: unknown): void;
}

/** What an execution has on this device's disk beside the journal. */
export interface Workspace {
  readonly scratchDirectory: string;
  /** The execution's own log: what its programs write. */
  readonly output: OutputSink;
  /** A line of ours in that log. */
  note(text: string): void;
}

export interface Rebooter {
  /** Throws BOOT_ID_UNREADABLE. */
  bootId(): string;
  /**
   * Before the wish is on disk; nothing new starts from now on. Returns what takes it back, or undefined: another
   * execution waits for the other kind, and this one has to come later.
   */
  want(how: RebootKind): (() => void) | undefined;
  /**
   * Of one that wants it. Waits until nothing else runs, asks the host to start anew, and waits for that. Resolves with why it did not
   * happen, or undefined when `signal` was aborted first, as it is when the host stops us for the reboot.
   */
  reboot(how: RebootKind, signal: AbortSignal): Promise<string | undefined>;
}

/** How a run ends. Only `finished` and `unwanted` are ends of the execution. */
export type RunEnd =
  | ({ readonly kind: 'finished' } & Result)
  | { readonly kind: 'unwanted' }
  /** The agent stops: the execution goes on after the next start. */
  | { readonly kind: 'stopped' }
  /** The step asks to be run again later. */
  | { readonly kind: 'deferred'; readonly reason: string };
