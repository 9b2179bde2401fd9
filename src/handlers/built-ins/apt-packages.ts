import type { ProcessEnd } from '../../system/child-process.ts';
import type { BuiltInContext } from '../step.ts';
import type { PackageManager, PackageState, WantedPackage } from './package-manager.ts';
import { programSetback, type Setback } from './program-failure.ts';

/** Nobody is there to answer; messages are read below, so they must be in English. */
const ENVIRONMENT = {
  LC_ALL: 'C',
  DEBIAN_FRONTEND: 'noninteractive',
  APT_LISTCHANGES_FRONTEND: 'none',
  // Ubuntu's needrestart would restart services, this agent among them, amid the job: it shall only list them.
  NEEDRESTART_MODE: 'l',
};
/** dpkg(1): a configuration file that was changed on the device stays, and nothing is asked. */
const KEEP_CONFIGURATION = ['--force-confdef', '--force-confold'];
/** The package lists are missing, as on a fresh image, or so old that what they name is gone from the archive. */
const OUTDATED_LISTS =
  /Unable to locate package|no installation candidate|was not found|Failed to fetch|Unable to fetch/;
/** apt-get without and after its wait, and dpkg. */
const LOCK_HELD = /Could not get lock|is another process using it|was locked by another process/;
const DPKG_INTERRUPTED = /dpkg was interrupted/;
/** Starts of the step after which a lock that is still held is a failure. */
const LOCK_ATTEMPTS = 10;

/** Debian's apt-get and dpkg. */
export class AptPackages implements PackageManager {
  readonly #context: BuiltInContext;
  readonly #lockWaitSeconds: number;
  #isRepaired = false;

  constructor(context: BuiltInContext, lockWaitSeconds: number) {
    this.#context = context;
    this.#lockWaitSeconds = lockWaitSeconds;
  }

  async install(packages: readonly WantedPackage[]): Promise<Setback | undefined> {
    const first = await this.#installOnce(packages);
    if (!first.isOutdated) return first.setback;
    this.#context.reportProgress({ phase: 'updating the package lists' });
    const update = this.#setback('apt-get update', await this.#run(['apt-get', '-q', ...this.#options(), 'update']));
    // A repository that is away may not be the one that matters: the second try tells.
    if (update !== undefined && update.outcome !== 'failed') return update;
    const { setback } = await this.#installOnce(packages);
    if (setback?.outcome !== 'failed') return setback;
    const after = update === undefined ? 'also after apt-get update' : `and ${update.reason}`;
    return { ...setback, reason: `${setback.reason}, ${after}` };
  }

  /** Purges, as the sample handler does. A name that dpkg does not know never reaches apt-get, which has other ideas. */
  async remove(packages: readonly WantedPackage[]): Promise<Setback | undefined> {
    const known: string[] = [];
    for (const { name } of packages) {
      const found = await this.#ask(name);
      if ('outcome' in found) return found;
      if (found.lines.length > 0) known.push(name);
    }
    if (known.length === 0) return undefined;
    return this.#setback('apt-get remove', await this.#change(['--purge', 'remove', '--', ...known]));
  }

  async state(name: string): Promise<PackageState> {
    const found = await this.#ask(name);
    if ('outcome' in found) return { kind: 'unknown', setback: found };
    const states = found.lines.map((line) => line.split('\t'));
    const versions = states.flatMap(([state, version = '']) => (state === 'installed' ? [version] : []));
    if (versions.length > 0) return { kind: 'installed', versions };
    const broken = states.map(([state = '']) => state).find((state) => state !== 'config-files');
    return broken === undefined ? { kind: 'absent' } : { kind: 'broken', state: broken };
  }

  isVersion(installed: string, wanted: string): boolean {
    return installed === wanted;
  }

