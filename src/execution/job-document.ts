import type { BuiltIn } from '../handlers/built-ins/built-in.ts';

/** A job document as this device understands it, whatever form it was written in. */
export interface JobDocument {
  /** All must hold, or the job is REJECTED. */
  readonly conditions: readonly Condition[];
  /** In order, with `finalStep` as the last: it is reached only when all before it succeeded or were ignored. */
  readonly steps: readonly DocumentStep[];
  /** Run after the steps whatever became of them. */
  readonly cleanup: readonly DocumentStep[];
  /** Seconds for all steps together; cleanup is not counted. */
  readonly timeoutSeconds?: number | undefined;
}

/** `values`: any of them fits. */
export interface Condition {
  readonly key: string;
  readonly values: readonly string[];
  readonly type: 'stringEqual';
}

export interface DocumentStep {
  /** Where it stands: `steps[2].action`, `finalStep.action`, `cleanup[0].action`. */
  readonly path: string;
  readonly name: string;
  readonly work: Work;
  /** Absent: the agent's own user. Never empty. */
  readonly runAsUser?: string | undefined;
  /** More lines than this on stderr fail the step; absent: no limit. */
  readonly allowStdErr?: number | undefined;
  readonly ignoreStepFailure: boolean;
  /** The tail of stdout goes into the status details. */
  readonly includeStdOut: boolean;
  readonly timeoutSeconds?: number | undefined;
  readonly retry?: { readonly attempts: number; readonly delaySeconds: number } | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory?: string | undefined;
  readonly onInterrupted: 'retry' | 'fail' | 'skip';
  /** Once it has started, a cancellation ends nothing: the document runs to its end. */
  readonly pointOfNoReturn: boolean;
}

export type Work =
  | { readonly type: 'runCommand'; readonly words: readonly string[] }
  | {
      readonly type: 'runHandler';
      readonly handler: string;
      readonly args: readonly string[];
      /** `default`, a directory, or absent. Never empty. */
      readonly path?: string | undefined;
    }
  | { readonly type: 'builtIn'; readonly builtIn: BuiltIn; readonly input: unknown };
