import { ThingAgentError } from '../errors.ts';

/** A call on the connection that did not get through; the same call may, once the connection is up again. */
export class ConnectionError extends ThingAgentError {
  constructor(message: string, cause?: unknown) {
    super('CONNECTION_ERROR', message, { retryable: true, cause });
  }
}
