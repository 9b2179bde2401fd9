import type { DocumentStep, JobDocument } from './job-document.ts';

type Uses = (document: JobDocument, step: DocumentStep) => boolean;

/**
 * What a policy can deny by name, and which steps use it. A feature has the name of its key or of its action's type;
 * `builtIn` is every action of our own, `operation` the form without a version. What says no more than the default
 * says is not used.
 */
const FEATURES: ReadonlyMap<string, Uses> = new Map<string, Uses>(
  Object.entries<Uses>({
    runHandler: (_, { work }) => work.type === 'runHandler',
    runCommand: (_, { work }) => work.type === 'runCommand',
    builtIn: (_, { work }) => work.type === 'builtIn',
    operation: (_, { path }) => path === 'operation',
    conditions: ({ conditions }) => conditions.length > 0,
    finalStep: (_, { path }) => path.startsWith('finalStep'),
    cleanup: (_, { path }) => path.startsWith('cleanup'),
    runAsUser: (_, { runAsUser }) => runAsUser !== undefined,
    allowStdErr: (_, { allowStdErr }) => allowStdErr !== undefined,
    ignoreStepFailure: (_, { ignoreStepFailure }) => ignoreStepFailure,
    includeStdOut: (_, { includeStdOut }) => includeStdOut,
    timeoutSeconds: (document, step) => document.timeoutSeconds !== undefined || step.timeoutSeconds !== undefined,
    retry: (_, { retry }) => retry !== undefined,
    environment: (_, { environment }) => Object.keys(environment).length > 0,
    workingDirectory: (_, { workingDirectory }) => workingDirectory !== undefined,
    onInterrupted: (_, { onInterrupted }) => onInterrupted !== 'retry',
    pointOfNoReturn: (_, { pointOfNoReturn }) => pointOfNoReturn,
  }),
);

export const DOCUMENT_FEATURES: readonly string[] = [...FEATURES.keys()];

/** The first step that uses the feature: where to look. Undefined: none does, or there is no such feature. */
export function firstUse(feature: string, document: JobDocument): DocumentStep | undefined {
  const uses = FEATURES.get(feature);
  return uses && [...document.steps, ...document.cleanup].find((step) => uses(document, step));
}
