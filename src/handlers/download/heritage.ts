import type { Stats } from 'node:fs';

export type Ownership = Pick<Stats, 'uid' | 'gid' | 'mode'>;

/** Write permission of group and others. */
const SHARED = 0o022;

/**
 * What a file takes over from the one that it replaces: as a program would that fetches to the path itself. Undefined:
 * nothing. In a directory that others may write, sticky or not, anybody can make a file beforehand, and would then own
 * what has been checked, or could alter it. So there only root's file counts, or one of the directory's owner, who can
 * replace what is in it anyway, or our own; and it may be a link to what is elsewhere for many to write (link(2)).
 *
 * @param self the uid that writes.
 */
export function heritageOf(file: Ownership, directory: Ownership, self: number): Ownership | undefined {
  const { uid, gid } = file;
  const mode = file.mode & 0o777;
  if ((directory.mode & SHARED) === 0) return { uid, gid, mode };
  return [0, self, directory.uid].includes(uid) ? { uid, gid, mode: mode & ~SHARED } : undefined;
}

/** Whether a file that is there already can do for one that would be made now: nobody else can alter it. */
export function canStay(file: Ownership, directory: Ownership, self: number): boolean {
  return heritageOf(file, directory, self)?.mode === (file.mode & 0o777);
}
