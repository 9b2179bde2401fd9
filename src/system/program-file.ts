import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { errorCode, errorMessage } from '../errors.ts';

/** Why a program did not start; `message` is a whole sentence that names the file. */
export interface ProgramFault {
  /** ENOENT, EACCES, ENOEXEC, or what the system said. */
  readonly code: string;
  readonly message: string;
}

export type LocatedProgram =
  | ({ readonly kind: 'found'; readonly file: string } & ProgramForm)
  | { readonly kind: 'fault'; readonly fault: ProgramFault };

/** How a program is executed. */
export interface ProgramForm {
  /** Before the file's own arguments: what reads it, where the kernel cannot execute it by itself. */
  readonly through: readonly string[];
  /** It is text, which whoever executes it has to be able to read. */
  readonly isScript: boolean;
}

/**
 * The file that a command's first word names: a bare name is looked up in `searchPath` as execvp(3) does, anything
 * with a slash is taken relative to `cwd`; then the file is examined. We look ourselves to say what is wrong in words;
 * and uv_spawn, whose execvp would hand any file that the kernel cannot execute (ENOEXEC) to /bin/sh, is given no such
 * file. That shell reads a file of the device's own, and never what a job says: those are its arguments.
 *
 * All of it blocks: some ten calls of a few microseconds each, where as many turns of the thread pool would cost more
 * than the program on a busy machine. A file system that hangs would hang uv_spawn as well, which waits for the exec.
 */
export function locateProgram(name: string, searchPath: string, cwd: string): LocatedProgram {
  const candidates = name.includes('/')
    ? [resolve(cwd, name)]
    : searchPath
        .split(delimiter)
        .filter((directory) => isAbsolute(directory) && canEnter(directory))
        .map((directory) => join(directory, name));
  let notExecutable: ProgramFault | undefined;
  for (const file of name === '' ? [] : candidates) {
    const fault = examineProgram(file);
    if (!('code' in fault)) return { kind: 'found', file, ...fault };
    if (fault.code === 'EACCES' && !name.includes('/')) notExecutable ??= fault;
    else if (fault.code !== 'ENOENT' || name.includes('/')) return { kind: 'fault', fault };
  }
  const missing = { code: 'ENOENT', message: `not found: ${name} (searched ${searchPath})` };
  return { kind: 'fault', fault: notExecutable ?? missing };
}

/** A directory of PATH that is closed to us has nothing to run, and is no reason to say more than "not found". */
function canEnter(directory: string): boolean {
  try {
    accessSync(directory, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** How this file is executed, or what keeps it from that. */
function examineProgram(file: string): ProgramForm | ProgramFault {
  try {
    if (!statSync(file).isFile()) {
      return { code: 'EACCES', message: `not permitted: ${file} is not a regular file` };
    }
  } catch (error) {
    return lookUpFault(file, error);
  }
  try {
    accessSync(file, constants.X_OK);
  } catch (error) {
    return { code: errorCode(error) ?? 'EACCES', message: `not permitted: ${file} is not executable` };
  }
  try {
    return examineHeader(file);
  } catch (error) {
    return lookUpFault(file, error);
  }
}

function lookUpFault(file: string, error: unknown): ProgramFault {
  const code = errorCode(error) ?? 'EIO';
  if (code === 'ENOENT' || code === 'ENOTDIR') return { code: 'ENOENT', message: `not found: ${file}` };
  return { code, message: `not permitted: ${file} cannot be examined: ${errorMessage(error)}` };
}

/** As execvp(3) has it. */
const SHELL = '/bin/sh';
const ELF_MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

function examineHeader(file: string): ProgramForm | ProgramFault {
  const head = readHead(file);
  // Executable and not readable is a legal mode for a binary: the kernel decides.
  if (head === undefined || head.subarray(0, 4).equals(ELF_MAGIC)) return { through: [], isScript: false };
  // execvp(3) would have it run and succeed. It is what a loss of power makes of a file.
  if (head.length === 0) return { code: 'ENOEXEC', message: `not a program: ${file} is empty` };
  const line = head.toString('latin1').split('\n', 1)[0] ?? '';
  const interpreter = /^#![ \t]*([^ \t]+)/.exec(line)?.[1];
  if (interpreter === undefined) {
    // No text has it, and a shell would read a binary of another kind as commands.
    if (!head.includes(0)) return { through: [SHELL], isScript: true };
    return { code: 'ENOEXEC', message: `not a program: ${file} has no #! line or binary header, and is no text` };
  }
  try {
    accessSync(interpreter, constants.X_OK);
    return { through: [], isScript: true };
  } catch (error) {
    const code = errorCode(error) ?? 'ENOENT';
    return { code, message: `not found: ${interpreter}, the interpreter that ${file} names` };
  }
}

function readHead(file: string): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if (errorCode(error) === 'EACCES') return undefined;
    throw error;
  }
  try {
    const head = Buffer.alloc(256);
    return head.subarray(0, readSync(fd, head, 0, head.length, 0));
  } finally {
    closeSync(fd);
  }
}
