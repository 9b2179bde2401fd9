/**
 * The one error base. `code` is stable and documented (docs/errors.md); `retryable` says whether the same call may
 * succeed later without a person's help; `cause` keeps the original.
 */
export class ThingAgentError extends Error {
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** A local fault that only a person can mend: the process ends with exit code 78 (EX_CONFIG of sysexits.h). */
export class LocalFaultError extends ThingAgentError {}

/** The `code` of a Node system error or of ours, when the value has one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** What to show of a thrown value, whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
