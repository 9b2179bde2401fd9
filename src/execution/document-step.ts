import { BuiltInPrograms } from '../handlers/built-in-programs.ts';
import type { BuiltIn } from '../handlers/built-ins/built-in.ts';
import { type ProgramOptions, type ProgramSettings, runCommand, runHandler } from '../handlers/program.ts';
import type { BuiltInContext, StepContext, StepResult } from '../handlers/step.ts';
import type { DocumentParser } from './document-parser.ts';
import { problemText } from './document-problems.ts';
import type { DocumentStep } from './job-document.ts';
import type { Step } from './plan.ts';

export interface StepTools {
  readonly programs: ProgramSettings;
  readonly builtIns: readonly BuiltIn[];
  readonly parse: DocumentParser;
}

/** A step of a document, ready to run. */
export function documentStep(step: DocumentStep, tools: StepTools): Step {
  return {
    name: step.name,
    ignoreFailure: step.ignoreStepFailure,
    timeoutSeconds: step.timeoutSeconds,
    retry: step.retry,
    onInterrupted: step.onInterrupted,
    pointOfNoReturn: step.pointOfNoReturn,
    run: (context) => run(step, tools, context),
  };
}

async function run(step: DocumentStep, tools: StepTools, context: StepContext): Promise<StepResult> {
  const { work } = step;
  const { programs } = tools;
  const options: ProgramOptions = {
    user: step.runAsUser,
    environment: step.environment,
    workingDirectory: step.workingDirectory,
    allowStdErr: step.allowStdErr,
    includeStdOut: step.includeStdOut,
  };
  if (work.type === 'runCommand') return runCommand(work.words, options, context, programs);
  if (work.type === 'runHandler') return runHandler(work, options, context, programs);
  const builtInPrograms = new BuiltInPrograms(options, context, programs);
  const builtInContext: BuiltInContext = {
    ...context,
    runAsUser: step.runAsUser,
    refreshInput: async () => inputIn(await context.refreshDocument(), step.path, work.builtIn, tools.parse),
    runProgram: (...program) => builtInPrograms.run(...program),
  };
  return builtInPrograms.judged(await work.builtIn.run(work.input, builtInContext));
}

/** A built-in's input as it stands in a document at that place. */
function inputIn(document: unknown, path: string, builtIn: BuiltIn, parse: DocumentParser): unknown {
  const parsed = parse(document);
  if (parsed.kind === 'invalid') {
    throw new Error(`the document that the service has now is invalid: ${parsed.problems.map(problemText).join('; ')}`);
  }
  const { steps, cleanup } = parsed.document;
  const work = [...steps, ...cleanup].find((step) => step.path === path)?.work;
  if (work?.type === 'builtIn') return work.input;
  if (work?.type === 'runHandler') return builtIn.fromArguments(work.args);
  throw new Error(`the document that the service has now has no such step at ${path}`);
}
