import { statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { errorCode, errorMessage } from '../errors.ts';
import type { ProcessEnd, ProcessRunner } from '../system/child-process.ts';
import { LineLimit } from '../system/line-limit.ts';
import { PROCESS_VARIABLE } from '../system/process-ledger.ts';
import { locateProgram, type ProgramFault } from '../system/program-file.ts';
import { giveScratchDirectory } from '../system/scratch-directory.ts';
import { childEnvironment, searchPath } from './child-environment.ts';
import { copyIfClosed } from './handler-copy.ts';
import { type HandlerReference, locateHandler } from './locate-handler.ts';
import { withOwnSudo } from './own-sudo.ts';
import { programFailure, programResult } from './program-result.ts';
import { ProgressLines } from './progress-lines.ts';
import { type RunAsOptions, runAs, switchFault, type UserSwitch } from './run-as-user.ts';
import type { StepContext, StepResult } from './step.ts';

/** What the device gives to all programs of jobs. */
export interface ProgramSettings {
  readonly processes: ProcessRunner;
  readonly handlersDirectory?: string | undefined;
  readonly allowedDirectories: readonly string[];
  /** Where programs start; `/` when absent. */
  readonly workingDirectory?: string | undefined;
  readonly runAs?: RunAsOptions;
}

/** What one step asks for. */
export interface ProgramOptions {
  /** Absent: the agent's own. */
  readonly user?: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** An absolute path; absent: the device's setting. */
  readonly workingDirectory?: string | undefined;
  /** More lines than this on stderr fail the step; absent: no limit. */
  readonly allowStdErr?: number | undefined;
  readonly includeStdOut: boolean;
}

/** stdin, stdout and stderr come before it. */
const PROGRESS_FD = 3;

interface Program {
  /** A bare name is looked up in the agent's PATH. */
  readonly file: string;
  /** What it is told as its own name. */
  readonly name?: string;
  readonly args: readonly string[];
  /** Its file has been found safe, and some exit codes are words of its own. */
  readonly isHandler?: boolean;
}

/** `runCommand`: the words are the program's arguments as they are; no shell reads them. */
export async function runCommand(
  words: readonly string[],
  options: ProgramOptions,
  context: StepContext,
  settings: ProgramSettings,
): Promise<StepResult> {
  const [file = '', ...args] = words;
  // As execvp(3): a program of many names (busybox) looks at the one it is called by.
  return runStep({ file, name: file, args }, options, context, settings);
}

/**
 * `runHandler`: an executable file found by name. Its first argument is the user that it runs as, or empty, as AWS IoT
 * Device Client passes it; handlers written for that agent run unchanged.
 */
export async function runHandler(
  reference: HandlerReference & { readonly args: readonly string[] },
  options: ProgramOptions,
  context: StepContext,
  settings: ProgramSettings,
): Promise<StepResult> {
  const located = await locateHandler(reference, { ...settings, searchPath: searchPath(process.env) });
  if (located.kind === 'fault') return programFailure(located.reason);
  return runHandlerFile({ ...located, args: reference.args }, options, context, settings);
}

/** A handler that has been found. `user`: what it is told, which is whom it runs as unless something else is said. */
export async function runHandlerFile(
  handler: { readonly file: string; readonly name: string; readonly args: readonly string[]; readonly user?: string },
  options: ProgramOptions,
  context: StepContext,
  settings: ProgramSettings,
): Promise<StepResult> {
  const { file, name, user = options.user ?? '' } = handler;
  const program = { file, name, args: [user, ...handler.args], isHandler: true };
  return runStep(program, options, context, settings);
}

/** For a built-in: a program of its own within its step. Never rejects for what the program is or does. */
export async function runProgram(
  words: readonly string[],
  options: ProgramOptions,
  context: StepContext,
  settings: ProgramSettings,
  /** Of stderr. */
  lines?: LineLimit,
): Promise<ProcessEnd> {
  const [file = '', ...args] = words;
  return run({ file, args }, options, context, settings, { lines });
}

async function runStep(
  program: Program,
  options: ProgramOptions,
  context: StepContext,
  settings: ProgramSettings,
): Promise<StepResult> {
  const { allowStdErr, includeStdOut } = options;
  const progress = new ProgressLines((details) => context.reportProgress(details), context.log);
  const lines = allowStdErr === undefined ? undefined : new LineLimit(allowStdErr);
  const end = await run(program, options, context, settings, { progress, lines });
  progress.end();
  const exceededStdErr = lines?.isExceeded === true ? allowStdErr : undefined;
  return programResult(end, { includeStdOut, exceededStdErr, isHandler: program.isHandler === true });
}

interface Listeners {
  readonly progress?: ProgressLines | undefined;
  /** Of stderr. */
  readonly lines?: LineLimit | undefined;
}

async function run(
  program: Program,
  options: ProgramOptions,
  context: StepContext,
  settings: ProgramSettings,
  { progress, lines }: Listeners,
): Promise<ProcessEnd> {
  const cwd = options.workingDirectory ?? settings.workingDirectory ?? '/';
  const fault = directoryFault(cwd);
  if (fault !== undefined) return notStarted(fault);
  const as = await runAs(options.user, settings.runAs);
  if (as.kind === 'fault') return notStarted(as.fault);
  const userSwitch = as.kind === 'switch' ? as.userSwitch : undefined;
  if (userSwitch !== undefined) giveScratch(userSwitch, context);
  const user = program.isHandler === true ? userSwitch?.user : undefined;
  const copy = user && (await copyIfClosed(program.file, user, context.scratchDirectory));
  if (copy !== undefined && 'code' in copy) return notStarted(copy);
  try {
    const its = copy === undefined ? program : { ...program, file: copy.file };
    return await runAsIs(its, options, context, settings, { cwd, userSwitch, progress, lines });
  } finally {
    await copy?.remove().catch((err: unknown) => context.log.warn({ err }, 'the copy of a handler is not removed'));
  }
}

interface Switched extends Listeners {
  readonly cwd: string;
  readonly userSwitch: UserSwitch | undefined;
}

async function runAsIs(
  program: Program,
  options: ProgramOptions,
  context: StepContext,
  settings: ProgramSettings,
  { cwd, userSwitch, progress, lines }: Switched,
): Promise<ProcessEnd> {
  // sudo closes it.
  const hasProgress = progress !== undefined && userSwitch?.tool !== 'sudo';
  const env = childEnvironment(process.env, context, {
    environment: options.environment,
    user: userSwitch?.user,
    progressFd: hasProgress ? PROGRESS_FD : undefined,
  });
  if (options.user !== undefined) {
    env['PATH'] = await withOwnSudo(searchPath(process.env), userSwitch?.user, context.log);
  }
  const switched = userSwitch === undefined ? undefined : throughSwitch(program, userSwitch, env, cwd);
  if (switched !== undefined && 'code' in switched) return notStarted(switched);
  const { file, name, args } = switched ?? program;
  const end = await settings.processes.run({
    file,
    ...(name === undefined ? {} : { argv0: name }),
    args,
    env,
    cwd,
    signal: context.signal,
    onOutput: (stream, chunk) => {
      if (stream === 'stderr') lines?.push(chunk);
      context.output.write(stream, chunk);
    },
    ...(hasProgress ? { onProgress: (chunk) => progress.push(chunk) } : {}),
    ...(userSwitch?.signalGroup === undefined ? {} : { signalGroup: userSwitch.signalGroup }),
  });
  const refused = userSwitch === undefined ? undefined : switchFault(userSwitch, end);
  return refused === undefined ? end : { ...end, exitCode: null, spawnError: refused };
}

/** The tool gets the file itself: it would look in a PATH of its own. */
function throughSwitch(
  { file, args }: Program,
  userSwitch: UserSwitch,
  env: Readonly<Record<string, string>>,
  cwd: string,
): Program | ProgramFault {
  const located = locateProgram(file, env['PATH'] ?? '', cwd);
  // What is closed to an agent that is not root may be open to the user: then sudo tells.
  const isClosedToUs = located.kind === 'fault' && located.fault.code === 'EACCES' && file.includes('/');
  if (located.kind === 'fault' && !(userSwitch.tool === 'sudo' && isClosedToUs)) return located.fault;
  const words = located.kind === 'found' ? [...located.through, located.file] : [resolve(cwd, file)];
  const [program = file, ...before] = words;
  // The runner adds it to the environment.
  const variables = [...Object.keys(env), PROCESS_VARIABLE];
  return { file: userSwitch.file, args: userSwitch.words(program, [...before, ...args], variables) };
}

/** spawn(2) tells of a directory that is not there as of a program that is not. */
function directoryFault(cwd: string): ProgramFault | undefined {
  if (!isAbsolute(cwd)) return { code: 'EINVAL', message: `not permitted: workingDirectory ${cwd} is not absolute` };
  try {
    if (statSync(cwd).isDirectory()) return undefined;
    return { code: 'ENOTDIR', message: `not found: workingDirectory ${cwd} is not a directory` };
  } catch (error) {
    const code = errorCode(error) ?? 'EIO';
    if (code === 'ENOENT' || code === 'ENOTDIR') return { code, message: `not found: workingDirectory ${cwd}` };
    return { code, message: `not permitted: workingDirectory ${cwd} cannot be examined: ${errorMessage(error)}` };
  }
}

/** Only root can give it away; without it the step can do all but use its scratch directory. */
function giveScratch({ user, tool }: UserSwitch, { scratchDirectory, log }: StepContext): void {
  if (tool === 'sudo' && process.geteuid?.() !== 0) return;
  try {
    giveScratchDirectory(scratchDirectory, user);
  } catch (error) {
    log.warn({ err: error, user: user.name }, 'the scratch directory could not be given to the user of the step');
  }
}

function notStarted(spawnError: ProgramFault): ProcessEnd {
  return {
    exitCode: null,
    signal: null,
    spawnError,
    interrupted: false,
    durationMs: 0,
    stdoutTail: '',
    stderrTail: '',
  };
}
