import { lstat } from 'node:fs/promises';
import { dirname, sep } from 'node:path';

/**
 * What makes it unsafe to execute a file: that somebody else than root and the agent's user can change it, or put
 * another in its place. The file itself and every directory from its own up to `root`, which the device's administrator
 * has named, must belong to one of the two and be writable by nobody else. As for sshd's StrictModes and sudo, the
 * sticky bit is no excuse: in such a directory anybody makes files.
 *
 * @param file a real path below `root`, which is one too: with no symbolic link in it.
 * @param owner the agent's uid.
 * @returns a phrase with the remedy, or undefined for a safe file. Rejects when a part of the path cannot be examined.
 */
export async function untrustedPart(file: string, root: string, owner: number): Promise<string | undefined> {
  for (let path = file; ; path = dirname(path)) {
    const { uid, mode } = await lstat(path);
    if (uid !== 0 && uid !== owner) {
      return `${path} is owned by uid ${uid}, and neither by root nor by the agent's user (chown root)`;
    }
    if ((mode & 0o002) !== 0) return `${path} is writable by everyone (chmod o-w)`;
    if ((mode & 0o020) !== 0) return `${path} is writable by its group (chmod g-w)`;
    if (path === root || path === dirname(path)) return undefined;
  }
}

/** Both are real paths. A directory is inside itself. */
export function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}
