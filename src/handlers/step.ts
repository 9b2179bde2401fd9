import type { StatusDetails } from '../jobs/model.ts';
import type { ProcessEnd } from '../system/child-process.ts';
import type { Log } from '../system/log.ts';
import type { Job } from './contract.ts';

/** What a step of a job is given, whoever does its work: a program, a plug-in or a built-in. */
export interface StepContext {
  readonly job: Job;
  /** Zero-based, within `steps` or within `cleanup`. */
  readonly stepIndex: number;
  /** From 1: how often this step has been started in this execution, interruptions and retries counted. */
  readonly attempt: number;
  /** Aborted: end the work now. A process gets TERM, then KILL after a grace. Its reason: see StartsAgain. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Takes what the step's programs write, whole: the local log of this execution. */
  readonly output: OutputSink;
  /** An empty directory of this execution's own, shared by its steps, removed when the execution has its result. */
  readonly scratchDirectory: string;
  /** What this step saved last, before it was interrupted, deferred or rebooted; undefined when nothing. */
  readonly lastProgress: unknown;
  /** True when the step asked for a reboot or a shutdown and the device has started anew since: its boot id changed. */
  readonly rebooted: boolean;
  /** Puts a JSON value on disk for the next start of this step. Throws when it cannot. */
  saveProgress(value: unknown): void;
  /** Tells the cloud how far the work is; coalesced, the latest wins. */
  reportProgress(details: StatusDetails): void;
  /**
   * The job document as the service has it now: presigned URLs in it are fresh. Rejects when the service cannot be
   * asked, or no longer has the execution.
   */
  refreshDocument(): Promise<unknown>;
}

/** Where the output of programs goes beside the tails that the cloud gets. Never throws, and never waits. */
export interface OutputSink {
  write(stream: 'stdout' | 'stderr', chunk: Buffer): void;
}

/** What a host that shuts down, or a service manager, ends processes with. */
export type EndingSignal = 'SIGTERM' | 'SIGKILL';

/** How a step ended. */
export type StepResult =
  | { readonly outcome: 'succeeded'; readonly details: StatusDetails }
  /** `reason` is a whole truthful phrase: `exited with code 3`, `killed by SIGKILL`, `not found: …`. */
  | {
      readonly outcome: 'failed';
      readonly reason: string;
      readonly details: StatusDetails;
      /** Its process was ended by this signal, which the agent did not send: it may be that of an end of the agent. */
      readonly killedBy?: EndingSignal | undefined;
    }
  /** Cut off by the abort signal before it ended by itself: what that means, the one who aborted it knows. */
  | { readonly outcome: 'interrupted' }
  /** Not now: the step runs again after the agent's back-off, and other jobs have their turn meanwhile. */
  | { readonly outcome: 'deferred'; readonly reason: string }
  /**
   * The device is to start anew, or with `how: 'shutdown'` to power off; when it has started again, this step runs
   * again, with `rebooted` set.
   */
  | { readonly outcome: 'reboot'; readonly how?: 'shutdown' };

/** What a built-in gets beside: programs run as the step's user, in the step's environment, with no shell. */
export interface BuiltInContext extends StepContext {
  /**
   * This step's own input, read anew from the document that the service has now: a presigned URL in it is fresh. Not
   * yet checked. Rejects when the service cannot be asked, or no longer has the execution.
   */
  refreshInput(): Promise<unknown>;
  /** The user the document wants this step to run as; undefined: the agent's own. */
  readonly runAsUser: string | undefined;
  /** Never rejects for what the program is or does; ends with the step's signal; its output goes to the job's log. */
  runProgram(
    words: readonly string[],
    options?: { readonly environment?: Readonly<Record<string, string>> },
  ): Promise<ProcessEnd>;
}
