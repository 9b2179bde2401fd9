import { readFileSync } from 'node:fs';

/** The version in the package's manifest, which stands two directories above this module, in src/ as in dist/. */
export function agentVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '0';
}
