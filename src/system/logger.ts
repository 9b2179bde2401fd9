import pino, { type DestinationStream, type Logger } from 'pino';
import { redact, redactText } from './redaction.ts';

export interface LoggerOptions {
  readonly level: string;
  /** Readable lines for people instead of JSON. */
  readonly pretty?: boolean;
  /** Absent: standard output, written at once. */
  readonly destination?: DestinationStream;
}

/** The agent's log: one JSON object a line with fixed keys, and nothing secret in it. */
export async function createLogger({ level, pretty = false, destination }: LoggerOptions): Promise<Logger> {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      bindings: (fields: Record<string, unknown>) => redact(fields),
      log: (fields: Record<string, unknown>) => redact(fields),
    },
    hooks: {
      logMethod(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
        const clean = args.map((arg: unknown) => (typeof arg === 'string' ? redactText(arg) : arg));
        method.apply(this, clean as Parameters<LogFn>);
      },
    },
    serializers: { err: (value: unknown) => value },
  };
  if (destination) return pino(options, destination);
  if (!pretty) return pino(options, pino.destination({ dest: 1, sync: true }));
  const { default: prettyStream } = await import('pino-pretty');
  return pino(options, prettyStream({ sync: true, ignore: 'pid,hostname' }));
}
