import { writeFileSync } from 'node:fs';
import { toJsonSchema } from '@valibot/to-json-schema';
import { configSchema } from '../src/config/schema.ts';

// Writes config/agent.schema.json, which editors check a configuration against.

const schema = { title: 'thing-agent configuration', ...toJsonSchema(configSchema, { typeMode: 'input' }) };
writeFileSync(new URL('../config/agent.schema.json', import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
