import * as v from 'valibot';
import type { BuiltIn } from '../handlers/built-ins/built-in.ts';
import {
  type ActionSchema,
  actionSchemas,
  allowStdErr,
  HANDLER,
  handlerEntries,
  isPathOf,
  LONGEST_SECONDS,
  NO_PATH_BESIDE,
  OBJECT,
} from './action-schema.ts';
import { flag, handlerName, oneOf, text, whole } from './document-fields.ts';

// The shape of job documents, in one source: the parser reads with it, and config/job-document.schema.json is made
// from it. What is not ours means what it means to AWS IoT Device Client.

const STEPS = 'expected an array of steps';

/** AWS's schema 1.0, with `cleanup` and `timeoutSeconds` of ours. */
export function versionedSchema(action: ActionSchema) {
  const step = v.object({ action }, OBJECT);
  const entries = {
    $schema: schemaKey(),
    version: v.pipe(v.literal('1.0', 'expected "1.0"'), v.description('The version of AWS’s schema.')),
    includeStdOut: v.optional(flag('The end of stdout goes into the status details, for all steps.'), false),
    conditions: v.optional(
      v.pipe(v.array(condition(), 'expected an array of conditions'), v.description('All must hold on the device.')),
      [],
    ),
    steps: v.pipe(
      v.array(step, STEPS),
      v.nonEmpty('expected at least one step'),
      v.description('Run in order, up to the first that fails.'),
    ),
    finalStep: v.optional(v.pipe(step, v.description('Run when all steps have succeeded.'))),
    cleanup: v.optional(
      v.pipe(v.array(step, STEPS), v.description('Run at the end whatever became of the steps.')),
      [],
    ),
    timeoutSeconds: v.optional(whole('Seconds for all steps together; absent: no limit.', 1, LONGEST_SECONDS)),
  };
  return v.object(entries, OBJECT);
}

function condition() {
  const values = v.pipe(
    v.array(v.string('expected a string'), 'expected an array of strings'),
    v.nonEmpty('expected at least one string'),
    v.description('Any of these fits.'),
  );
  const entries = {
    key: text('The name of an attribute of the device.'),
    value: values,
    type: v.optional(oneOf('How they are compared.', ['stringEqual']), 'stringEqual'),
  };
  return v.object(entries, OBJECT);
}

/** The form from before there was a `version`: one handler. */
export function legacySchema() {
  const entries = {
    $schema: schemaKey(),
    version: v.optional(v.never('expected no version')),
    operation: handlerName(HANDLER),
    ...handlerEntries(),
    allowStdErr: v.optional(allowStdErr()),
    includeStdOut: v.optional(flag('The end of stdout goes into the status details.'), false),
  };
  return v.pipe(
    v.object(entries, OBJECT),
    v.forward(
      v.partialCheck([['operation'], ['path']], ({ operation, path }) => isPathOf(operation, path), NO_PATH_BESIDE),
      ['path'],
    ),
  );
}

function schemaKey() {
  return v.optional(v.pipe(v.unknown(), v.description('Where an editor finds this schema.')));
}

/** Both forms at once, for the published JSON Schema, and what all its steps have. */
export function publishedSchema(builtIns: readonly BuiltIn[]): {
  readonly document: v.GenericSchema;
  readonly action: v.GenericSchema;
} {
  const action = v.union([...actionSchemas(builtIns).values()]);
  return { document: v.union([versionedSchema(action), legacySchema()]), action };
}
