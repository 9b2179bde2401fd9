import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
} from 'node:fs';
import { chmod, type FileHandle, lstat, mkdir, open, readdir, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '../errors.ts';
import type { User } from './users.ts';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const PARENT = 'scratch';

interface Key {
  readonly jobId: string;
  readonly executionNumber: number;
}

export function scratchDirectoryOf(stateDirectory: string, { jobId, executionNumber }: Key): string {
  return join(stateDirectory, PARENT, `${jobId}-${executionNumber}`);
}

/** The directory that has scratch directories in it; the scratch directory itself where it is none of ours. */
export function scratchParentOf(path: string): string {
  return basename(dirname(path)) === PARENT ? dirname(path) : path;
}

/**
 * Makes `<stateDirectory>/scratch/<jobId>-<executionNumber>` with mode 700 and returns its path; one that a restart of
 * the agent left is kept, with what is in it. Rejects with the system's error.
 */
export async function createScratchDirectory(stateDirectory: string, { jobId, executionNumber }: Key): Promise<string> {
  const path = scratchDirectoryOf(stateDirectory, { jobId, executionNumber });
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST' || !(await lstat(path)).isDirectory()) throw error;
  }
  return path;
}

/**
 * Gives it to the user that a step runs as; for an agent that is root. What is on the way there can then be walked
 * through, and still not be listed. Throws the system's error. A directory that is not private, and so none of ours, is
 * left alone.
 */
export function giveScratchDirectory(path: string, user: User): void {
  const fd = openSync(path, DIRECTORY);
  try {
    if ((fstatSync(fd).mode & 0o077) !== 0) return;
    fchownSync(fd, user.uid, user.gid);
    fchmodSync(fd, 0o700);
  } finally {
    closeSync(fd);
  }
  const parent = dirname(path);
  if (basename(parent) !== PARENT) return;
  for (const directory of [dirname(parent), parent]) {
    const { mode } = lstatSync(directory);
    if ((mode & 0o001) !== 0) continue;
    closeFiles(directory);
    chmodSync(directory, (mode | 0o001) & 0o7777);
  }
}

/** A closed directory was all that kept others from files in it that have a name to guess: the journal, say. */
function closeFiles(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(directory, entry.name);
    const { mode } = lstatSync(file);
    if ((mode & 0o077) !== 0) chmodSync(file, mode & 0o7700);
  }
}

/**
 * Removes it with all that is in it. A program that is still about can turn a directory into a symbolic link at any
 * moment, and an agent that is root must not be led out by one: each directory is opened without following, as openat(2)
 * would, and what is in it is reached through its descriptor. Rejects with the system's error; one that is not there is
 * no error.
 */
export async function removeScratchDirectory(path: string): Promise<void> {
  await removeDirectory(path);
}

async function removeDirectory(path: string | Buffer): Promise<void> {
  try {
    await emptyDirectory(path);
    await rmdir(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

async function emptyDirectory(path: string | Buffer): Promise<void> {
  const directory = await openDirectory(path);
  try {
    const base = `/proc/self/fd/${directory.fd}`;
    // Names are bytes: one that is not UTF-8 would not be found again as a string.
    for (const entry of await readdir(base, { withFileTypes: true, encoding: 'buffer' })) {
      const child = Buffer.concat([Buffer.from(`${base}/`), entry.name]);
      if (entry.isDirectory()) await removeDirectory(child);
      else await unlink(child);
    }
  } finally {
    await directory.close();
  }
}

/** A program may have taken its own directory's permissions away; root needs none, and never changes modes by path. */
async function openDirectory(path: string | Buffer): Promise<FileHandle> {
  try {
    const directory = await open(path, DIRECTORY);
    if (process.geteuid?.() !== 0) await directory.chmod(0o700);
    return directory;
  } catch (error) {
    if (errorCode(error) !== 'EACCES' || process.geteuid?.() === 0) throw error;
    await chmod(path, 0o700);
    return open(path, DIRECTORY);
  }
}
