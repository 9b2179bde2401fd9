import * as v from 'valibot';
import type { BuiltInContext } from '../step.ts';
import { DownloadFailure } from './failure.ts';
import { type DownloadInput, downloadInputSchema } from './input.ts';
import type { DownloadSettings } from './settings.ts';
import type { Source } from './transfer.ts';

/** A URL of the job document, which may be presigned anew each time that the service is asked for the document. */
export function documentSource(
  text: string,
  pick: (input: DownloadInput) => string | undefined,
  settings: DownloadSettings,
  context: Pick<BuiltInContext, 'refreshInput'>,
): Source {
  const schema = downloadInputSchema(settings, settings.publicKeyPath !== undefined);
  return {
    url: parseUrl(text),
    async refresh() {
      const parsed = v.safeParse(schema, await context.refreshInput());
      if (parsed.success) return parseUrl(pick(parsed.output) ?? '');
      const problem = parsed.issues[0].message;
      throw new DownloadFailure(`the URL has expired, and the job's document is no good any more: ${problem}`);
    },
  };
}

/** @throws DownloadFailure that does not show it: what cannot be parsed cannot be cleaned of secrets. */
export function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw new DownloadFailure('the document has no valid URL');
  return url;
}
