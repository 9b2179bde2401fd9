import { setTimeout as delay } from 'node:timers/promises';
import type { BuiltInContext, StepResult } from '../step.ts';
import { askedForRestart, restartAgent } from './agent-restart.ts';
import { readAgentUnit } from './agent-unit.ts';
import { hostServiceManager, SYSTEMD_DIRECTORY } from './host-service-manager.ts';
import type { ServiceManager, ServiceVerb } from './service-manager.ts';

export interface ServiceWorkOptions {
  /** Different in every process of the agent: tells whether it has been restarted since. */
  readonly agentInstance: string;
  /** The agent's own service; absent: that of this process's control group. */
  readonly agentUnit?: string | undefined;
  /** Milliseconds after which a service that was started must still run: one that crashes does so at once. */
  readonly settleMs?: number | undefined;
  readonly systemdDirectory?: string | undefined;
}

const PARTICIPLES = { start: 'started', stop: 'stopped', restart: 'restarted' };

/**
 * Starts, stops or restarts services one after the other, all of them whatever becomes of one, and then looks whether
 * each is as it should be. The agent's own service is never stopped, and restarted last.
 */
export async function changeServices(
  verb: ServiceVerb,
  names: readonly string[],
  context: BuiltInContext,
  options: ServiceWorkOptions,
): Promise<StepResult> {
  const { settleMs = 1000, systemdDirectory = SYSTEMD_DIRECTORY, agentUnit = await readAgentUnit() } = options;
  const manager = await hostServiceManager(context, systemdDirectory);
  const services = [...new Set(names)];
  const own = verb === 'start' ? [] : await ownAmong(services, manager, agentUnit);
  const refusal = own.length === 0 ? undefined : refuse(verb, own.join(', '), manager);
  if (refusal !== undefined) return failed(refusal);
  const others = services.filter((service) => !own.includes(service));

  const problems = new Map<string, string>();
  // The agent's own service is the last, so the others have had their turn before it.
  const isOwnTurn = own.length > 0 && askedForRestart(context.lastProgress) !== undefined;
  for (const service of isOwnTurn ? [] : others) {
    context.reportProgress({ phase: `${verb} ${service}` });
    const setback = await manager.act(verb, service);
    if (setback?.outcome === 'failed') problems.set(service, `${service}: ${setback.reason}`);
    else if (setback !== undefined) return setback;
  }
  if (verb !== 'stop' && others.length > 0) await pause(settleMs, context.signal);
  for (const service of others) {
    const state = await manager.check(verb === 'stop' ? 'stopped' : 'started', service);
    const problem = state === undefined ? undefined : `${service} ${state}`;
    if (problem !== undefined && !problems.has(service)) problems.set(service, problem);
  }
  if (context.signal.aborted) return { outcome: 'interrupted' };
  if (problems.size > 0) {
    return failed(
      `${problems.size} of ${services.length} services not ${PARTICIPLES[verb]}: ${[...problems.values()].join('; ')}`,
    );
  }
  if (own.length > 0 && agentUnit !== undefined) {
    const setback = await restartAgent(agentUnit, manager, context, options.agentInstance);
    if (setback !== undefined) return setback;
  }
  return { outcome: 'succeeded', details: { [PARTICIPLES[verb]]: services.join(', ') } };
}

async function ownAmong(services: readonly string[], manager: ServiceManager, agentUnit: string | undefined) {
  const own: string[] = [];
  if (agentUnit === undefined) return own;
  for (const service of services) if ((await manager.unitOf(service)) === agentUnit) own.push(service);
  return own;
}

function refuse(verb: ServiceVerb, own: string, manager: ServiceManager): string | undefined {
  if (verb === 'stop') return `not permitted: ${own} is the agent's own service, and a stopped agent reports nothing`;
  if (manager.requestRestart !== undefined) return undefined;
  return `not permitted: ${own} is the agent's own service, which only systemd can restart; use reboot`;
}

function failed(reason: string): StepResult {
  return { outcome: 'failed', reason, details: {} };
}

/** Ends early when the step is to end: its signal says so to whoever looks next. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => undefined);
}
