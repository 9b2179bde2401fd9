import { expect } from 'vitest';

/**
 * Whether this test runs as root, as some of what a device does can only be tried. Where it has to
 * (`REQUIRE_ROOT=1`), not being root is a failure and no reason to skip.
 */
export function isRoot(): boolean {
  const root = process.geteuid?.() === 0;
  if (process.env['REQUIRE_ROOT']) expect(root, 'REQUIRE_ROOT is set, and this is not root').toBe(true);
  return root;
}
