import type { StatusDetails } from '../../jobs/model.ts';
import type { BuiltInContext, StepResult } from '../step.ts';
import { findPackageManager } from './host-package-manager.ts';
import type { PackageManager, WantedPackage } from './package-manager.ts';
import type { Setback } from './program-failure.ts';

/** Seconds that apt-get waits for the lock before the step gives way to other jobs and comes back later. */
export const LOCK_WAIT_SECONDS = 60;

export type PackageWork = 'install' | 'remove' | 'verifyInstalled' | 'verifyRemoved';

/**
 * Installs or removes packages and then looks whether the package database agrees; or only looks.
 * @param names as in a document: `nginx`, `nginx=1.22.1-9`.
 */
export async function workOnPackages(
  work: PackageWork,
  names: readonly string[],
  context: BuiltInContext,
  lockWaitSeconds: number = LOCK_WAIT_SECONDS,
): Promise<StepResult> {
  const packages = [...new Set(names)].map(wantedPackage);
  const found = await findPackageManager(context, lockWaitSeconds);
  if (found.kind === 'none') return found.setback;
  const { manager } = found;
  if (work === 'install' || work === 'remove') {
    context.reportProgress({ phase: work === 'install' ? 'installing' : 'removing', packages: names.join(' ') });
    const setback = await manager[work](packages);
    if (setback !== undefined) return setback;
    context.reportProgress({ phase: 'checking' });
  }
  return work === 'install' || work === 'verifyInstalled'
    ? verifyInstalled(packages, manager, work === 'install')
    : verifyRemoved(packages, manager);
}

function wantedPackage(text: string): WantedPackage {
  const at = text.indexOf('=');
  return at === -1 ? { name: text } : { name: text.slice(0, at), version: text.slice(at + 1) };
}

async function verifyInstalled(
  packages: readonly WantedPackage[],
  manager: PackageManager,
  wasInstalled: boolean,
): Promise<StepResult> {
  const there: string[] = [];
  const problems: string[] = [];
  for (const { name, version } of packages) {
    const state = await manager.state(name);
    if (state.kind === 'unknown') return state.setback;
    if (state.kind === 'broken') problems.push(`${name} is ${state.state}`);
    if (state.kind === 'absent') {
      // A virtual package: apt-get installed what provides it, and the document's name stays unknown.
      const hint = wasInstalled ? ' although the package manager reported success: is it a virtual package?' : '';
      problems.push(`${name} is not installed${hint}`);
    }
    if (state.kind !== 'installed') continue;
    const versions = state.versions.join(' ');
    if (version === undefined || state.versions.some((one) => manager.isVersion(one, version))) {
      there.push(`${name} ${versions}`);
    } else problems.push(`${name} is installed in version ${versions}, not ${version}`);
  }
  return verdict(problems, { installed: there.join(', ') });
}

async function verifyRemoved(packages: readonly WantedPackage[], manager: PackageManager): Promise<StepResult> {
  const problems: string[] = [];
  for (const { name } of packages) {
    const state = await manager.state(name);
    if (state.kind === 'unknown') return state.setback;
    if (state.kind === 'broken') problems.push(`${name} is ${state.state}`);
    if (state.kind === 'installed') problems.push(`${name} is installed in version ${state.versions.join(' ')}`);
  }
  return verdict(problems, { absent: packages.map(({ name }) => name).join(', ') });
}

function verdict(problems: readonly string[], details: StatusDetails): StepResult {
  if (problems.length === 0) return { outcome: 'succeeded', details };
  const setback: Setback = { outcome: 'failed', reason: problems.join('; '), details: {} };
  return setback;
}
