import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { errorCode, errorMessage } from '../errors.ts';

/** Why a program did not start; `message` is a whole sentence that names the file. */
export interface ProgramFault {
  /** ENOENT, EACCES, ENOEXEC, or what the system said. */
  readonly code: string;
  readonly message: string;
}

export type LocatedProgram =
  | { readonly kind: 'found'; readonly file: string }
  | { readonly kind: 'fault'; readonly fault: ProgramFault };

/**
 * The file that a command's first word names: a bare name is looked up in `searchPath` as execvp(3) does, anything
 * with a slash is taken relative to `cwd`; then the file is examined. We look ourselves because execvp hands a file
 * that the kernel cannot execute (ENOEXEC) to /bin/sh, and no shell may ever read job input.
 */
export async function locateProgram(name: string, searchPath: string, cwd: string): Promise<LocatedProgram> {
  const candidates = name.includes('/')
    ? [resolve(cwd, name)]
    : searchPath
        .split(delimiter)
        .filter((directory) => isAbsolute(directory))
        .map((directory) => join(directory, name));
  let notExecutable: ProgramFault | undefined;
  for (const file of name === '' ? [] : candidates) {
    const fault = await examineProgram(file);
    if (fault === undefined) return { kind: 'found', file };
    if (fault.code === 'EACCES' && !name.includes('/')) notExecutable ??= fault;
    else if (fault.code !== 'ENOENT' || name.includes('/')) return { kind: 'fault', fault };
  }
  const missing = { code: 'ENOENT', message: `not found: ${name} (searched ${searchPath})` };
  return { kind: 'fault', fault: notExecutable ?? missing };
}

/** What keeps this file from being executed by the kernel itself; undefined when nothing does. */
async function examineProgram(file: string): Promise<ProgramFault | undefined> {
  try {
    if (!(await stat(file)).isFile()) {
      return { code: 'EACCES', message: `not permitted: ${file} is not a regular file` };
    }
  } catch (error) {
    return lookUpFault(file, error);
  }
  try {
    await access(file, constants.X_OK);
  } catch (error) {
    return { code: errorCode(error) ?? 'EACCES', message: `not permitted: ${file} is not executable` };
  }
  return examineHeader(file);
}

function lookUpFault(file: string, error: unknown): ProgramFault {
  const code = errorCode(error) ?? 'EIO';
  if (code === 'ENOENT' || code === 'ENOTDIR') return { code: 'ENOENT', message: `not found: ${file}` };
  return { code, message: `not permitted: ${file} cannot be examined: ${errorMessage(error)}` };
}

const ELF_MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

async function examineHeader(file: string): Promise<ProgramFault | undefined> {
  const head = await readHead(file);
  // Executable and not readable is a legal mode for a binary: the kernel decides.
  if (head === undefined || head.subarray(0, 4).equals(ELF_MAGIC)) return undefined;
  const line = head.toString('latin1').split('\n', 1)[0] ?? '';
  const interpreter = /^#![ \t]*([^ \t]+)/.exec(line)?.[1];
  if (interpreter === undefined) {
    return { code: 'ENOEXEC', message: `not a program: ${file} has no #! line or binary header` };
  }
  try {
    await access(interpreter, constants.X_OK);
    return undefined;
  } catch (error) {
    const code = errorCode(error) ?? 'ENOENT';
    return { code, message: `not found: ${interpreter}, the interpreter that ${file} names` };
  }
}

async function readHead(file: string): Promise<Buffer | undefined> {
  try {
    const handle = await open(file, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(256), 0, 256, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errorCode(error) === 'EACCES') return undefined;
    throw error;
  }
}
