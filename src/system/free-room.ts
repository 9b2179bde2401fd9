import { accessSync, constants, statfsSync } from 'node:fs';
import { errorMessage } from '../errors.ts';

/** What must be free where something is to be written. */
export interface Room {
  readonly bytes: number;
  readonly inodes: number;
}

/**
 * Why nothing can be put into a directory: its file system lacks that room, or is read-only, or cannot be looked at.
 * Undefined: there is room, as far as statfs(2) and access(2) can tell.
 */
export function lackOfRoom(directory: string, needed: Room): string | undefined {
  try {
    // EROFS is told to root as well (access(2)).
    accessSync(directory, constants.W_OK);
    const { bsize, bavail, files, ffree } = statfsSync(directory);
    const bytes = bsize * bavail;
    // Without a limit there are no inodes to count, on Btrfs for one.
    const inodes = files === 0 ? Number.POSITIVE_INFINITY : ffree;
    if (bytes >= needed.bytes && inodes >= needed.inodes) return undefined;
    const free = `${kibibytes(bytes)} and ${inodes === Number.POSITIVE_INFINITY ? 'any number of' : inodes} inodes`;
    return `${directory} has only ${free} free, and ${kibibytes(needed.bytes)} and ${needed.inodes} inodes are needed`;
  } catch (error) {
    return `${directory} cannot be written: ${errorMessage(error)}`;
  }
}

function kibibytes(bytes: number): string {
  return `${Math.floor(bytes / 1024)} KiB`;
}
