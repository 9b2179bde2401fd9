import { ThingAgentError } from '../../errors.ts';

/** Ends a download for good. The message is the step's reason: a whole phrase, with no query of a URL in it. */
export class DownloadFailure extends ThingAgentError {
  constructor(message: string, cause?: unknown) {
    super('DOWNLOAD_FAILED', message, { cause });
  }
}
