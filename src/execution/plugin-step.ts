import type { Plugin } from '../handlers/plugins/plugin.ts';
import type { Log } from '../system/log.ts';
import type { Step, Verdict } from './plan.ts';

/** What is asked of a plug-in here. */
export type PlannedPlugin = Pick<Plugin, 'name' | 'accepts' | 'run'>;

/** `why`: a phrase where the plug-in had more to say than no. */
export type PluginVerdict = Verdict | { readonly kind: 'declined'; readonly why?: string | undefined };

/**
 * What a document comes to if this plug-in takes it. Rejects with PLUGIN_UNANSWERED when it did not say whether it does:
 * it has not declined.
 */
export async function pluginVerdict(plugin: PlannedPlugin, document: unknown, log: Log): Promise<PluginVerdict> {
  const acceptance = await plugin.accepts(document);
  switch (acceptance.kind) {
    case 'accepted':
      return { kind: 'plan', plan: { handler: plugin.name, steps: [pluginStep(plugin)], cleanup: [] } };
    case 'invalid':
      return { kind: 'rejected', reason: `not valid for "${plugin.name}": ${acceptance.problems.join('; ')}` };
    case 'declined':
      if (acceptance.why !== undefined) {
        log.warn({ plugin: plugin.name, why: acceptance.why }, `plug-in "${plugin.name}" declined the document`);
      }
      return acceptance;
  }
}

/** The one step of a plug-in's plan. It runs again after an interruption: a plug-in knows `attempt` and its progress. */
export function pluginStep(plugin: PlannedPlugin): Step {
  return { name: plugin.name, ignoreFailure: false, onInterrupted: 'retry', run: (context) => plugin.run(context) };
}
