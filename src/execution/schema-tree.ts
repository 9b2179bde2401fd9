import * as v from 'valibot';

// Valibot's schemas as the tree that they are: what reads a document twice, for its keys and for its values, has to
// know which schema stands where.

/** A schema of an object's keys. */
export interface ObjectNode {
  readonly type: string;
  readonly entries: Readonly<Record<string, unknown>>;
}

export function isSchema(value: unknown): value is v.GenericSchema {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'schema';
}

/** The schema that reads the value in truth: behind optional ones, and chosen by the lazy ones. */
export function resolved(schema: v.GenericSchema, value: unknown): v.GenericSchema {
  let at = schema;
  for (;;) {
    const inner = isLazy(at) ? at.getter(value) : 'wrapped' in at ? at.wrapped : undefined;
    if (!isSchema(inner)) return at;
    at = inner;
  }
}

function isLazy(schema: v.GenericSchema): schema is v.GenericSchema & { getter(input: unknown): unknown } {
  return schema.type === 'lazy' && 'getter' in schema && typeof schema.getter === 'function';
}

export function isObjectNode(schema: v.GenericSchema): schema is v.GenericSchema & ObjectNode {
  return 'entries' in schema && typeof schema.entries === 'object' && schema.entries !== null;
}

export function isRecordNode(schema: v.GenericSchema): boolean {
  return schema.type === 'record';
}

export function itemSchema(schema: v.GenericSchema): v.GenericSchema | undefined {
  return schema.type === 'array' && 'item' in schema && isSchema(schema.item) ? schema.item : undefined;
}

/** The schema of an object's key, if it has one: `__proto__` and its like are names that none has. */
export function entrySchema(node: object, key: string): v.GenericSchema | undefined {
  if (!('entries' in node) || typeof node.entries !== 'object' || node.entries === null) return undefined;
  const entry: unknown = Object.getOwnPropertyDescriptor(node.entries, key)?.value;
  return isSchema(entry) ? entry : undefined;
}

/** What a schema says that it expects, of a value that is not there. */
export function expectationOf(schema: v.GenericSchema): string | undefined {
  const issue = v.safeParse(schema, undefined).issues?.[0];
  return issue && messageOf(issue);
}

/** A schema without messages of its own has Valibot's, which say what was received in their own way. */
export function messageOf({ message, expected }: v.BaseIssue<unknown>): string {
  return /^Invalid [\w ]+: Expected /.test(message) && expected !== null ? `expected ${expected}` : message;
}
