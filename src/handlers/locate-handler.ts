import { stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { errorCode, errorMessage } from '../errors.ts';

export interface HandlerReference {
  readonly handler: string;
  /** `default`, an absolute directory, or absent. */
  readonly path?: string | undefined;
}

export type LocatedHandler =
  | { readonly kind: 'found'; readonly file: string }
  | { readonly kind: 'fault'; readonly reason: string };

/**
 * The file behind a `runHandler` step. `default` is the handler directory; another path is that directory; without
 * one the handler directory is asked first, then PATH (AWS's managed templates leave the path empty). The first file
 * found decides: an unsafe one fails the step, it is not passed over for another.
 */
export async function locateHandler(
  reference: HandlerReference,
  handlersDirectory: string | undefined,
  searchPath: string,
): Promise<LocatedHandler> {
  const { handler, path = '' } = reference;
  if (handler === '' || handler === '.' || handler === '..' || /[/\0]/.test(handler)) {
    return fault(`not permitted: handler ${JSON.stringify(handler)} is not a plain file name`);
  }
  let directories: string[];
  if (path === 'default') {
    if (handlersDirectory === undefined) return fault('not found: path is "default" and no handlers.directory is set');
    directories = [handlersDirectory];
  } else if (path !== '') {
    if (!isAbsolute(path)) return fault(`not permitted: path ${JSON.stringify(path)} is not absolute`);
    directories = [path];
  } else {
    const own = handlersDirectory === undefined ? [] : [handlersDirectory];
    directories = [...own, ...searchPath.split(delimiter).filter((directory) => isAbsolute(directory))];
  }
  for (const directory of directories) {
    const located = await examine(join(directory, handler));
    if (located !== undefined) return located;
  }
  if (directories.length === 1) return fault(`not found: ${join(directories[0] ?? '', handler)}`);
  return fault(`not found: ${handler} (searched ${directories.join(delimiter)})`);
}

/** Undefined when there is no such file. Executability is the process runner's to tell. */
async function examine(file: string): Promise<LocatedHandler | undefined> {
  try {
    const found = await stat(file);
    if (!found.isFile()) return fault(`not permitted: ${file} is not a regular file`);
    if ((found.mode & 0o002) !== 0) return fault(`not permitted: ${file} is writable by everyone (chmod o-w)`);
    if ((found.mode & 0o020) !== 0) return fault(`not permitted: ${file} is writable by its group (chmod g-w)`);
    return { kind: 'found', file };
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    return fault(`not permitted: ${file} cannot be examined: ${errorMessage(error)}`);
  }
}

function fault(reason: string): LocatedHandler {
  return { kind: 'fault', reason };
}
