import * as v from 'valibot';
import type { BuiltIn } from '../handlers/built-ins/built-in.ts';
import { type Action, actionByType, actionSchemas } from './action-schema.ts';
import { type Problem, problemsOf } from './document-problems.ts';
import { legacySchema, versionedSchema } from './document-schema.ts';
import { shape } from './document-shape.ts';
import type { DocumentStep, JobDocument } from './job-document.ts';

export type ParsedDocument =
  | { readonly kind: 'parsed'; readonly document: JobDocument; readonly warnings: readonly Problem[] }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] };

export type DocumentParser = (document: unknown) => ParsedDocument;

/** True when the document speaks AWS's schema, rightly or wrongly: it has one of its three marks. */
export function isAwsDocument(document: unknown): boolean {
  return isRecord(document) && ['version', 'steps', 'operation'].some((key) => Object.hasOwn(document, key));
}

/** Parses one document; whoever parses many makes a parser. */
export function parseJobDocument(document: unknown, builtIns: readonly BuiltIn[]): ParsedDocument {
  return createDocumentParser(builtIns)(document);
}

/**
 * A parser of job documents in every form: what the document means, or every problem that it has, each with its path,
 * what was expected and what was there. Unknown keys are warnings. It never throws for what a document contains.
 */
export function createDocumentParser(builtIns: readonly BuiltIn[]): DocumentParser {
  let schemas: Schemas | undefined;
  return (document) => {
    // With the first document: the agent's start does not pay for it.
    schemas ??= createSchemas(builtIns);
    const { versioned, legacy } = schemas;
    if (!isLegacy(document)) return read(versioned, document, versionedDocument);
    return outOfPlace(read(legacy, document, legacyDocument), Object.keys(versioned.entries));
  };
}

type Schemas = ReturnType<typeof createSchemas>;

function createSchemas(builtIns: readonly BuiltIn[]) {
  return { versioned: versionedSchema(actionByType(actionSchemas(builtIns))), legacy: legacySchema() };
}

/** As AWS IoT Device Client decides: by the absence of a version. Without either it is the newer form that is wrong. */
function isLegacy(document: unknown): boolean {
  if (!isRecord(document)) return false;
  const version = Object.hasOwn(document, 'version') ? document['version'] : undefined;
  return (version === undefined || version === null || version === '') && Object.hasOwn(document, 'operation');
}

function read<Schema extends v.GenericSchema>(
  schema: Schema,
  document: unknown,
  meaning: (output: v.InferOutput<Schema>) => JobDocument,
): ParsedDocument {
  const { value, problems, warnings } = shape(schema, document);
  const parsed = v.safeParse(schema, value);
  if (parsed.success && problems.length === 0) {
    return { kind: 'parsed', document: meaning(parsed.output), warnings };
  }
  const wrong = new Set(problems.map(({ path }) => path));
  return { kind: 'invalid', problems: [...problems, ...problemsOf(parsed.issues ?? [], schema, wrong)], warnings };
}

/** A key that only the newer form has is not unknown, it is out of place. */
function outOfPlace(parsed: ParsedDocument, newer: readonly string[]): ParsedDocument {
  const warnings = parsed.warnings.map((warning) =>
    newer.includes(warning.path) ? { ...warning, message: 'not read in a document without a version' } : warning,
  );
  return { ...parsed, warnings };
}

function versionedDocument(output: v.InferOutput<ReturnType<typeof versionedSchema>>): JobDocument {
  const { conditions, steps, finalStep, cleanup, includeStdOut, timeoutSeconds } = output;
  const step = ({ action }: { readonly action: Action }, place: string): DocumentStep => ({
    ...action,
    path: `${place}.action`,
    includeStdOut: action.includeStdOut ?? includeStdOut,
  });
  const all = steps.map((one, index) => step(one, `steps[${index}]`));
  if (finalStep) all.push(step(finalStep, 'finalStep'));
  return {
    conditions: conditions.map(({ key, value, type }) => ({ key, values: value, type })),
    steps: all,
    cleanup: cleanup.map((one, index) => step(one, `cleanup[${index}]`)),
    timeoutSeconds,
  };
}

function legacyDocument(output: v.InferOutput<ReturnType<typeof legacySchema>>): JobDocument {
  const { operation, args, path, allowStdErr, includeStdOut } = output;
  const step: DocumentStep = {
    path: 'operation',
    name: operation,
    work: { type: 'runHandler', handler: operation, args, path },
    allowStdErr,
    ignoreStepFailure: false,
    includeStdOut,
    environment: {},
    onInterrupted: 'retry',
    pointOfNoReturn: false,
  };
  return { conditions: [], steps: [step], cleanup: [] };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
