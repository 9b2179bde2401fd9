import { realpath } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorMessage } from '../errors.ts';
import { mayUse, READ_AND_EXECUTE } from '../system/file-access.ts';
import type { Log } from '../system/log.ts';
import { locateProgram } from '../system/program-file.ts';
import type { User } from '../system/users.ts';

/** In the package, from the source as from what is built of it. */
const OWN_SUDO = fileURLToPath(new URL('../../config/run-as-user/sudo', import.meta.url));

/**
 * The PATH of a step with runAsUser: first our own sudo, which runs a command as it is where the user that is asked for
 * is the one who asks. Handlers written for AWS IoT Device Client, which runs them as itself, ask for that. It is left
 * out on a host without a sudo, as those handlers look whether there is one; and where the user cannot reach it.
 * @param user who the step runs as, where that is not the agent's own user.
 */
export async function withOwnSudo(
  searchPath: string,
  user: User | undefined,
  log: Log,
  ownSudo = OWN_SUDO,
): Promise<string> {
  if (locateProgram('sudo', searchPath, '/').kind !== 'found') return searchPath;
  try {
    const file = await realpath(ownSudo);
    const closed = user !== undefined && !mayUse(file, user, READ_AND_EXECUTE);
    // Who could alter it could alter the agent's own code, beside which it lies.
    if (!closed) return `${dirname(file)}${delimiter}${searchPath}`;
    const why = `it is closed to user "${user.name}" (chmod o+rx)`;
    log.warn({ file, why }, 'our own sudo is left out of the PATH: a handler that becomes its user by itself may not');
  } catch (error) {
    log.warn({ file: ownSudo, why: errorMessage(error) }, 'our own sudo is left out of the PATH');
  }
  return searchPath;
}
