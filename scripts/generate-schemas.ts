import { writeFileSync } from 'node:fs';
import { plainBuiltIns } from '../src/agent/device.ts';
import { agentJsonSchema, documentJsonSchema } from './json-schemas.ts';

// Writes the published JSON Schemas. A test holds that the committed files are what this writes.

const write = (name: string, schema: object): void =>
  writeFileSync(new URL(`../config/${name}`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);

write('agent.schema.json', agentJsonSchema());
write('job-document.schema.json', documentJsonSchema(plainBuiltIns()).schema);
