import type { BuiltInContext } from '../step.ts';
import { AptPackages } from './apt-packages.ts';
import type { PackageManager } from './package-manager.ts';
import { programSetback, type Setback } from './program-failure.ts';
import { RpmPackages } from './rpm-packages.ts';

export type FoundPackageManager =
  | { readonly kind: 'found'; readonly manager: PackageManager }
  | { readonly kind: 'none'; readonly setback: Setback };

const UNSUPPORTED = ['apk', 'opkg', 'zypper', 'pacman'];

/**
 * The package manager of this host: apt-get, dnf or yum, the first that runs.
 * @param lockWaitSeconds seconds that apt-get waits for another that holds the lock.
 */
export async function findPackageManager(
  context: BuiltInContext,
  lockWaitSeconds: number,
): Promise<FoundPackageManager> {
  const faults: Setback[] = [];
  const runs = async (tool: string): Promise<boolean> => {
    const end = await context.runProgram([tool, '--version']);
    const setback = programSetback(tool, end);
    // Not there is an answer; not allowed, say, is a fault that the reason must not hide.
    if (setback !== undefined && end.spawnError?.code !== 'ENOENT') faults.push(setback);
    return setback === undefined;
  };
  if (await runs('apt-get')) return { kind: 'found', manager: new AptPackages(context, lockWaitSeconds) };
  for (const tool of ['dnf', 'yum']) {
    if (await runs(tool)) return { kind: 'found', manager: new RpmPackages(context, tool) };
  }
  const [fault] = faults;
  if (fault !== undefined) return { kind: 'none', setback: fault };
  const found: string[] = [];
  for (const tool of UNSUPPORTED) if (await runs(tool)) found.push(tool);
  if (context.signal.aborted) return { kind: 'none', setback: { outcome: 'interrupted' } };
  const instead = found.length === 0 ? '' : ` (there is ${found.join(', ')}, which is not supported)`;
  return {
    kind: 'none',
    setback: {
      outcome: 'failed',
      reason: `not found: a package manager; looked for apt-get, dnf and yum${instead}; put a handler of your own in the handler directory`,
      details: {},
    },
  };
}
