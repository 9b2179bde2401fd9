import type { Stats } from 'node:fs';
import { lstat, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { errorMessage } from '../../errors.ts';

export type ExaminedFile =
  /** `real` is what was examined, and what is to be imported; `version` changes when the file does. */
  | { readonly kind: 'safe'; readonly real: string; readonly version: string }
  | { readonly kind: 'unsafe'; readonly problem: string };

/**
 * Says whether nobody but root and the agent's own user can change what this path names: the file, every symbolic link
 * that leads to it, and every directory on the way. What the file itself imports is not looked at. `real` has no link in
 * it that could be turned elsewhere between this look and the import.
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
    const ways = trustAny ? [] : [...(await waysTo(path)), real];
    const near = new Set([...ways, ...ways.map(dirname)]);
    for (const place of new Set([...near, ...ways.flatMap(ancestors)])) {
      const problem = placeProblem(place, await lstat(place), ownUser, !near.has(place));
      if (problem !== undefined) return unsafe(place === path ? `it ${problem}` : `${place} ${problem}`);
    }
    return { kind: 'safe', real, version: `${file.dev}:${file.ino}:${file.size}:${file.mtimeNs}` };
  } catch (error) {
    return unsafe(errorMessage(error));
  }
}

/** The path as it is written, and as each symbolic link on the way has it, one after the other, as the kernel walks. */
async function waysTo(path: string): Promise<string[]> {
  const ways = [resolve(path)];
  for (const way of ways) {
    for (const place of [...ancestors(way).reverse(), way]) {
      if (!(await lstat(place)).isSymbolicLink()) continue;
      const next = resolve(dirname(place), await readlink(place), relative(place, way));
      if (!ways.includes(next)) ways.push(next);
      break;
    }
  }
  return ways;
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
  // The mode of a link means nothing: whoever can replace it can do so by its owner or its directory.
  if (found.isSymbolicLink()) return undefined;
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
