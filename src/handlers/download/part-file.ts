import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;

/** Milliseconds after which a part that nobody writes is taken for one whose job was cancelled: no step comes for it. */
export const ABANDONED_MS = 86_400_000;

/** Removes the parts of this file that other jobs have left. A job that comes for one after all starts from nothing. */
export async function sweepParts(file: string, part: string): Promise<void> {
  const start = `.${basename(file)}.`;
  // A directory that may be written and not listed keeps what is in it.
  const names = await readdir(dirname(part)).catch(() => []);
  for (const name of names) {
    const isPart = name.startsWith(start) && /^[0-9a-f]{16}\.part$/.test(name.slice(start.length));
    if (isPart && name !== basename(part)) await removeAbandoned(join(dirname(part), name));
  }
}

async function removeAbandoned(part: string): Promise<void> {
  const stats = await lstat(part).catch(() => undefined);
  if (!stats?.isFile() || stats.uid !== process.geteuid?.()) return;
  if (Date.now() - stats.mtimeMs > ABANDONED_MS) await rm(part, { force: true });
}

/**
 * A new and empty part. What stands at its name, a link too, is removed; O_EXCL then follows no link that comes just
 * now (open(2)).
 */
export async function createPart(part: string): Promise<FileHandle> {
  await rm(part, { force: true });
  return open(part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
}

/**
 * The part of an earlier start, cut to the bytes that are known to be good: after a power cut those behind them may be
 * zeros. Undefined when it has fewer, or when it is not ours alone: in a directory that others may write they could have
 * put a file of theirs, or a link, in its place.
 */
export async function reopenPart(part: string, bytes: number): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(part, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    // Gone, or a link, or not ours: a new one is made, and that tells what is wrong with the directory.
    return undefined;
  }
  try {
    const stats = await handle.stat();
    const isOurs =
      stats.isFile() && stats.nlink === 1 && stats.uid === process.geteuid?.() && (stats.mode & 0o077) === 0;
    if (isOurs && stats.size >= bytes) {
      await handle.truncate(bytes);
      return handle;
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}
