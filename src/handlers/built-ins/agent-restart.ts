import * as v from 'valibot';
import type { BuiltInContext } from '../step.ts';
import type { Setback } from './program-failure.ts';
import type { ServiceManager } from './service-manager.ts';

/** What the step saves before the agent's own service is restarted. */
const Asked = v.object({ agentRestart: v.object({ instance: v.string(), times: v.number() }) });

/** How often systemd is asked. */
const MOST_REQUESTS = 3;

/** The last wish for a restart of the agent in what a step saved; undefined when there was none. */
export function askedForRestart(progress: unknown): { readonly instance: string; readonly times: number } | undefined {
  const parsed = v.safeParse(Asked, progress);
  return parsed.success ? parsed.output.agentRestart : undefined;
}

/**
 * Restarts the agent's own service. The wish is on disk before systemd is asked, so the agent that starts next knows
 * that it was carried out and does not restart itself again and again. systemd does its work after the answer
 * (`--no-block`), and the step gives way: a step that waited for its own end would hold up the agent's stop.
 * @returns undefined when another process of the agent had asked, and this one has started since.
 */
export async function restartAgent(
  unit: string,
  manager: ServiceManager,
  context: BuiltInContext,
  instance: string,
): Promise<Setback | undefined> {
  const asked = askedForRestart(context.lastProgress);
  if (asked !== undefined && asked.instance !== instance) return undefined;
  const times = (asked?.times ?? 0) + 1;
  if (times > MOST_REQUESTS) {
    const reason = `${unit}: systemd accepted ${MOST_REQUESTS} requests to restart it and did not carry them out`;
    return { outcome: 'failed', reason, details: {} };
  }
  context.saveProgress({ agentRestart: { instance, times } });
  context.reportProgress({ phase: `restart ${unit}` });
  const setback = await manager.requestRestart?.(unit);
  return setback ?? { outcome: 'deferred', reason: `${unit} is the agent's own service and is restarting` };
}
