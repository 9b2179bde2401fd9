import { errorCode, errorMessage } from '../errors.ts';
import type { Log } from '../system/log.ts';
import { RecentMap } from '../system/recent-map.ts';
import type { Verdict } from './plan.ts';
import { type PlannedPlugin, pluginVerdict } from './plugin-step.ts';

/**
 * Tries of an execution that end because a plug-in does not answer: a board without memory may have some soon, and a file
 * that is being replaced is not there for a moment.
 */
export const TRIES_OF_A_NEW_ONE = 2;
/** The same for an execution that has begun, which nobody else can go on with: half an hour of the agent's back-off. */
export const TRIES_OF_A_BEGUN_ONE = 15;
/** Pairs of an execution and a plug-in whose tries are remembered. */
export const TRIES_KEPT = 1_000;

export interface Asked {
  /** Of the first that did not decline; undefined when nobody takes the document. */
  readonly verdict?: Verdict;
  /** The plug-ins that could not be asked and now count as declined, each in a phrase that names it and its fault. */
  readonly faults: readonly string[];
}

/**
 * Asks plug-ins whether they take a document. One that cannot be asked has not declined, so the execution is tried
 * again later; but not for ever, or one bad plug-in would stop every job of the device without a word to the cloud.
 */
export class PluginAsking {
  readonly #tries = new RecentMap<string, number>(TRIES_KEPT);
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * In their order, up to the first that does not decline.
   * @param tries that end because one does not answer, until it has answered once.
   * @throws ThingAgentError PLUGIN_UNANSWERED, retryable: this execution is to be tried again.
   */
  async ask(plugins: readonly PlannedPlugin[], document: unknown, execution: string, tries: number): Promise<Asked> {
    const faults: string[] = [];
    for (const plugin of plugins) {
      try {
        const verdict = await pluginVerdict(plugin, document, this.#log);
        this.#tries.delete(keyOf(execution, plugin));
        if (verdict.kind !== 'declined') return { verdict, faults };
      } catch (error) {
        if (errorCode(error) !== 'PLUGIN_UNANSWERED') throw error;
        if (this.#hasTriesLeft(keyOf(execution, plugin), tries)) throw error;
        faults.push(errorMessage(error));
      }
    }
    return { faults };
  }

  #hasTriesLeft(key: string, most: number): boolean {
    const had = this.#tries.get(key) ?? 0;
    if (had >= most) return false;
    this.#tries.set(key, had + 1);
    return true;
  }
}

function keyOf(execution: string, { name }: PlannedPlugin): string {
  return `${execution} ${name}`;
}
