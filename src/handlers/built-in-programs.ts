import type { StatusDetails } from '../jobs/model.ts';
import type { ProcessEnd } from '../system/child-process.ts';
import { LineLimit } from '../system/line-limit.ts';
import { type ProgramOptions, type ProgramSettings, runProgram } from './program.ts';
import { excess, killedBy } from './program-result.ts';
import type { BuiltInContext, EndingSignal, StepContext, StepResult } from './step.ts';

/** The programs that a built-in runs for one step: what the step's keys say of its output holds for all of them together. */
export class BuiltInPrograms {
  readonly #options: ProgramOptions;
  readonly #context: StepContext;
  readonly #settings: ProgramSettings;
  readonly #lines: LineLimit | undefined;
  /** What the last one wrote that wrote something. */
  #stdout = '';
  #stderr = '';
  #killedBy: EndingSignal | undefined;

  constructor(options: ProgramOptions, context: StepContext, settings: ProgramSettings) {
    this.#options = options;
    this.#context = context;
    this.#settings = settings;
    this.#lines = options.allowStdErr === undefined ? undefined : new LineLimit(options.allowStdErr);
  }

  async run(...[words, more]: Parameters<BuiltInContext['runProgram']>): Promise<ProcessEnd> {
    const environment = { ...this.#options.environment, ...more?.environment };
    const end = await runProgram(words, { ...this.#options, environment }, this.#context, this.#settings, this.#lines);
    this.#lines?.endOfStream();
    if (end.stdoutTail.trim() !== '') this.#stdout = end.stdoutTail;
    if (end.stderrTail.trim() !== '') this.#stderr = end.stderrTail;
    this.#killedBy ??= killedBy(end);
    return end;
  }

  /** What the built-in's result is with the step's `allowStdErr` and `includeStdOut`. */
  judged(result: StepResult): StepResult {
    if (result.outcome !== 'succeeded' && result.outcome !== 'failed') return result;
    const { allowStdErr, includeStdOut } = this.#options;
    const details: StatusDetails = {
      ...result.details,
      ...(includeStdOut && this.#stdout !== '' ? { stdout: this.#stdout } : {}),
    };
    const tooMuch = this.#lines?.isExceeded === true && allowStdErr !== undefined ? excess(allowStdErr) : undefined;
    if (result.outcome === 'failed') {
      const reason = tooMuch === undefined ? result.reason : `${result.reason} and ${tooMuch}`;
      return { ...result, reason, details, killedBy: this.#killedBy };
    }
    if (tooMuch === undefined) return { ...result, details };
    return { outcome: 'failed', reason: tooMuch, details: { ...details, stderr: this.#stderr } };
  }
}
