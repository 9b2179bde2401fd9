import { childEnvironment } from './child-environment.ts';
import { type HandlerReference, locateHandler } from './locate-handler.ts';
import { type ProgramResult, programFailure, programResult } from './program-result.ts';
import type { ProgramContext } from './run-command.ts';

/**
 * `runHandler`: an executable file found by name. Its first argument is the user to run as, here always empty, as
 * AWS IoT Device Client passes it; handlers written for that agent run unchanged.
 */
export async function runHandler(
  reference: HandlerReference & { readonly args: readonly string[] },
  handlersDirectory: string | undefined,
  context: ProgramContext,
): Promise<ProgramResult> {
  const env = childEnvironment(process.env, context.job, context.stepIndex);
  const located = await locateHandler(reference, handlersDirectory, env['PATH'] ?? '');
  if (located.kind === 'fault') return programFailure(located.reason);
  const end = await context.processes.run({
    file: located.file,
    args: ['', ...reference.args],
    env,
    cwd: context.workingDirectory,
    signal: context.signal,
  });
  return programResult(end);
}
