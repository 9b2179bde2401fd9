import { errorCode } from '../errors.ts';
import { allProcesses } from './process-identity.ts';

/** kill(2) of a whole process group. */
export function killGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    // ESRCH: the group has ended. EPERM: all of it belongs to another user; the caller's deadline ends the wait.
    const code = errorCode(error);
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/** Whether anything in the group has not ended yet. As long as there is, its number is given to nobody else. */
export function groupHasMembers(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch (error) {
    // EPERM: there are some, and all belong to other users.
    if (errorCode(error) === 'ESRCH') return false;
  }
  // kill(2) counts zombies too, and in a container whose first process reaps nobody they stay for ever.
  const seen = allProcesses().filter((one) => one.group === group);
  return seen.length === 0 || seen.some(({ alive }) => alive);
}
