import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import type { BuiltIn } from '../../../src/handlers/built-ins/built-in.ts';
import type { BuiltInContext, StepResult } from '../../../src/handlers/step.ts';
import type { StatusDetails } from '../../../src/jobs/model.ts';
import { ProcessRunner } from '../../../src/system/child-process.ts';
import { silentLog } from '../../support/silent-log.ts';

/**
 * A directory of stand-ins for a host's tools, and the context in which built-ins run them as real processes: nothing
 * else is on their PATH, so a tool that was not put there is missing.
 */
export class BuiltInLab {
  readonly directory: string;
  readonly progress: StatusDetails[] = [];
  readonly saved: unknown[] = [];
  /** Beside the environment that a job's programs get. */
  environment: Record<string, string> = {};
  readonly #processes = new ProcessRunner();

  static async create(): Promise<BuiltInLab> {
    const lab = new BuiltInLab(await mkdtemp(join(tmpdir(), 'built-ins-')));
    await mkdir(lab.bin);
    return lab;
  }

  constructor(directory: string) {
    this.directory = directory;
  }

  get bin(): string {
    return join(this.directory, 'bin');
  }

  async remove(): Promise<void> {
    this.#processes.killAll();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** An executable of that name; it notes its words, then runs the lines of shell. `$LAB` is the lab's directory. */
  async tool(name: string, body = 'exit 0', mode = 0o755): Promise<void> {
    const file = join(this.bin, name);
    const lines = ['#!/bin/sh', `LAB=${this.directory}`, `printf '%s\\n' "${name} $*" >> $LAB/calls`, body];
    await writeFile(file, `${lines.join('\n')}\n`);
    await chmod(file, mode);
  }

  /** The words of every stand-in that ran, in order, but for the questions whether it is there at all. */
  async calls(): Promise<string[]> {
    const text = await readFile(join(this.directory, 'calls'), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '' && !line.endsWith(' --version'));
  }

  context(overrides: Partial<BuiltInContext> = {}): BuiltInContext {
    const job = { thingName: 'thing', jobId: 'job', executionNumber: 1, document: {} };
    const signal = overrides.signal ?? new AbortController().signal;
    return {
      job,
      stepIndex: 0,
      attempt: 1,
      signal,
      log: silentLog,
      output: { write: () => undefined },
      scratchDirectory: this.directory,
      lastProgress: undefined,
      rebooted: false,
      saveProgress: (value) => this.saved.push(value),
      reportProgress: (details) => this.progress.push(details),
      refreshDocument: async () => job.document,
      refreshInput: async () => ({}),
      runAsUser: undefined,
      runProgram: ([file = '', ...args], options = {}) =>
        this.#processes.run({
          file,
          args,
          env: { PATH: this.bin, ...options.environment, ...this.environment },
          cwd: '/',
          signal,
        }),
      ...overrides,
    };
  }

  /** What the script of that name would do with these arguments. */
  async run(builtIn: BuiltIn, args: readonly string[], overrides: Partial<BuiltInContext> = {}): Promise<StepResult> {
    return builtIn.run(v.parse(builtIn.input, builtIn.fromArguments(args)), this.context(overrides));
  }
}

/** The one of that action. */
export function builtInNamed(builtIns: readonly BuiltIn[], action: string): BuiltIn {
  const found = builtIns.find((builtIn) => builtIn.action === action);
  if (found === undefined) throw new Error(`no built-in is called ${action}`);
  return found;
}
