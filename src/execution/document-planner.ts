import type { BuiltIn } from '../handlers/built-ins/built-in.ts';
import { BUILT_IN_HANDLER } from '../handlers/plugins/loader.ts';
import type { ProgramSettings } from '../handlers/program.ts';
import type { Log } from '../system/log.ts';
import { isAwsDocument } from './document-parser.ts';
import { problemText } from './document-problems.ts';
import { documentStep } from './document-step.ts';
import { type Judge, judgeForDevice } from './document-verdict.ts';
import type { JobDocument } from './job-document.ts';
import type { Planner, PlanOptions, Verdict } from './plan.ts';
import { type PlannedPlugin, pluginVerdict } from './plugin-step.ts';

export interface DocumentPlannerOptions {
  /** Asked in this order, before the built-in schema. */
  readonly plugins: readonly PlannedPlugin[];
  /** Reads AWS's schema, and knows what the device is and forbids. */
  readonly judge: Judge;
  readonly builtIns: readonly BuiltIn[];
  readonly programs: ProgramSettings;
  readonly log: Log;
}

/** Asks the plug-ins in order, then reads the document as AWS's schema. */
export class DocumentPlanner implements Planner {
  readonly #options: DocumentPlannerOptions;

  constructor(options: DocumentPlannerOptions) {
    this.#options = options;
  }

  async plan(document: unknown, { begun = false }: PlanOptions = {}): Promise<Verdict> {
    const { plugins, judge, programs, log } = this.#options;
    for (const plugin of plugins) {
      const verdict = await pluginVerdict(plugin, document, log);
      if (verdict.kind !== 'declined') return verdict;
    }
    if (!isAwsDocument(document)) return { kind: 'rejected', reason: this.#nobodyAccepts() };
    const verdict = await judgeForDevice(
      document,
      begun ? { ...judge, attributes: undefined } : judge,
      programs.handlersDirectory,
    );
    const warnings = verdict.warnings.map(problemText);
    if (warnings.length > 0) log.warn({ warnings }, 'the job document has keys that mean nothing here');
    if (verdict.kind === 'rejected') return { kind: 'rejected', reason: verdict.reason };
    return { kind: 'plan', plan: this.#plan(verdict.document) };
  }

  #plan({ steps, cleanup, timeoutSeconds }: JobDocument): Extract<Verdict, { kind: 'plan' }>['plan'] {
    const { judge, builtIns, programs } = this.#options;
    const tools = { programs, builtIns, parse: judge.parse };
    return {
      handler: BUILT_IN_HANDLER,
      steps: steps.map((step) => documentStep(step, tools)),
      cleanup: cleanup.map((step) => documentStep(step, tools)),
      timeoutSeconds,
    };
  }

  #nobodyAccepts(): string {
    const names = this.#options.plugins.map(({ name }) => name);
    const asked = names.length === 0 ? 'there is no plug-in' : `declined by ${names.join(', ')}`;
    return `no handler accepts this document: ${asked}, and it is not an AWS document (no version, steps or operation)`;
  }
}
