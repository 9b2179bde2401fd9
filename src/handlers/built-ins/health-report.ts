import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, freemem, loadavg, uptime } from 'node:os';
import { errorMessage } from '../../errors.ts';
import type { BuiltInContext, StepResult } from '../step.ts';
import { hostServiceManager, SYSTEMD_DIRECTORY } from './host-service-manager.ts';

export interface HealthCheckSettings {
  readonly agentVersion: string;
  /** The free space of its file system is what counts: without it no job is taken. */
  readonly stateDirectory: string;
  readonly systemdDirectory?: string | undefined;
}

/** What a document may demand. */
export interface HealthDemands {
  /** MiB free for the agent in the file system of its state directory. */
  readonly minimumFreeMegabytes?: number | undefined;
  /** MiB of memory that programs can have without swapping. */
  readonly minimumAvailableMemoryMegabytes?: number | undefined;
  /** Load of the last minute, divided by the number of processors. */
  readonly maximumLoadPerProcessor?: number | undefined;
  /** All of them must be active. */
  readonly services?: readonly string[] | undefined;
}

const MEBIBYTE = 1024 * 1024;

/** Looks at the device and holds what it sees against the document's demands. */
export async function checkHealth(
  demands: HealthDemands,
  context: BuiltInContext,
  settings: HealthCheckSettings,
): Promise<StepResult> {
  const { minimumFreeMegabytes, minimumAvailableMemoryMegabytes, maximumLoadPerProcessor, services = [] } = demands;
  const problems: string[] = [];
  const free = await freeMegabytes(settings.stateDirectory);
  if (typeof free === 'string') problems.push(free);
  else if (minimumFreeMegabytes !== undefined && free < minimumFreeMegabytes) {
    problems.push(`${free} MiB are free in ${settings.stateDirectory}, expected at least ${minimumFreeMegabytes}`);
  }
  const memory = await availableMemoryMegabytes();
  if (minimumAvailableMemoryMegabytes !== undefined && memory < minimumAvailableMemoryMegabytes) {
    problems.push(`${memory} MiB of memory are available, expected at least ${minimumAvailableMemoryMegabytes}`);
  }
  const [load = 0] = loadavg();
  const loadPerProcessor = load / availableParallelism();
  if (maximumLoadPerProcessor !== undefined && loadPerProcessor > maximumLoadPerProcessor) {
    problems.push(
      `the load is ${loadPerProcessor.toFixed(2)} per processor, expected at most ${maximumLoadPerProcessor}`,
    );
  }
  problems.push(...(await inactive(services, context, settings.systemdDirectory)));
  if (context.signal.aborted) return { outcome: 'interrupted' };
  const details = {
    agentVersion: settings.agentVersion,
    uptimeSeconds: String(Math.floor(uptime())),
    load: loadavg()
      .map((average) => average.toFixed(2))
      .join(' '),
    freeMegabytes: typeof free === 'string' ? 'unknown' : String(free),
    availableMemoryMegabytes: String(memory),
  };
  if (problems.length > 0) return { outcome: 'failed', reason: problems.join('; '), details };
  return { outcome: 'succeeded', details };
}

/** What an unprivileged process may still write; or why that cannot be told. */
async function freeMegabytes(directory: string): Promise<number | string> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return Math.floor((bavail * bsize) / MEBIBYTE);
  } catch (error) {
    return `the state directory cannot be examined: ${errorMessage(error)}`;
  }
}

/** `MemAvailable` of proc_meminfo(5), which counts what caches would give back; elsewhere, free memory. */
async function availableMemoryMegabytes(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return Math.floor(kibibytes === undefined ? freemem() / MEBIBYTE : Number(kibibytes) / 1024);
}

async function inactive(
  services: readonly string[],
  context: BuiltInContext,
  systemdDirectory: string = SYSTEMD_DIRECTORY,
): Promise<string[]> {
  const manager = await hostServiceManager(context, systemdDirectory);
  const problems: string[] = [];
  for (const service of new Set(services)) {
    const state = await manager.check('active', service);
    if (state !== undefined) problems.push(`${service} ${state}`);
  }
  return problems;
}
