import { downloadInputOf, downloadInputSchema } from '../download/input.ts';
import type { DownloadSettings } from '../download/settings.ts';
import { type BuiltIn, defineBuiltIn } from './built-in.ts';

/** Fetches a file over HTTPS, checks it and puts it in its place whole (docs/downloads.md). */
export function createDownloadFile(settings: DownloadSettings): BuiltIn {
  return defineBuiltIn({
    action: 'downloadFile',
    script: 'download-file.sh',
    input: downloadInputSchema(settings, settings.publicKeyPath !== undefined),
    fromArguments: downloadInputOf,
    async run(input, context) {
      // Loaded when first needed: most agents never download.
      const { download } = await import('../download/download.ts');
      return download(input, settings, context);
    },
  });
}
