import { readFile } from 'node:fs/promises';

/**
 * The systemd service that this process runs in, read from its control group; undefined when it runs in none, or when
 * that cannot be told.
 */
export async function readAgentUnit(): Promise<string | undefined> {
  try {
    return unitOfCgroup(await readFile('/proc/self/cgroup', 'utf8'));
  } catch {
    // Not Linux, or no /proc: then no service of systemd either.
    return undefined;
  }
}

/**
 * The innermost service in the text of `/proc/<pid>/cgroup`. systemd names the groups after its units, in the unified
 * hierarchy (`0::/…`) and in its own of version 1 (`1:name=systemd:/…`): cgroups(7).
 */
export function unitOfCgroup(text: string): string | undefined {
  for (const line of text.split('\n')) {
    const path = /^(?:0:|\d+:name=systemd):(\/.*)$/.exec(line)?.[1];
    const unit = path?.split('/').findLast((part) => part.endsWith('.service'));
    if (unit !== undefined) return unit;
  }
  return undefined;
}
