import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('simulator'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
  .join('\n');

/** Codes as they stand in the source: after `code:`, or as the first argument of an error, or in the failure table. */
function codesInSource(): Set<string> {
  const patterns = [
    /code: '([A-Z][A-Z_]{4,})'/g,
    /(?:Error|super)\(\s*'([A-Z][A-Z_]{4,})'/g,
    /: \['([A-Z][A-Z_]{4,})',/g,
    /= '(STATE_[A-Z_]+)'/g,
  ];
  const found = patterns.flatMap((pattern) => [...sources.matchAll(pattern)].map((match) => match[1] ?? ''));
  // Node's own codes have no underscore.
  return new Set(found.filter((code) => code.includes('_')));
}

describe('docs/errors.md', () => {
  it('has every stable code of the source', () => {
    const documented = readFileSync(join(root, 'docs/errors.md'), 'utf8');
    const codes = codesInSource();
    expect(codes.size).toBeGreaterThan(30);
    expect([...codes].filter((code) => !documented.includes(`\`${code}\``))).toEqual([]);
    const rows = documented.split('\n').filter((line) => line.startsWith('| `'));
    const twice = [...codes].filter(
      (code) => rows.filter((row) => row.split('|')[1]?.includes(`\`${code}\``)).length > 1,
    );
    expect(twice).toEqual([]);
  });
});
