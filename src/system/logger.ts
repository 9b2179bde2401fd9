import pino, { type DestinationStream, type LogFn, type Logger } from 'pino';
import { redact } from './redaction.ts';

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
      log: (fields: Record<string, unknown>) => redact(fields),
    },
    hooks: {
      logMethod(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
        method.apply(this, cleaned(args) as Parameters<LogFn>);
      },
    },
    serializers: { err: (value: unknown) => value },
  };
  if (destination) return guarded(pino(options, destination));
  if (!pretty) return guarded(pino(options, pino.destination({ dest: 1, sync: true })));
  const { default: prettyStream } = await import('pino-pretty');
  return guarded(pino(options, prettyStream({ sync: true, ignore: 'pid,hostname' })));
}

/** Pino takes an error's message for the line's when there is no other: that one is cleaned here too. */
function cleaned([first, ...rest]: readonly unknown[]): unknown[] {
  const clean = (value: unknown): unknown => redact({ value })['value'];
  if (typeof first !== 'object' || first === null) return [first, ...rest].map(clean);
  const error = first instanceof Error ? first : 'err' in first ? first.err : undefined;
  const fields = first instanceof Error ? { err: first } : first;
  const message = rest.length === 0 && error instanceof Error ? [error.message] : rest;
  return [fields, ...message.map(clean)];
}

/** Pino applies no formatter to what a child is bound to. Children of children inherit this. */
function guarded(logger: Logger): Logger {
  const child = logger.child;
  return Object.assign(logger, {
    child(this: Logger, bindings: Record<string, unknown>) {
      return child.call(this, redact(bindings));
    },
  });
}
