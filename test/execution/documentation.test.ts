import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { documentJsonSchema } from '../../scripts/json-schemas.ts';
import { deviceAttributes } from '../../src/execution/conditions.ts';
import { DOCUMENT_FEATURES } from '../../src/execution/document-features.ts';
import { createDocumentParser } from '../../src/execution/document-parser.ts';
import { FORBIDDEN_STARTS, FORBIDDEN_VARIABLES } from '../../src/handlers/forbidden-variables.ts';
import { readHostFacts } from '../../src/system/host-facts.ts';

const documentation = readFileSync('docs/job-documents.md', 'utf8');
const parse = createDocumentParser([]);

test('the documents in the documentation are valid, without a warning', () => {
  const blocks = [...documentation.matchAll(/```json\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  const documents = blocks.filter((block) => /"(version|operation)"/.test(block));
  expect(documents).toHaveLength(2);
  for (const block of documents) expect(parse(JSON.parse(block))).toMatchObject({ kind: 'parsed', warnings: [] });
});

test('the documentation has every fact and every feature', () => {
  const facts = { ...readHostFacts(), operatingSystemVersion: '1', thingName: 't', agentVersion: '0' };
  for (const name of deviceAttributes(facts).keys()) expect(documentation).toContain(`| \`${name}\` |`);
  const [, features = ''] = documentation.split('### Features');
  for (const feature of DOCUMENT_FEATURES) expect(features).toContain(`\`${feature}\``);
});

test('the documentation has every variable that a step may not set, and no other', () => {
  const section = /^### Variables that a step may not set$(.*?)^###? /ms.exec(documentation)?.[1] ?? '';
  const said = [...section.matchAll(/`([A-Z0-9_]+)`/g)].map(([, name]) => name);
  expect(said.sort()).toEqual([...FORBIDDEN_VARIABLES, ...FORBIDDEN_STARTS].sort());
});

test('the documentation has every key of the schema that is no built-in’s', () => {
  const keys = new Set<string>();
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, child] of Object.entries(value)) {
      if (name === 'properties' && typeof child === 'object') for (const key of Object.keys(child)) keys.add(key);
      collect(child);
    }
  };
  collect(documentJsonSchema([]).schema);
  expect(keys.size).toBeGreaterThan(25);
  for (const key of keys) expect(documentation).toContain(`${key}\``);
});
