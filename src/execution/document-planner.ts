import type { JobHandler } from '../handlers/contract.ts';
import { BUILT_IN_HANDLER } from '../handlers/plugin-loader.ts';
import { runCommand } from '../handlers/run-command.ts';
import { runHandler } from '../handlers/run-handler.ts';
import type { ProcessRunner } from '../system/child-process.ts';
import type { Log } from '../system/log.ts';
import { DOCUMENT_FEATURES, firstUse } from './document-features.ts';
import { createDocumentParser, isAwsDocument } from './document-parser.ts';
import { problemText, reasonOf } from './document-problems.ts';
import type { DocumentStep, JobDocument } from './job-document.ts';
import type { Planner, Step, Verdict } from './plan.ts';
import { pluginAccepts, pluginStep } from './plugin-step.ts';

export interface DocumentPlannerOptions {
  /** Asked in this order, before the built-in schema. */
  readonly plugins: readonly JobHandler[];
  readonly handlersDirectory?: string | undefined;
  /** Where programs start; `/` when absent. */
  readonly workingDirectory?: string | undefined;
  readonly processes: ProcessRunner;
  readonly log: Log;
}

/** What this planner can run. A document that asks for more is rejected, not run without it. */
const SUPPORTED = ['runHandler', 'runCommand', 'operation', 'finalStep'];

/** Asks the plug-ins in order, then reads the document as AWS's schema. */
export class DocumentPlanner implements Planner {
  readonly #options: DocumentPlannerOptions;
  readonly #parse = createDocumentParser([]);

  constructor(options: DocumentPlannerOptions) {
    this.#options = options;
  }

  async plan(document: unknown): Promise<Verdict> {
    const { plugins, log } = this.#options;
    for (const plugin of plugins) {
      if (await pluginAccepts(plugin, document, log)) {
        return { kind: 'plan', plan: { handler: plugin.name, steps: [pluginStep(plugin)], cleanup: [] } };
      }
    }
    if (!isAwsDocument(document)) return { kind: 'rejected', reason: this.#nobodyAccepts() };
    const parsed = this.#parse(document);
    if (parsed.kind === 'invalid') return { kind: 'rejected', reason: reasonOf(parsed.problems.map(problemText)) };
    const unsupported = unsupportedUses(parsed.document);
    if (unsupported.length > 0) {
      return { kind: 'rejected', reason: reasonOf([`not supported yet: ${unsupported.join(', ')}`]) };
    }
    const steps = parsed.document.steps.map((step) => this.#step(step));
    return { kind: 'plan', plan: { handler: BUILT_IN_HANDLER, steps, cleanup: [] } };
  }

  #nobodyAccepts(): string {
    const names = this.#options.plugins.map(({ name }) => name);
    const asked = names.length === 0 ? 'there is no plug-in' : `declined by ${names.join(', ')}`;
    return `no handler accepts this document: ${asked}, and it is not an AWS document (no version, steps or operation)`;
  }

  #step({ name, work }: DocumentStep): Step {
    const { processes, handlersDirectory, workingDirectory = '/' } = this.#options;
    return {
      name,
      ignoreFailure: false,
      onInterrupted: 'retry',
      run: async ({ job, stepIndex, signal }) => {
        const context = { job, stepIndex, signal, processes, workingDirectory };
        if (work.type === 'runCommand') return runCommand(work.words, context);
        if (work.type === 'runHandler') return runHandler(work, handlersDirectory, context);
        return { outcome: 'failed', reason: `not supported yet: ${work.builtIn.action}`, details: {} };
      },
    };
  }
}

function unsupportedUses(document: JobDocument): string[] {
  return DOCUMENT_FEATURES.filter((feature) => !SUPPORTED.includes(feature)).flatMap((feature) => {
    const step = firstUse(feature, document);
    return step ? [`${feature} (${step.path})`] : [];
  });
}
