import * as v from 'valibot';
import { NOT_FORBIDDEN } from '../handlers/forbidden-variables.ts';
import { commandWords, hasWhiteSpace, listWords } from './command-words.ts';

// The kinds of values in a job document. Booleans and numbers may be written as strings: AWS IoT Device Client wants
// some of them so. What `""` and null mean for an optional key stands in document-shape.ts.

const NON_EMPTY = 'expected a non-empty string';
const STRING = 'expected a string';
const LIST = 'expected an array of strings, or one string with spaces between';
const COMMAND = 'expected a string of words with commas between, or an array of strings';
const ONE_WORD = 'expected at least one word';

/** execve(2) ends a string at NUL. */
function withoutNul() {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the character is what this is about
  return v.regex<string, string>(/^[^\u0000]*$/, 'expected a string without NUL characters');
}

export function text(description: string) {
  return v.pipe(v.string(NON_EMPTY), v.nonEmpty(NON_EMPTY), withoutNul(), v.description(description));
}

/** An argument, or the value of an environment variable: it may be empty. */
function word() {
  return v.pipe(v.string(STRING), withoutNul());
}

export function flag(description: string) {
  const asText = v.pipe(
    v.picklist(['true', 'false']),
    v.transform((value) => value === 'true'),
  );
  return v.pipe(v.union([v.boolean(), asText], 'expected true or false'), v.description(description));
}

export function whole(description: string, from: number, to: number) {
  const message = `expected a whole number from ${from} to ${to}`;
  const asNumber = v.pipe(v.number(message), v.integer(message), v.minValue(from, message), v.maxValue(to, message));
  const asText = v.pipe(v.string(message), v.regex(/^\d{1,10}$/, message), v.transform(Number), asNumber);
  return v.pipe(v.union([asNumber, asText], message), v.description(description));
}

export function oneOf<const Options extends readonly string[]>(description: string, options: Options) {
  const message = `expected ${alternatives(options)}`;
  return v.pipe(v.picklist(options, message), v.description(description));
}

/** `"a", "b" or "c"` */
export function alternatives(options: readonly string[]): string {
  return options
    .map((option) => `"${option}"`)
    .join(', ')
    .replace(/, (?=[^,]*$)/, ' or ');
}

/** Arguments: as an array of what each is, or as one text that is split at white space. */
export function args(description: string) {
  const asText = v.pipe(v.string(), withoutNul(), v.transform(listWords));
  return v.pipe(v.union([v.array(word()), asText], LIST), v.description(description));
}

/** The words of a command: the AWS agent's text with commas, or an array whose words are taken exactly as they are. */
export function command(description: string) {
  const asText = v.pipe(
    v.string(NON_EMPTY),
    v.nonEmpty(NON_EMPTY),
    withoutNul(),
    v.rawTransform<string, string[]>(({ dataset, addIssue, NEVER }) => {
      const words = commandWords(dataset.value);
      const [file] = words;
      if (file !== undefined && !hasWhiteSpace(file)) return words;
      addIssue({ message: file === undefined ? ONE_WORD : 'expected a first word without white space' });
      return NEVER;
    }),
  );
  const asWords = v.pipe(
    v.array(word()),
    v.nonEmpty(ONE_WORD),
    v.check((words) => words[0] !== '', 'expected a first word that is not empty'),
  );
  return v.pipe(v.union([asText, asWords], COMMAND), v.description(description));
}

export function absolutePath(description: string) {
  const message = 'expected an absolute path';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: execve(2) ends a string at NUL
  const pattern = /^\/[^\u0000]*$/;
  return v.pipe(v.string(message), v.regex(pattern, message), v.description(description));
}

/** A handler: the name of a file, or where one lies. Whatever else has a slash in it leads nowhere here. */
export function handlerName(description: string) {
  const message = 'expected a file’s name (no slash, no NUL) or an absolute path';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: execve(2) ends a string at NUL
  const pattern = /^(?:\/(?:[^\u0000]*\/)?)?(?!\.{1,2}$)[^/\u0000]+$/;
  return v.pipe(
    v.string(NON_EMPTY),
    v.regex(pattern, ({ input }) => (input === '' ? NON_EMPTY : message)),
    v.description(description),
  );
}

/** A handler's directory. */
export function handlerPath(description: string) {
  const message = 'expected "default" or an absolute path';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: execve(2) ends a string at NUL
  const pattern = /^(?:default$|\/[^\u0000]*$)/;
  return v.pipe(v.string(message), v.regex(pattern, message), v.description(description));
}

/**
 * A user's name. A number is none: `0` would be root under another name than the one that a policy denies. The
 * characters at the beginning are those with a meaning of their own to sudo(8), setpriv(1) and getopt(3); the others
 * are in no line of passwd(5), or part a list (users.ts).
 */
export function userName(description: string) {
  const message =
    'expected a user’s name: at most 256 characters without white space or : , / and not a number, beginning with none of - + # % @ !';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no user's name has them, passwd(5) has no place for them
  const pattern = /^(?![-+#%@!]|\d+$)[^\s:,/\u0000-\u001f\u007f-\u009f]{1,256}$/;
  return v.pipe(v.string(message), v.regex(pattern, message), v.description(description));
}

/** Environment variables: POSIX names (XBD 8.1). Those of the agent itself are not a document's to set. */
export function environment(description: string) {
  const shape = '(?!JOB_)[A-Za-z_][A-Za-z0-9_]*$';
  const name = v.pipe(
    v.string(),
    // One expression for the JSON Schema, with a message for each half.
    v.regex(new RegExp(`^${NOT_FORBIDDEN}${shape}`), ({ input }) =>
      new RegExp(`^${shape}`).test(input)
        ? 'a step may not set this variable: it decides what programs run, or what code they load'
        : 'expected a name of letters, digits and underscores that begins with neither a digit nor JOB_',
    ),
  );
  return v.pipe(v.record(name, word(), 'expected an object of strings'), v.description(description));
}
