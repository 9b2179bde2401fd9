import { realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { User } from './users.ts';

export const EXECUTE = 0o1;
export const READ_AND_EXECUTE = 0o5;

/**
 * Whether the user may do this with a file, by its mode and those of the directories on the way to it (path_resolution(7)).
 * Access control lists are not looked at. False for what cannot be examined.
 */
export function mayUse(file: string, user: User, what: number): boolean {
  try {
    const real = realpathSync(file);
    if (!permits(statSync(real), user, what)) return false;
    for (let place = real; place !== dirname(place); place = dirname(place)) {
      if (!permits(statSync(dirname(place)), user, EXECUTE)) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** The owner's bits count for the owner, though the others' give more; so do the group's for its members. */
function permits({ uid, gid, mode }: Stats, user: User, what: number): boolean {
  if (user.uid === 0) return true;
  const isMember = user.gid === gid || user.groups.includes(gid);
  const bits = uid === user.uid ? mode >> 6 : isMember ? mode >> 3 : mode;
  return (bits & what) === what;
}
