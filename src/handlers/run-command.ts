import type { ProcessRunner } from '../system/child-process.ts';
import { childEnvironment } from './child-environment.ts';
import type { Job } from './contract.ts';
import { type ProgramResult, programResult } from './program-result.ts';

/** What a built-in needs to run a program for one step. */
export interface ProgramContext {
  readonly job: Job;
  /** Zero-based. */
  readonly stepIndex: number;
  readonly signal: AbortSignal;
  readonly processes: ProcessRunner;
  readonly workingDirectory: string;
}

/** `runCommand`: the words are the program's arguments as they are; no shell reads them. */
export async function runCommand(words: readonly string[], context: ProgramContext): Promise<ProgramResult> {
  const [file = '', ...args] = words;
  const end = await context.processes.run({
    file,
    args,
    env: childEnvironment(process.env, context.job, context.stepIndex),
    cwd: context.workingDirectory,
    signal: context.signal,
  });
  return programResult(end);
}
