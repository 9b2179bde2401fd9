import { type ConversionConfig, toJsonSchema } from '@valibot/to-json-schema';
import { configSchema } from '../src/config/schema.ts';
import { publishedSchema } from '../src/execution/document-schema.ts';
import type { BuiltIn } from '../src/handlers/built-ins/built-in.ts';

/** What editors check a configuration against. */
export function agentJsonSchema(): object {
  return { title: 'thing-agent configuration', ...toJsonSchema(configSchema, { typeMode: 'input' }) };
}

/** A JSON Schema, and what the Valibot schema that it is made from checks beside: the messages of those checks. */
export interface DocumentJsonSchema {
  readonly schema: object;
  readonly unsaid: readonly string[];
}

/** What editors and other programs check a job document against, as far as JSON Schema can say it. */
export function documentJsonSchema(builtIns: readonly BuiltIn[]): DocumentJsonSchema {
  const unsaid: string[] = [];
  const { document, action } = publishedSchema(builtIns);
  const config: ConversionConfig = {
    typeMode: 'input',
    definitions: { action },
    overrideSchema: ({ valibotSchema, jsonSchema }) =>
      valibotSchema.type === 'optional' ? orAbsent(jsonSchema) : undefined,
    overrideAction: ({ valibotAction: { type, ...rest }, jsonSchema }) => {
      if (type !== 'check' && type !== 'partial_check' && type !== 'raw_check') return undefined;
      unsaid.push('message' in rest && typeof rest.message === 'string' ? rest.message : type);
      return jsonSchema;
    },
  };
  const schema = {
    title: 'Job document of thing-agent',
    description:
      'A job document that AWS IoT Jobs delivers, in AWS’s schema 1.0 with the additions of thing-agent, or in the older form without a version. docs/job-documents.md says what it means.',
    ...toJsonSchema(document, config),
  };
  return { schema, unsaid: [...new Set(unsaid)] };
}

/** An optional key is absent when it is empty or null (document-shape.ts). */
function orAbsent({ description, default: byDefault, ...inner }: ReturnType<typeof toJsonSchema>) {
  const annotations = {
    ...(description === undefined ? {} : { description }),
    ...(byDefault === undefined ? {} : { default: byDefault }),
  };
  // Without a type of its own it takes anything already, these two included.
  if (Object.keys(inner).length === 0) return annotations;
  const alternatives = Object.keys(inner).length === 1 && inner.anyOf ? inner.anyOf : [inner];
  return { ...annotations, anyOf: [...alternatives, { enum: ['', null] }] };
}
