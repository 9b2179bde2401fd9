import { readdirSync, readFileSync } from 'node:fs';

/** Which process a pid means. Numbers are given again: with its start time one names a single process of this boot. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between the start of the kernel and its own (proc_pid_stat(5), field 22). */
  readonly startTime: number;
}

export interface ProcessStatus extends ProcessIdentity {
  readonly group: number;
  readonly session: number;
  /** It has not ended: no zombie, which only waits for its parent to look. */
  readonly alive: boolean;
}

/** Undefined when there is no such process, or no /proc. */
export function processStatus(pid: number): ProcessStatus | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The second field, the name, may hold anything: the last `)` ends it. What follows begins with field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', , group, session] = fields;
  const startTime = Number(fields[22 - 3]);
  if (!Number.isSafeInteger(startTime)) return undefined;
  return { pid, startTime, group: Number(group), session: Number(session), alive: !'ZX'.includes(state) };
}

/** Every process that can be seen. */
export function allProcesses(): ProcessStatus[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d+$/.test(name))
    .map((name) => processStatus(Number(name)))
    .filter((status) => status !== undefined);
}

/** Whether it was started with this variable. False too where its environment is closed to us: another user's. */
export function wasStartedWith(pid: number, name: string, value: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${name}=${value}`);
  } catch {
    return false;
  }
}
