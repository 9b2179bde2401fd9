import type { StepContext, StepResult } from '../handlers/step.ts';

/** What a job document comes to on this device: named steps, run in order, each journalled before and after. */
export interface Plan {
  /** The handler that accepted the document: a plug-in's name or `aws-document`. */
  readonly handler: string;
  readonly steps: readonly Step[];
  /** Run after the steps whatever became of them; their failures are told and change nothing. */
  readonly cleanup: readonly Step[];
  /** Seconds for all steps together, while the agent runs; cleanup is not counted. */
  readonly timeoutSeconds?: number | undefined;
}

export interface Step {
  readonly name: string;
  /** Its failure counts as a success of the plan. */
  readonly ignoreFailure: boolean;
  readonly timeoutSeconds?: number | undefined;
  /** How often more it is tried after a failure, and the seconds before each. */
  readonly retry?: { readonly attempts: number; readonly delaySeconds: number } | undefined;
  /** What an end of the agent amid the step means for it. */
  readonly onInterrupted: 'retry' | 'fail' | 'skip';
  /** Once it has started, an end of the execution at the service ends nothing here: the plan runs to its end. */
  readonly pointOfNoReturn?: boolean | undefined;
  /** Never rejects for what the step's work did: that is a StepResult. */
  run(context: StepContext): Promise<StepResult>;
}

/** A document that nobody accepts, or that is wrong, is rejected with the precise reason before it is claimed. */
export type Verdict =
  | { readonly kind: 'plan'; readonly plan: Plan }
  | { readonly kind: 'rejected'; readonly reason: string };

export interface PlanOptions {
  /** Which execution of which job it is: how often a plug-in could not be asked is counted by it. */
  readonly execution: string;
  /**
   * The handler that an execution which has begun was claimed for: it alone is asked, as its steps are counted within
   * its plan. The conditions held then, and its own steps may have changed what they ask about; the device's policy
   * still has a say.
   */
  readonly begun?: string | undefined;
}

/** Chooses the handler and parses the document. Never throws for what a document contains. */
export interface Planner {
  /** Rejects for passing faults only: the document is to be planned again later. */
  plan(document: unknown, options: PlanOptions): Promise<Verdict>;
}
