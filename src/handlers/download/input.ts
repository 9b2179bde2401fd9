import * as v from 'valibot';
import { denialOf, type SourceRules, shownUrl } from './admission.ts';

/** As the document has it: an empty text is a template parameter that was not set, and counts as absent. */
export interface DownloadInput {
  readonly url: string;
  /** The file, or a directory: one that is there, or whose path ends in `/`. */
  readonly path: string;
  readonly sha256?: string | undefined;
  readonly signature?: string | undefined;
  readonly signatureUrl?: string | undefined;
  readonly mode?: string | undefined;
}

const text = v.string('expected a string');

/** Does not say what it is: what cannot be parsed cannot be cleaned of secrets. */
const NO_URL = 'not a valid URL (it is not repeated here, as it may hold a secret)';

/**
 * The input of `downloadFile`. What the device's policy forbids is an issue that names the rule, so that such a document
 * is rejected before it is claimed; the issues of a URL show it without its query.
 */
export function downloadInputSchema(rules: SourceRules, mustBeSigned: boolean) {
  const source = v.pipe(
    text,
    v.rawCheck<string>(({ dataset, addIssue }) => {
      if (!dataset.typed || dataset.value === '') return;
      const url = URL.parse(dataset.value);
      if (url === null) return addIssue({ message: NO_URL, input: undefined });
      const message = denialOf(url, rules);
      if (message !== undefined) addIssue({ message, input: shownUrl(url) });
    }),
  );
  return v.pipe(
    v.object(
      {
        url: v.pipe(
          source,
          v.nonEmpty('expected a URL'),
          v.description('Where the file is: https:, or http: if the policy says so.'),
        ),
        path: v.pipe(
          text,
          v.regex(/^\/[^\0]*$/, 'expected an absolute path'),
          v.description("The file to write; or a directory, to use the URL's last segment as its name."),
        ),
        sha256: v.optional(
          v.pipe(
            text,
            v.regex(/^([0-9a-fA-F]{64})?$/, 'expected 64 hexadecimal digits'),
            v.description('The SHA-256 of the file, hexadecimal.'),
          ),
        ),
        signature: v.optional(
          v.pipe(
            text,
            v.regex(/^[A-Za-z0-9+/=\s]*$/, 'expected base64'),
            v.description('A detached signature of the file, base64.'),
          ),
        ),
        signatureUrl: v.optional(v.pipe(source, v.description('Where the signature is: base64 or bytes.'))),
        mode: v.optional(
          v.pipe(
            text,
            v.regex(/^(0?[0-7]{3})?$/, 'expected three octal digits such as "755"'),
            v.description('The permissions of the file, octal.'),
          ),
        ),
      },
      (issue) => (issue.expected === 'Object' ? 'expected an object' : 'missing'),
    ),
    v.check(
      ({ signature, signatureUrl }) => !signature || !signatureUrl,
      'expected signature or signatureUrl and not both',
    ),
    v.check(
      ({ signature, signatureUrl }) => !mustBeSigned || Boolean(signature) || Boolean(signatureUrl),
      'expected signature or signatureUrl, as this device takes signed downloads only (download.publicKeyPath)',
    ),
  );
}

/** The arguments of download-file.sh, `<url> <file|dir>`, also as one text with a space between. Others are ignored. */
export function downloadInputOf(args: readonly string[]): unknown {
  const [first = '', second] = args;
  // No pattern for all of it: one that tries every division of a long row of spaces takes seconds.
  const words = first.trim();
  const space = words.search(/\s/);
  if (args.length !== 1 || space === -1) return { url: first, path: second };
  return { url: words.slice(0, space), path: words.slice(space).trimStart() };
}
