import { lstat, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode, errorMessage } from '../../errors.ts';
import { DownloadFailure } from './failure.ts';
import type { OpenRequest, OpenTarget } from './target-file.ts';

type Name = OpenRequest['name'];

/** The file name in a URL's last segment, decoded, or why it gives none: a name never leads out of its directory. */
export function nameInUrl(url: URL): Name {
  const segment = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  let name: string;
  try {
    name = decodeURIComponent(segment);
  } catch {
    return { kind: 'none', problem: "the URL's last segment is not valid percent-encoding" };
  }
  if (name === '') return { kind: 'none', problem: 'the URL ends in no file name' };
  const shown = JSON.stringify(name.slice(0, 80));
  if (name === '.' || name === '..' || /[/\\\p{Cc}]/u.test(name)) {
    return { kind: 'none', problem: `the URL's last segment, ${shown}, is no plain file name` };
  }
  return { kind: 'name', name };
}

/** Where file and part are. @throws DownloadFailure when the path can be no file. */
export async function locateTarget({ path, name, id }: OpenRequest): Promise<Pick<OpenTarget, 'file' | 'part'>> {
  const file = (await isDirectory(path)) ? inDirectory(path, name) : path;
  await refuseOtherThanFile(file);
  const full = `.${basename(file)}.${id}.part`;
  // NAME_MAX of Linux's file systems is 255 bytes.
  const part = Buffer.byteLength(full) <= 255 ? full : `.${id}.part`;
  return { file, part: join(dirname(file), part) };
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    const isThere = (await stat(path)).isDirectory();
    if (!isThere && path.endsWith('/')) throw new DownloadFailure(`${path} is not a directory`);
    return isThere;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw pathFailure(error, path);
    if (path.endsWith('/')) throw new DownloadFailure(`the directory ${path} does not exist`);
    return false;
  }
}

function inDirectory(directory: string, name: Name): string {
  if (name.kind === 'name') return join(directory, name.name);
  throw new DownloadFailure(`${directory} is a directory and ${name.problem}: name the file in path`);
}

/** A link is replaced, not followed: where it leads may be for others to say. */
async function refuseOtherThanFile(file: string): Promise<void> {
  try {
    const stats = await lstat(file);
    if (!stats.isFile() && !stats.isSymbolicLink()) throw new DownloadFailure(`${file} is not a regular file`);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw pathFailure(error, file);
  }
}

/** What the system says of a path, in words. */
export function pathFailure(error: unknown, path: string): DownloadFailure {
  if (error instanceof DownloadFailure) return error;
  const phrases: Readonly<Record<string, string>> = {
    EACCES: `not permitted: ${path}`,
    EPERM: `not permitted: ${path}`,
    EROFS: `${path} is on a read-only file system`,
    ENOENT: `the directory ${dirname(path)} does not exist`,
    ENOTDIR: `the directory ${dirname(path)} does not exist`,
    ENOSPC: `no space is left for ${path}`,
    EDQUOT: `the quota leaves no space for ${path}`,
    EFBIG: `the file system takes no file as large as ${path}`,
    ENAMETOOLONG: `the name is too long: ${path.slice(0, 80)}…`,
  };
  const code = errorCode(error) ?? '';
  return new DownloadFailure(phrases[code] ?? `${path}: ${errorMessage(error)}`, error);
}
