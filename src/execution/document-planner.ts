import type { BuiltIn } from '../handlers/built-ins/built-in.ts';
import { BUILT_IN_HANDLER } from '../handlers/plugins/loader.ts';
import type { ProgramSettings } from '../handlers/program.ts';
import type { Log } from '../system/log.ts';
import { isAwsDocument } from './document-parser.ts';
import { problemText, reasonOf } from './document-problems.ts';
import { documentStep } from './document-step.ts';
import { type Judge, judgeForDevice } from './document-verdict.ts';
import type { JobDocument } from './job-document.ts';
import type { Planner, PlanOptions, Verdict } from './plan.ts';
import { PluginAsking, TRIES_OF_A_BEGUN_ONE, TRIES_OF_A_NEW_ONE } from './plugin-asking.ts';
import type { PlannedPlugin } from './plugin-step.ts';

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
  readonly #asking: PluginAsking;

  constructor(options: DocumentPlannerOptions) {
    this.#options = options;
    this.#asking = new PluginAsking(options.log);
  }

  plan(document: unknown, { execution, begun }: PlanOptions): Promise<Verdict> {
    return begun === undefined ? this.#planNew(document, execution) : this.#planBegun(document, execution, begun);
  }

  async #planNew(document: unknown, execution: string): Promise<Verdict> {
    const { plugins, judge, log } = this.#options;
    const { verdict, faults } = await this.#asking.ask(plugins, document, execution, TRIES_OF_A_NEW_ONE);
    const known = verdict ?? (isAwsDocument(document) ? await this.#planAws(document, judge) : undefined);
    if (known === undefined) return { kind: 'rejected', reason: this.#nobodyAccepts(faults) };
    if (faults.length === 0) return known;
    // Whoever made the job has to know that it may have been meant for that plug-in.
    if (known.kind === 'rejected') return { kind: 'rejected', reason: reasonOf([...faults, known.reason]) };
    log.warn({ faults, handler: known.plan.handler }, 'a plug-in that cannot be asked counts as declined');
    return known;
  }

  /** By the handler that began it, whoever else would take the document now. */
  async #planBegun(document: unknown, execution: string, begun: string): Promise<Verdict> {
    const { plugins, judge } = this.#options;
    if (begun === BUILT_IN_HANDLER) return this.#planAws(document, { ...judge, attributes: undefined });
    const plugin = plugins.find(({ name }) => name === begun);
    if (plugin === undefined) return interrupted(begun, 'this agent has it no longer (handlers.plugins)');
    const { verdict, faults } = await this.#asking.ask([plugin], document, execution, TRIES_OF_A_BEGUN_ONE);
    return verdict ?? interrupted(begun, faults[0] ?? 'it no longer accepts the document');
  }

  async #planAws(document: unknown, judge: Judge): Promise<Verdict> {
    const { programs, log } = this.#options;
    const verdict = await judgeForDevice(document, judge, programs.handlersDirectory);
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

  #nobodyAccepts(faults: readonly string[]): string {
    const names = this.#options.plugins.map(({ name }) => name);
    const asked = names.length === 0 ? 'there is no plug-in' : `declined by ${names.join(', ')}`;
    const others = faults.length < names.length ? '; declined by all others' : '';
    const all = faults.length === 0 ? asked : faults.join('; ') + others;
    return `no handler accepts this document: ${all}, and it is not an AWS document (no version, steps or operation)`;
  }
}

/** Another handler's steps are other steps: none takes over. */
function interrupted(handler: string, why: string): Verdict {
  return { kind: 'rejected', reason: `interrupted under the handler ${handler}: ${why}` };
}
