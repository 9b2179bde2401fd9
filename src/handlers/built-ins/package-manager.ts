import type { Setback } from './program-failure.ts';

/** A package that a document names: `nginx`, `nginx=1.22.1-9`. */
export interface WantedPackage {
  /** With the architecture, where one is named: `libc6:armhf`. */
  readonly name: string;
  readonly version?: string | undefined;
}

/** What the host's package database says of one package. */
export type PackageState =
  | { readonly kind: 'installed'; readonly versions: readonly string[] }
  /** Configuration files may be left. */
  | { readonly kind: 'absent' }
  /** Neither one nor the other: `half-configured`. */
  | { readonly kind: 'broken'; readonly state: string }
  /** The database could not be asked. */
  | { readonly kind: 'unknown'; readonly setback: Setback };

/** A host's package manager. Undefined means done; a package that is as it should be already is no problem. */
export interface PackageManager {
  install(packages: readonly WantedPackage[]): Promise<Setback | undefined>;
  remove(packages: readonly WantedPackage[]): Promise<Setback | undefined>;
  state(name: string): Promise<PackageState>;
  /** Whether a version from the database is the one that a document names. */
  isVersion(installed: string, wanted: string): boolean;
}
