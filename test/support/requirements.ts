import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** What some tests need of a machine. Without it they skip and say so; with `REQUIRE_<NAME>=1` that is a failure. */
const REQUIREMENTS = {
  /** A strace that may trace and inject. */
  STRACE: () => spawnSync('strace', ['-e', 'inject=getpid:error=EPERM', 'true']).status === 0,
  /** Root that may mount. */
  ROOT: () => process.getuid?.() === 0 && canMount(),
};

export function describeWith(requirement: keyof typeof REQUIREMENTS, name: string, body: () => void): void {
  if (REQUIREMENTS[requirement]()) {
    describe(name, body);
    return;
  }
  const sentence = `skipped, as this machine has no ${requirement}: ${name}`;
  if (process.env[`REQUIRE_${requirement}`] === '1') {
    it(name, () => expect.fail(`${sentence}; REQUIRE_${requirement}=1 forbids that`));
    return;
  }
  process.stderr.write(`${sentence}\n`);
  describe.skip(name, body);
}

function canMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'mount-'));
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', directory]).status === 0;
  if (isMounted) spawnSync('umount', [directory]);
  rmSync(directory, { recursive: true });
  return isMounted;
}
