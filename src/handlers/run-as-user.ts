import { spawn } from 'node:child_process';
import type { ProcessEnd, SignalGroup } from '../system/child-process.ts';
import { killGroup } from '../system/process-group.ts';
import type { ProgramFault } from '../system/program-file.ts';
import { systemTool } from '../system/system-tool.ts';
import { findUser, ownUserName, type User } from '../system/users.ts';

/** The system's tool that turns into the user and then into the program. */
export interface UserSwitch {
  readonly user: User;
  readonly tool: 'setpriv' | 'runuser' | 'sudo';
  /** The tool's own path. */
  readonly file: string;
  /** Its arguments. `variables` are the names of those that the program is to get. */
  words(program: string, args: readonly string[], variables: readonly string[]): string[];
  /** How the user's processes are reached, where kill(2) has no permission to. */
  readonly signalGroup?: SignalGroup;
}

export type RunAs =
  | { readonly kind: 'own' }
  | { readonly kind: 'switch'; readonly userSwitch: UserSwitch }
  | { readonly kind: 'fault'; readonly fault: ProgramFault };

export interface RunAsOptions {
  /** Whether the agent may become anyone; else only sudo can. */
  readonly isRoot?: boolean;
  /** Where the tools are looked for. */
  readonly toolDirectories?: readonly string[];
}

/**
 * How to run a program as this user, really and with all of its groups, or why that cannot be. Node's own `uid` and
 * `gid` are of no use: libuv gives such a child no supplementary groups at all.
 *
 * - setpriv(1) first: it becomes the program, so that exit codes and signals are the program's own.
 * - runuser(1) stays beside it as its parent: an end by signal n comes out as exit code 128 + n, and two seconds after
 *   TERM it sends KILL.
 * - sudo(8) is all that an agent which is not root has. `-n`: it never asks. The environment goes through it by name
 *   (`--preserve-env=…`, so that no value can be seen in ps(1)), which takes a rule with SETENV, or for ALL. It closes
 *   all descriptors from 3 on: there is no progress. The scratch directory stays the agent's.
 */
export async function runAs(name: string | undefined, options: RunAsOptions = {}): Promise<RunAs> {
  const { isRoot = process.geteuid?.() === 0, toolDirectories } = options;
  if (name === undefined || name === ownUserName()) return { kind: 'own' };
  const found = await findUser(name);
  if (found.kind === 'fault') return fault('EPERM', `not permitted: ${found.reason}`);
  const { user } = found;
  const setpriv = isRoot ? systemTool('setpriv', toolDirectories) : undefined;
  if (setpriv !== undefined) return { kind: 'switch', userSwitch: bySetpriv(setpriv, user) };
  const runuser = isRoot ? systemTool('runuser', toolDirectories) : undefined;
  if (runuser !== undefined) return { kind: 'switch', userSwitch: byRunuser(runuser, user) };
  const sudo = systemTool('sudo', toolDirectories);
  if (sudo !== undefined) return { kind: 'switch', userSwitch: bySudo(sudo, user) };
  return fault(
    'EPERM',
    isRoot
      ? `not permitted: cannot become user ${JSON.stringify(name)}: this host has none of setpriv, runuser and sudo (install util-linux)`
      : `not permitted: cannot become user ${JSON.stringify(name)}: the agent is not root, and this host has no sudo`,
  );
}

/** What the tool said when it did not start the program: then that is the truth, and not the exit code, its own. */
export function switchFault({ tool, user }: UserSwitch, end: ProcessEnd): ProgramFault | undefined {
  // setpriv and runuser: 1, or 126 and 127 as env(1) has them; sudo: 1.
  if (end.exitCode === null || ![1, 126, 127].includes(end.exitCode)) return undefined;
  const lines = end.stderrTail.trim().split('\n');
  const said = lines.at(-1) ?? '';
  const isItsOwn = (line: string) =>
    line.startsWith(`${tool}: `) || (tool === 'sudo' && line.startsWith('Sorry, user '));
  // "unable to resolve host" is a warning, after which sudo goes on.
  if (!lines.every(isItsOwn) || said.startsWith('sudo: unable to resolve host')) return undefined;
  if (/: No such file or directory$/.test(said)) return { code: 'ENOENT', message: `not found: ${said}` };
  const remedy = /unable to execute|failed to execute/.test(said)
    ? `user "${user.name}" must be able to read and execute the file and to enter its directories: chmod 755`
    : tool === 'sudo'
      ? `the agent's user needs a rule with NOPASSWD and SETENV in sudoers to run this as "${user.name}"`
      : `the agent needs the capabilities CAP_SETUID and CAP_SETGID to become "${user.name}"`;
  return { code: 'EPERM', message: `not permitted: ${said} (${remedy})` };
}

function bySetpriv(file: string, user: User): UserSwitch {
  // Numbers and not the name: what was looked up is what is meant. `--init-groups` would look again, by the uid, which
  // may have another user's name first.
  const ids = [`--reuid=${user.uid}`, `--regid=${user.gid}`, `--groups=${user.groups.join(',')}`];
  // Twice: the first still has root's capabilities when it executes, and would execute what the user may not.
  return { user, tool: 'setpriv', file, words: (program, args) => [...ids, '--', file, '--', program, ...args] };
}

function byRunuser(file: string, user: User): UserSwitch {
  return { user, tool: 'runuser', file, words: (program, args) => ['-u', user.name, '--', program, ...args] };
}

function bySudo(file: string, user: User): UserSwitch {
  return {
    user,
    tool: 'sudo',
    file,
    words: (program, args, variables) => {
      const environment = `--preserve-env=${variables.join(',')}`;
      return ['-n', environment, '-u', user.name, '--', program, ...args];
    },
    signalGroup: (group, signal) => signalThroughSudo(file, user, group, signal),
  };
}

/** Milliseconds for one kill(1) through sudo. */
const SIGNAL_DEADLINE_MS = 5_000;

/**
 * As the user, kill(1) reaches all of its processes in the group; sudo itself then ends with the program. Where the
 * rules do not let us, a TERM still gets through: sudo passes on to the program what it gets.
 */
function signalThroughSudo(sudo: string, user: User, group: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  const kill = systemTool('kill');
  if (kill === undefined) {
    killGroup(group, signal);
    return;
  }
  const args = ['-n', '-u', user.name, '--', kill, '-s', signal.slice(3), '--', `-${group}`];
  const child = spawn(sudo, args, { stdio: 'ignore', env: {}, timeout: SIGNAL_DEADLINE_MS });
  child.once('error', () => killGroup(group, signal));
  child.once('exit', (code) => {
    // KILL for sudo itself too, last: killed first, it could not tell how its program ended.
    if (code !== 0 || signal === 'SIGKILL') killGroup(group, signal);
  });
}

function fault(code: string, message: string): RunAs {
  return { kind: 'fault', fault: { code, message } };
}
