import { readdirSync, readFileSync } from 'node:fs';
import * as v from 'valibot';
import { type BuiltIn, defineBuiltIn } from '../../../src/handlers/built-ins/built-in.ts';

/** A document and what is to be said of it: with problems it is invalid, without it is valid. */
export interface CorpusDocument {
  readonly title: string;
  readonly document: unknown;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /** What it means, as far as the test is about it, with built-ins by their action; `exactly`: all of it. */
  readonly means?: object | undefined;
  readonly exactly: boolean;
}

const Corpus = v.array(
  v.strictObject({
    title: v.string(),
    document: v.unknown(),
    problems: v.optional(v.array(v.string()), []),
    warnings: v.optional(v.array(v.string()), []),
    means: v.optional(v.looseObject({})),
    exactly: v.optional(v.boolean(), false),
  }),
);

/** Every *.json beside this file. */
export function corpus(): CorpusDocument[] {
  const names = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.json'));
  return names.flatMap((name) =>
    v.parse(Corpus, JSON.parse(readFileSync(`${import.meta.dirname}/${name}`, 'utf8'))).map((one) => ({
      ...one,
      title: `${name}: ${one.title}`,
    })),
  );
}

/** Two built-ins of a test's own: one with every kind of input, one with none. */
export function testBuiltIns(): readonly BuiltIn[] {
  const tag = v.string('expected a string');
  const tags = v.pipe(
    v.string(),
    v.transform((text) => text.split(' ')),
  );
  const fetchFile = defineBuiltIn({
    action: 'fetchFile',
    script: 'fetch-file.sh',
    input: v.object({
      url: v.pipe(
        v.string('expected a string'),
        v.check((url) => /^https?:/.test(url), 'ftp: is not a protocol that this device can use'),
      ),
      // Without a message of its own.
      path: v.string(),
      tags: v.optional(v.union([v.array(tag), tags], 'expected tags')),
      mode: v.optional(v.pipe(v.string(), v.regex(/^[0-7]{3}$/, 'expected three octal digits'))),
    }),
    fromArguments: ([url, path]) => ({ url, path }),
    run: async () => ({ outcome: 'succeeded', details: {} }),
  });
  const beep = defineBuiltIn({
    action: 'beep',
    script: 'beep.sh',
    input: v.object({}),
    fromArguments: () => ({}),
    run: async () => ({ outcome: 'succeeded', details: {} }),
  });
  return [fetchFile, beep];
}
