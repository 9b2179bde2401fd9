import { chmod, chown, copyFile, mkdtemp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errorCode, errorMessage } from '../errors.ts';
import { EXECUTE, mayUse, READ_AND_EXECUTE } from '../system/file-access.ts';
import { locateProgram, type ProgramFault } from '../system/program-file.ts';
import { removeScratchDirectory, scratchParentOf } from '../system/scratch-directory.ts';
import type { User } from '../system/users.ts';

export interface HandlerCopy {
  readonly file: string;
  remove(): Promise<void>;
}

/**
 * A copy where the agent is root and the user may not execute the handler where it is, which is a real path and safe;
 * undefined where none is needed.
 */
export async function copyIfClosed(
  file: string,
  user: User,
  scratchDirectory: string,
): Promise<HandlerCopy | ProgramFault | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  const located = locateProgram(file, '', '/');
  if (located.kind === 'fault' || mayUse(file, user, located.isScript ? READ_AND_EXECUTE : EXECUTE)) return undefined;
  try {
    return await copyOf(file, user, scratchDirectory);
  } catch (error) {
    const closed = `not permitted: user "${user.name}" may not execute ${file} (chmod 755)`;
    return { code: errorCode(error) ?? 'EIO', message: `${closed}, and it cannot be copied: ${errorMessage(error)}` };
  }
}

/**
 * A copy of a handler that this user may read and execute: AWS IoT Device Client takes none
 * but files of mode 700 in its handler directory, and runs them as itself. It lies in a directory that is open to that
 * user alone, beside the scratch directories: what a crash leaves there, the next start removes. Rejects with the
 * system's error.
 */
async function copyOf(file: string, user: User, scratchDirectory: string): Promise<HandlerCopy> {
  // A dot is in no job's id, so it is no job's scratch directory.
  const directory = await mkdtemp(join(scratchParentOf(scratchDirectory), '.handler-'));
  const remove = () => removeScratchDirectory(directory);
  try {
    const copy = join(directory, basename(file));
    await copyFile(file, copy);
    await chmod(copy, 0o755);
    // Given away last: nobody else has had a hand in it until then.
    await chmod(directory, 0o500);
    await chown(directory, user.uid, user.gid);
    return { file: copy, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
