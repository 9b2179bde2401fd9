import type { Job } from '../handlers/contract.ts';
import type { DeviceOutcome, StatusDetails } from '../jobs/model.ts';
import type { Log } from '../system/log.ts';

/** What a job document comes to on this device: named steps, run in order, each journalled before and after. */
export interface Plan {
  /** The handler that accepted the document: a plug-in's name or `aws-document`. */
  readonly handler: string;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly name: string;
  /** Never rejects for what the step's work did: that is a StepResult. */
  run(context: StepContext): Promise<StepResult>;
}

export interface StepContext {
  readonly job: Job;
  /** Zero-based. */
  readonly stepIndex: number;
  /** Aborted: end the work now. A process gets TERM, then KILL after a grace. */
  readonly signal: AbortSignal;
  readonly log: Log;
  reportProgress(details: StatusDetails): void;
}

export type StepResult =
  | { readonly outcome: 'succeeded'; readonly details: StatusDetails }
  /** `reason` is a whole truthful sentence: `exited with code 3`, `killed by SIGKILL`, `not found: …`. */
  | { readonly outcome: 'failed'; readonly reason: string; readonly details: StatusDetails }
  /** Cut off by the abort signal before it ended by itself: runs again later. */
  | { readonly outcome: 'interrupted' };

/** A document that nobody accepts, or that is wrong, is rejected with the precise reason before it is claimed. */
export type Verdict =
  | { readonly kind: 'plan'; readonly plan: Plan }
  | { readonly kind: 'rejected'; readonly reason: string };

/** Chooses the handler and parses the document. Never throws for what a document contains. */
export interface Planner {
  plan(document: unknown): Promise<Verdict>;
}

export type ExecutionResult =
  | { readonly kind: 'finished'; readonly status: DeviceOutcome; readonly statusDetails: StatusDetails }
  | { readonly kind: 'interrupted' };
