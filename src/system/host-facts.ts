import { readFileSync } from 'node:fs';
import { machine, release } from 'node:os';

/** What a host says about itself. */
export interface HostFacts {
  /** `linux`, `darwin`: process.platform. */
  readonly platform: string;
  /** ID of os-release(5): `debian`, `ubuntu`, `raspbian`, `rhel`; without such a file the platform. */
  readonly operatingSystem: string;
  /** VERSION_ID of os-release(5): `12`, `24.04`; absent for a rolling distribution. */
  readonly operatingSystemVersion?: string | undefined;
  /** `uname -r`: `6.12.25+rpt-rpi-v8`. */
  readonly kernelRelease: string;
  /** What programs here are built for: `x64`, `arm64`, `arm` (process.arch). */
  readonly architecture: string;
  /** `uname -m`, the kernel's: `x86_64`, `aarch64`; it may be wider than what programs are built for. */
  readonly machine: string;
}

/** Where os-release(5) says that the file is, in the order that it says. */
const OS_RELEASE = ['/etc/os-release', '/usr/lib/os-release'];

/** Reads the host's facts. A file that is missing or unreadable costs only the facts in it. */
export function readHostFacts(files: readonly string[] = OS_RELEASE): HostFacts {
  const names = parseOsRelease(firstReadable(files));
  return {
    platform: process.platform,
    operatingSystem: names.get('ID') || process.platform,
    operatingSystemVersion: names.get('VERSION_ID') || undefined,
    kernelRelease: release(),
    architecture: process.arch,
    machine: machine(),
  };
}

/** The assignments in an os-release file: shell-like, quotes around values, backslashes inside double ones. */
export function parseOsRelease(content: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const line of content.split('\n')) {
    const [, name, value = ''] = /^\s*([A-Z][A-Z0-9_]*)=(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined) names.set(name, unquoted(value));
  }
  return names;
}

function unquoted(value: string): string {
  if (/^'[^']*'$/.test(value)) return value.slice(1, -1);
  return (/^".*"$/.test(value) ? value.slice(1, -1) : value).replace(/\\(["$`\\])/g, '$1');
}

function firstReadable(files: readonly string[]): string {
  for (const file of files) {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      // The next one, or none: a container image may have neither.
    }
  }
  return '';
}
