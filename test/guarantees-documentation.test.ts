import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withStates } from '../scripts/states-table.ts';

const DOCS = join(import.meta.dirname, '../docs');
const document = readFileSync(join(DOCS, 'guarantees.md'), 'utf8');
/** `[“name of a test”](file)`, or `[text](file)`. */
const links = [...document.matchAll(/\[([^\]]+)\]\((\.\.\/test\/[^)]+)\)/g)].map(([, text = '', file = '']) => ({
  text,
  file: join(DOCS, file),
}));

describe('docs/guarantees.md', () => {
  it('has the table of states as it is', () => {
    expect(withStates(document)).toBe(document);
  });

  it('links each promise to a test that is there under that name', () => {
    expect(links.length).toBeGreaterThan(30);
    for (const { text, file } of links) {
      expect(existsSync(file), file).toBe(true);
      const name = /^“(.*)”$/.exec(text)?.[1];
      if (name !== undefined) expect(readFileSync(file, 'utf8'), file).toContain(name);
    }
  });

  it('has no promise without one', () => {
    const rows = document.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
    const promises = rows.filter((line) => !/^\| (If this happens|State|`)/.test(line));
    for (const promise of promises) expect(promise).toMatch(/\]\(\.\.\/test\//);
  });
});