  async #installOnce(
    packages: readonly WantedPackage[],
  ): Promise<{ isOutdated: boolean; setback?: Setback | undefined }> {
    for (const { name } of packages) {
      const missing = await this.#missing(name);
      if (missing !== undefined) return { isOutdated: missing.outcome === 'failed', setback: missing };
    }
    const specs = packages.map(({ name, version }) => (version === undefined ? name : `${name}=${version}`));
    // A version is named by the document: an older one than is installed is what the fleet's owner wants.
    const downgrade = specs.some((spec) => spec.includes('=')) ? ['--allow-downgrades'] : [];
    const end = await this.#change([...downgrade, 'install', '--', ...specs]);
    const setback = this.#setback('apt-get install', end);
    return { isOutdated: setback?.outcome === 'failed' && OUTDATED_LISTS.test(end.stderrTail), setback };
  }

  /** An unknown name with a dot is a regular expression to apt-get install (apt-get(8)): `x.y` could be any package. */
  async #missing(name: string): Promise<Setback | undefined> {
    if (!name.includes('.')) return undefined;
    const known = await this.#ask(name);
    if ('outcome' in known) return known;
    if (known.lines.some((line) => line.startsWith('installed\t'))) return undefined;
    const end = await this.#run(['apt-cache', 'madison', name]);
    const setback = programSetback('apt-cache madison', end);
    if (setback !== undefined || end.stdoutTail.trim() !== '') return setback;
    return { outcome: 'failed', reason: `not found: package ${name} is in none of the package lists`, details: {} };
  }

  /** Lines of state and version, one per architecture; none for a package that dpkg does not know. */
  async #ask(name: string): Promise<{ lines: string[] } | Setback> {
    // Of `Status` only the third word: a package on hold says `hold ok installed`.
    const format = `--showformat=\${db:Status-Status}\\t\${Version}\\n`;
    const end = await this.#run(['dpkg-query', '--show', format, name]);
    // dpkg-query(1): 1 is "no such package", 2 is trouble.
    if (end.exitCode === 1) return { lines: [] };
    const setback = this.#setback('dpkg-query', end);
    if (setback !== undefined) return setback;
    return { lines: end.stdoutTail.split('\n').filter((line) => line !== '' && !line.startsWith('not-installed\t')) };
  }

  /** Runs apt-get, and before it the repair that an interrupted dpkg needs: power loss leaves it half done. */
  async #change(words: readonly string[]): Promise<ProcessEnd> {
    const run = () => this.#run(['apt-get', '-y', '-q', ...this.#options(), ...words]);
    if (this.#context.attempt > 1) await this.#repair();
    const end = await run();
    if (this.#isRepaired || !DPKG_INTERRUPTED.test(end.stderrTail)) return end;
    await this.#repair();
    return run();
  }

  /** What it could not repair, apt-get says again, and better. */
  async #repair(): Promise<void> {
    if (this.#isRepaired) return;
    this.#isRepaired = true;
    this.#context.reportProgress({ phase: 'repairing an interrupted installation' });
    const end = await this.#run(['dpkg', ...KEEP_CONFIGURATION, '--configure', '-a']);
    const setback = programSetback('dpkg --configure -a', end);
    if (setback?.outcome === 'failed') this.#context.log.warn({ reason: setback.reason }, 'dpkg was not repaired');
  }

  /** A lock that is held is no failure: the step has its turn again when the agent's back-off is over. */
  #setback(what: string, end: ProcessEnd): Setback | undefined {
    const setback = programSetback(what, end);
    const mayWait = this.#context.attempt < LOCK_ATTEMPTS;
    if (setback?.outcome !== 'failed' || !mayWait || !LOCK_HELD.test(end.stderrTail)) return setback;
    return { outcome: 'deferred', reason: setback.reason };
  }

  #options(): string[] {
    const options = [
      `DPkg::Lock::Timeout=${this.#lockWaitSeconds}`,
      ...KEEP_CONFIGURATION.map((option) => `Dpkg::Options::=${option}`),
      // Plain lines for the log, no progress bar.
      'Dpkg::Use-Pty=0',
      'Acquire::Retries=3',
    ];
    return options.flatMap((option) => ['-o', option]);
  }

  #run(words: readonly string[]): Promise<ProcessEnd> {
    return this.#context.runProgram(words, { environment: ENVIRONMENT });
  }
}
