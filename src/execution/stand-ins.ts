import * as v from 'valibot';
import type { BuiltIn } from '../handlers/built-ins/built-in.ts';
import { handlerFileInDirectory } from '../handlers/locate-handler.ts';
import { type Problem, problemsOf } from './document-problems.ts';
import type { DocumentStep, JobDocument } from './job-document.ts';

export type Completed =
  | { readonly kind: 'completed'; readonly document: JobDocument }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/**
 * AWS's managed templates name scripts (`install-packages.sh`) that a fresh device does not have. Where the handler
 * directory has no file of that name, and the document names no other directory, the built-in stands in for it: before
 * PATH is searched. Its arguments are then checked as its typed input is.
 */
export async function withStandIns(
  document: JobDocument,
  builtIns: readonly BuiltIn[],
  handlersDirectory: string | undefined,
): Promise<Completed> {
  const problems: Problem[] = [];
  const complete = async (step: DocumentStep): Promise<DocumentStep> => {
    const builtIn = await standIn(step, builtIns, handlersDirectory);
    if (!builtIn || step.work.type !== 'runHandler') return step;
    const input = v.safeParse(builtIn.input, builtIn.fromArguments(step.work.args));
    if (input.success) return { ...step, work: { type: 'builtIn', builtIn, input: input.output } };
    for (const { path, message } of problemsOf(input.issues, builtIn.input, new Set())) {
      problems.push({ path: argumentsOf(step), message: `${builtIn.script}: ${path}: ${message}` });
    }
    return step;
  };
  const steps = await Promise.all(document.steps.map(complete));
  const cleanup = await Promise.all(document.cleanup.map(complete));
  if (problems.length > 0) return { kind: 'invalid', problems };
  return { kind: 'completed', document: { ...document, steps, cleanup } };
}

/** Where a handler's arguments stand: the form without a version has them at its top. */
function argumentsOf({ path }: DocumentStep): string {
  return path === 'operation' ? 'args' : `${path}.input.args`;
}

async function standIn(
  { work }: DocumentStep,
  builtIns: readonly BuiltIn[],
  handlersDirectory: string | undefined,
): Promise<BuiltIn | undefined> {
  if (work.type !== 'runHandler' || (work.path !== undefined && work.path !== 'default')) return undefined;
  const builtIn = builtIns.find(({ script }) => script === work.handler);
  if (!builtIn || (await handlerFileInDirectory(work.handler, handlersDirectory))) return undefined;
  return builtIn;
}
