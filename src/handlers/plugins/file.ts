import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute } from 'node:path';
import { errorMessage } from '../../errors.ts';

export type ExaminedFile =
  /** `version` changes when the file does. */
  { readonly kind: 'safe'; readonly version: string } | { readonly kind: 'unsafe'; readonly problem: string };

/**
 * Says whether nobody but root and the agent's own user can change what this path names: the file, and every directory
 * on the way to it, as it is written and as it really is. What the file itself imports is not looked at.
 * @param trustAny modes and owners are not looked at.
 */
export async function examinePluginFile(
  path: string,
  trustAny = false,
  ownUser = process.geteuid?.(),
): Promise<ExaminedFile> {
  if (!isAbsolute(path)) return unsafe('expected an absolute path');
  try {
    const real = await realpath(path);
    const file = await stat(real, { bigint: true });
    if (!file.isFile()) return unsafe('it is not a regular file');
    const near = new Set([real, dirname(real), dirname(path)]);
    for (const place of trustAny ? [] : new Set([...near, ...ancestors(real), ...ancestors(path)])) {
      const problem = placeProblem(place, await stat(place), ownUser, !near.has(place));
      if (problem !== undefined) return unsafe(place === path ? `it ${problem}` : `${place} ${problem}`);
    }
    return { kind: 'safe', version: `${file.dev}:${file.ino}:${file.size}:${file.mtimeNs}` };
  } catch (error) {
    return unsafe(errorMessage(error));
  }
}

function placeProblem(
  place: string,
  found: Stats,
  ownUser: number | undefined,
  isFarDirectory: boolean,
): string | undefined {
  if (ownUser !== undefined && found.uid !== 0 && found.uid !== ownUser) {
    return `belongs to the user ${found.uid}: expected root or the agent's own user ${ownUser} (chown)`;
  }
  // In a sticky directory such as /tmp nobody can replace what belongs to another (inode(7)). Beside the file itself
  // anybody could still put what it imports.
  if (isFarDirectory && (found.mode & 0o1000) !== 0) return undefined;
  if ((found.mode & 0o002) !== 0) return `is writable by everyone (chmod o-w ${place})`;
  if ((found.mode & 0o020) !== 0) return `is writable by its group (chmod g-w ${place})`;
  return undefined;
}

function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...ancestors(parent)];
}

function unsafe(problem: string): ExaminedFile {
  return { kind: 'unsafe', problem };
}
