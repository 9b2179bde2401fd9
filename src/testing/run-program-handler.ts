import { resolve } from 'node:path';
import { isForbiddenVariable } from '../handlers/forbidden-variables.ts';
import { runHandlerFile } from '../handlers/program.ts';
import { ProcessRunner } from '../system/child-process.ts';
import { type HandlerRun, type JobOptions, record } from './recording.ts';

export interface RunProgramHandlerOptions extends JobOptions {
  /** The `args` of the document; the program gets them after the user. */
  readonly args?: readonly string[];
  /** What the program is told as the user that it runs as, its first argument; it runs as the test's own user. */
  readonly user?: string;
  /** The step's `environment`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Default `/`, as on the device. */
  readonly workingDirectory?: string;
}

/**
 * Runs a program as the agent runs a handler: the same arguments, environment and descriptors, and the same meaning of
 * its exit code. Where it is, and its mode and owner, are not looked at; it must be executable.
 * @param file a relative path starts at the working directory of the test.
 * @throws TypeError for a variable that a document may not set.
 */
export async function runProgramHandler(file: string, options: RunProgramHandlerOptions = {}): Promise<HandlerRun> {
  const { args = [], user = '', environment = {}, workingDirectory } = options;
  const forbidden = Object.keys(environment).find(isForbiddenVariable);
  if (forbidden !== undefined) throw new TypeError(`environment: a step may not set ${forbidden}`);
  return record(null, options, (context) =>
    runHandlerFile(
      { file: resolve(file), name: resolve(file), args, user },
      { environment, workingDirectory, includeStdOut: false },
      context,
      { processes: new ProcessRunner(), allowedDirectories: [] },
    ),
  );
}
