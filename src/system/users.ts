import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { errorMessage } from '../errors.ts';
import { systemTool } from './system-tool.ts';

/** One of the host's users, from whatever database its NSS has. */
export interface User {
  readonly name: string;
  readonly uid: number;
  /** The primary group. */
  readonly gid: number;
  /** All groups, the primary one too. */
  readonly groups: readonly number[];
  readonly home: string;
}

export type FoundUser =
  | { readonly kind: 'found'; readonly user: User }
  /** `reason` is a whole phrase that names the user. */
  | { readonly kind: 'fault'; readonly reason: string };

/** Milliseconds for one look-up: a directory server that does not answer must not hold a job. */
const LOOK_UP_MS = 10_000;

/** The name of the user this process runs as; undefined when the user has none, as in some containers. */
export function ownUserName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/**
 * Looks a user up by its name, and by its name alone: a number, or a name that a tool could take for an option, is an
 * unknown user.
 */
export async function findUser(name: string): Promise<FoundUser> {
  // A name with one of these is in no passwd(5) line, or means something else to sudo(8), getent(1) or id(1).
  if (/^[-+#%@!]|[:,/\s\p{C}]/u.test(name)) return unknown(name);
  try {
    const line = await passwdLine(name);
    if (line === undefined) return unknown(name);
    const [uid, gid, , home = '/'] = line.slice(2);
    const id = systemTool('id') ?? '/usr/bin/id';
    const groups = (await output(id, ['-G', name])).trim().split(/\s+/);
    const user = { name, uid: id32(uid), gid: id32(gid), groups: groups.map(id32), home };
    return { kind: 'found', user };
  } catch (error) {
    return { kind: 'fault', reason: `user ${JSON.stringify(name)} cannot be looked up: ${errorMessage(error)}` };
  }
}

function unknown(name: string): FoundUser {
  return { kind: 'fault', reason: `unknown user ${JSON.stringify(name)}` };
}

/** The fields of the entry with exactly this name: getent(1) finds an entry by its number too. */
async function passwdLine(name: string): Promise<string[] | undefined> {
  const getent = systemTool('getent');
  // A host without getent has no other database than the file.
  const lines = getent === undefined ? await readFile('/etc/passwd', 'utf8') : await getentPasswd(getent, name);
  return lines
    .split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[0] === name && fields.length >= 7);
}

/** getent(1): exit code 2 says that there is no such key. */
async function getentPasswd(getent: string, name: string): Promise<string> {
  try {
    return await output(getent, ['passwd', name]);
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 2) return '';
    throw error;
  }
}

function id32(text: string | undefined): number {
  if (text === undefined || !/^\d{1,10}$/.test(text)) throw new Error(`expected a number, got ${JSON.stringify(text)}`);
  return Number(text);
}

function output(file: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: LOOK_UP_MS, killSignal: 'SIGKILL', env: {}, encoding: 'utf8' } as const;
    execFile(file, args, options, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
  });
}
