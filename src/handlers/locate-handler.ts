import { lstat, realpath, stat } from 'node:fs/promises';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';
import { errorCode, errorMessage } from '../errors.ts';
import { isInside, untrustedPart } from '../system/file-trust.ts';

export interface HandlerReference {
  /** The name of a file, or its absolute path: then `path` is absent or `default`. */
  readonly handler: string;
  /** `default`, an absolute directory, or absent. */
  readonly path?: string | undefined;
}

/** Where handlers may be. */
export interface HandlerPlaces {
  /** `handlers.directory`: where `default` and an empty path look. */
  readonly handlersDirectory?: string | undefined;
  /** `handlers.allowedDirectories`: what a literal path may name, or lie below. */
  readonly allowedDirectories: readonly string[];
  /** The agent's PATH: where an empty path looks last. */
  readonly searchPath: string;
}

export type LocatedHandler =
  /** `file` is the real path, to be executed; `name` the one that was asked for. */
  | { readonly kind: 'found'; readonly file: string; readonly name: string }
  | { readonly kind: 'fault'; readonly reason: string };

/**
 * The file behind a `runHandler` step. `default` is the handler directory; another path is that directory; without
 * one the handler directory is asked first, then PATH (AWS's managed templates leave the path empty). The first file
 * found decides: an unsafe one fails the step, it is not passed over for another. An absolute handler is taken where it
 * lies, as execvp(3) does.
 *
 * It must really be, all symbolic links and `..` resolved, in the handler directory, in an allowed one or, for an empty
 * path, in one of PATH; and nobody but root and the agent's user may be able to change it (file-trust.ts). What is
 * executed is the real path, so that no link can be turned elsewhere after the check.
 */
export async function locateHandler(reference: HandlerReference, places: HandlerPlaces): Promise<LocatedHandler> {
  const isWhole = isAbsolute(reference.handler);
  const handler = isWhole ? basename(reference.handler) : reference.handler;
  const path = isWhole ? dirname(reference.handler) : (reference.path ?? '');
  const { handlersDirectory } = places;
  if (path === 'default' && handlersDirectory === undefined) {
    return fault('not found: path is "default" and no handlers.directory is set');
  }
  const own = handlersDirectory === undefined ? [] : [handlersDirectory];
  const searched = path === '' ? places.searchPath.split(delimiter).filter((directory) => isAbsolute(directory)) : [];
  const directories = path === '' ? [...own, ...searched] : path === 'default' ? own : [path];
  const roots = await realDirectories([...own, ...places.allowedDirectories, ...searched]);
  for (const directory of directories) {
    // One of PATH that is closed to us has nothing for us.
    if (searched.includes(directory) && (await realDirectories([directory])).length === 0) continue;
    const located = await examine(directory, handler, roots);
    if (located !== undefined) return located;
  }
  if (directories.length === 1) return fault(`not found: ${join(directories[0] ?? '', handler)}`);
  return fault(`not found: ${handler} (searched ${directories.join(delimiter)})`);
}

/**
 * Whether the handler directory has anything of that name, safe or not: where it has, and only where it has not, no
 * built-in takes over.
 */
export async function handlerFileInDirectory(handler: string, handlersDirectory: string | undefined): Promise<boolean> {
  if (handlersDirectory === undefined) return false;
  try {
    await lstat(join(handlersDirectory, handler));
    return true;
  } catch (error) {
    // What cannot be examined may be there: locateHandler says what is wrong with it.
    return !isMissing(error);
  }
}

/** Undefined when there is no such file. Executability is the process runner's to tell. */
async function examine(
  directory: string,
  handler: string,
  roots: readonly string[],
): Promise<LocatedHandler | undefined> {
  const name = join(directory, handler);
  try {
    // The directory first: whether a file exists elsewhere is none of a document's business.
    const place = await realpath(directory);
    const placeRoot = nearest(place, roots);
    if (placeRoot === undefined) return outside(directory, place);
    const file = await realpath(name);
    const fileRoot = nearest(file, roots);
    if (fileRoot === undefined) return outside(name, file);
    if (!(await stat(file)).isFile()) return fault(`not permitted: ${name} is not a regular file`);
    const owner = process.geteuid?.() ?? 0;
    const untrusted = (await untrustedPart(place, placeRoot, owner)) ?? (await untrustedPart(file, fileRoot, owner));
    return untrusted === undefined ? { kind: 'found', file, name } : fault(`not permitted: ${untrusted}`);
  } catch (error) {
    if (isMissing(error)) return undefined;
    return fault(`not permitted: ${name} cannot be examined: ${errorMessage(error)}`);
  }
}

/** One that cannot be resolved has nothing in it that could be executed. */
async function realDirectories(directories: readonly string[]): Promise<string[]> {
  const real = await Promise.all(directories.map((directory) => realpath(directory).catch(() => undefined)));
  return real.filter((directory) => directory !== undefined);
}

/** The deepest of the roots that the path is in: the check of what lies above ends there. */
function nearest(path: string, roots: readonly string[]): string | undefined {
  return roots.filter((root) => isInside(path, root)).sort((a, b) => b.length - a.length)[0];
}

function outside(name: string, real: string): LocatedHandler {
  const leads = name === real ? '' : `, which is ${real},`;
  return fault(
    `not permitted: ${name}${leads} is outside the directories that handlers may be in (name its directory in handlers.allowedDirectories of the agent's config)`,
  );
}

function isMissing(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function fault(reason: string): LocatedHandler {
  return { kind: 'fault', reason };
}
