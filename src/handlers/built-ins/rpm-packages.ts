import type { ProcessEnd } from '../../system/child-process.ts';
import type { BuiltInContext } from '../step.ts';
import type { PackageManager, PackageState, WantedPackage } from './package-manager.ts';
import { programSetback, type Setback } from './program-failure.ts';

/** Messages are read below, so they must be in English. */
const ENVIRONMENT = { LC_ALL: 'C' };
/** dnf and yum say so when metadata that has not expired yet does not know a package. */
const UNKNOWN_PACKAGE = /Unable to find a match|No match for argument|No package .+ available|Nothing to do/;

/** dnf, or yum where there is no dnf: both wait for another that holds the lock, for as long as the step may take. */
export class RpmPackages implements PackageManager {
  readonly #context: BuiltInContext;
  readonly #tool: string;

  constructor(context: BuiltInContext, tool: string) {
    this.#context = context;
    this.#tool = tool;
  }

  async install(packages: readonly WantedPackage[]): Promise<Setback | undefined> {
    // The same document serves both worlds: `name=version` is `name-version` here (dnf(8), "Specifying packages").
    const specs = packages.map(({ name, version }) => (version === undefined ? name : `${name}-${version}`));
    const what = `${this.#tool} install`;
    const end = await this.#run(['-y', 'install', ...specs]);
    const setback = programSetback(what, end);
    if (setback?.outcome !== 'failed' || !UNKNOWN_PACKAGE.test(end.stderrTail + end.stdoutTail)) return setback;
    this.#context.reportProgress({ phase: 'updating the package lists' });
    const cleaned = programSetback(`${this.#tool} clean expire-cache`, await this.#run(['clean', 'expire-cache']));
    return cleaned ?? programSetback(what, await this.#run(['-y', 'install', ...specs]));
  }

  async remove(packages: readonly WantedPackage[]): Promise<Setback | undefined> {
    const known: string[] = [];
    for (const { name } of packages) {
      const state = await this.state(name);
      if (state.kind === 'unknown') return state.setback;
      if (state.kind !== 'absent') known.push(name);
    }
    if (known.length === 0) return undefined;
    return programSetback(`${this.#tool} remove`, await this.#run(['-y', 'remove', ...known]));
  }

  async state(name: string): Promise<PackageState> {
    const format = '%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n';
    const end = await this.#context.runProgram(['rpm', '-q', '--qf', format, name], { environment: ENVIRONMENT });
    if (end.exitCode !== 0 && /is not installed/.test(end.stdoutTail)) return { kind: 'absent' };
    const setback = programSetback('rpm -q', end);
    if (setback !== undefined) return { kind: 'unknown', setback };
    return { kind: 'installed', versions: end.stdoutTail.split('\n').filter((line) => line !== '') };
  }

  /** A document may leave out the epoch, the release or both. */
  isVersion(installed: string, wanted: string): boolean {
    const withoutEpoch = installed.replace(/^\d+:/, '');
    return [installed, withoutEpoch].some((full) => full === wanted || full.replace(/-[^-]*$/, '') === wanted);
  }

  #run(words: readonly string[]): Promise<ProcessEnd> {
    return this.#context.runProgram([this.#tool, ...words], { environment: ENVIRONMENT });
  }
}
