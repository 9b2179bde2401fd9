import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vi } from 'vitest';
import { type PackageWork, workOnPackages } from '../../../src/handlers/built-ins/package-work.ts';
import type { BuiltInContext, StepResult } from '../../../src/handlers/step.ts';
import { BuiltInLab } from './built-in-lab.ts';

/** dpkg changes a database for root alone. REQUIRE_APT=1 makes a missing one a failure. */
export const hasApt =
  process.env['REQUIRE_APT'] === '1' ||
  (process.getuid?.() === 0 && ['apt-get', 'dpkg-deb'].every((tool) => spawnSync(tool, ['--version']).status === 0));

const HOST_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** The host's own apt-get and dpkg, upon a package database and an archive of their own: the host's stay untouched. */
export class AptLab {
  readonly #lab: BuiltInLab;
  #archive = '';

  static async create(): Promise<AptLab> {
    const lab = new AptLab(await BuiltInLab.create());
    await lab.#lay();
    return lab;
  }

  constructor(lab: BuiltInLab) {
    this.#lab = lab;
  }

  remove(): Promise<void> {
    return this.#lab.remove();
  }

  work(work: PackageWork, packages: readonly string[], overrides: Partial<BuiltInContext> = {}): Promise<StepResult> {
    return workOnPackages(work, packages, this.#lab.context(overrides), 1);
  }

  get progress() {
    return this.#lab.progress;
  }

  path(...parts: string[]): string {
    return join(this.#lab.directory, ...parts);
  }

  /** Puts a package without files into the archive; `apt-get update` makes it known. Returns its file. */
  async publish(name: string, version: string): Promise<string> {
    const control = `Package: ${name}\nVersion: ${version}\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: ${name}\n`;
    const source = this.path('build', `${name}-${version}`);
    await mkdir(join(source, 'DEBIAN'), { recursive: true });
    await writeFile(join(source, 'DEBIAN', 'control'), control);
    const file = this.path('archive', `${name}_${version}_all.deb`);
    this.host(['dpkg-deb', '--root-owner-group', '--build', source, file]);
    const content = await readFile(file);
    const sha256 = createHash('sha256').update(content).digest('hex');
    this.#archive += `${control}Filename: ./${name}_${version}_all.deb\nSize: ${content.length}\nSHA256: ${sha256}\n\n`;
    await writeFile(this.path('archive', 'Packages'), this.#archive);
    return file;
  }

  /** Runs one of the host's tools upon this database; throws when it fails. */
  host(words: readonly [string, ...string[]]): string {
    const [file, ...args] = words;
    const { status, stdout, stderr } = spawnSync(file, args, { env: this.#environment(), encoding: 'utf8' });
    if (status !== 0) throw new Error(`${words.join(' ')} exited with ${status}: ${stderr}`);
    return stdout;
  }

  /** Another apt-get at work, which holds the lock until it is released; that resolves when it has ended. */
  async holdLock(name: string): Promise<() => Promise<void>> {
    const hook = `: > ${this.path('held')}; while [ ! -e ${this.path('released')} ]; do sleep 0.05; done`;
    const words = ['-y', '-o', `DPkg::Pre-Invoke::=${hook}`, 'install', name];
    const other = spawn('apt-get', words, { env: this.#environment(), stdio: 'ignore' });
    const ended = new Promise<void>((resolve) => other.once('exit', () => resolve()));
    await vi.waitFor(() => readFile(this.path('held')), { timeout: 20_000, interval: 20 });
    return async () => {
      await writeFile(this.path('released'), '');
      await ended;
    };
  }

  async #lay(): Promise<void> {
    const directories = [
      'etc/apt.conf.d',
      'etc/preferences.d',
      'state/lists/partial',
      'cache/archives/partial',
      'log',
      'archive',
    ];
    for (const directory of [...directories, 'root/var/lib/dpkg/info', 'root/var/lib/dpkg/updates']) {
      await mkdir(this.path(directory), { recursive: true });
    }
    await writeFile(this.path('root/var/lib/dpkg/status'), '');
    await writeFile(this.path('etc/sources.list'), `deb [trusted=yes] file:${this.path('archive')} ./\n`);
    const settings = [
      `Dir::State "${this.path('state')}";`,
      `Dir::State::status "${this.path('root/var/lib/dpkg/status')}";`,
      `Dir::Cache "${this.path('cache')}";`,
      `Dir::Etc "${this.path('etc')}";`,
      `Dir::Log "${this.path('log')}";`,
      `DPkg::Options { "--root=${this.path('root')}"; "--log=${this.path('log/dpkg.log')}"; };`,
      'APT::Sandbox::User "root";',
    ];
    await writeFile(this.path('apt.conf'), `${settings.join('\n')}\n`);
    this.#lab.environment = this.#environment();
  }

  #environment() {
    return { APT_CONFIG: this.path('apt.conf'), DPKG_ROOT: this.path('root'), LC_ALL: 'C', PATH: HOST_PATH };
  }
}
