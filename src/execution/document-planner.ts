import { BUILT_IN_HANDLER } from '../handlers/plugin-loader.ts';
import { runCommand, runHandler } from '../handlers/program.ts';
import type { ProcessRunner } from '../system/child-process.ts';
import type { Log } from '../system/log.ts';
import { type AwsAction, isAwsDocument } from './aws-document.ts';
import { parseAwsDocument } from './aws-document-parser.ts';
import type { Planner, Step, Verdict } from './plan.ts';
import { type PlannedPlugin, pluginVerdict } from './plugin-step.ts';

export interface DocumentPlannerOptions {
  /** Asked in this order, before the built-in schema. */
  readonly plugins: readonly PlannedPlugin[];
  readonly handlersDirectory?: string | undefined;
  /** Where programs start; `/` when absent. */
  readonly workingDirectory?: string | undefined;
  readonly processes: ProcessRunner;
  readonly log: Log;
}

/** Asks the plug-ins in order, then reads the document as AWS's schema. */
export class DocumentPlanner implements Planner {
  readonly #options: DocumentPlannerOptions;

  constructor(options: DocumentPlannerOptions) {
    this.#options = options;
  }

  async plan(document: unknown): Promise<Verdict> {
    const { plugins, log } = this.#options;
    for (const plugin of plugins) {
      const verdict = await pluginVerdict(plugin, document, log);
      if (verdict.kind !== 'declined') return verdict;
    }
    if (!isAwsDocument(document)) return { kind: 'rejected', reason: this.#nobodyAccepts() };
    const parsed = parseAwsDocument(document);
    if (parsed.kind === 'rejected') return parsed;
    return {
      kind: 'plan',
      plan: { handler: BUILT_IN_HANDLER, steps: parsed.steps.map((step) => this.#step(step)), cleanup: [] },
    };
  }

  #nobodyAccepts(): string {
    const names = this.#options.plugins.map(({ name }) => name);
    const asked = names.length === 0 ? 'there is no plug-in' : `declined by ${names.join(', ')}`;
    return `no handler accepts this document: ${asked}, and it is not an AWS document (no version, steps or operation)`;
  }

  #step(action: AwsAction): Step {
    const { processes, handlersDirectory, workingDirectory } = this.#options;
    const settings = { processes, handlersDirectory, allowedDirectories: [], workingDirectory };
    const options = { environment: {}, includeStdOut: false };
    return {
      name: action.name,
      ignoreFailure: false,
      onInterrupted: 'retry',
      run: (context) =>
        action.type === 'runCommand'
          ? runCommand(action.words, options, context, settings)
          : runHandler(action, options, context, settings),
    };
  }
}
