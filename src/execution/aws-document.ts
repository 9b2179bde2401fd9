import type { HandlerReference } from '../handlers/locate-handler.ts';

/** One step of AWS's job document schema 1.0, as far as it is supported now. */
export type AwsAction =
  | { readonly type: 'runCommand'; readonly name: string; readonly words: readonly string[] }
  | ({ readonly type: 'runHandler'; readonly name: string; readonly args: readonly string[] } & HandlerReference);

/** True when the document speaks AWS's schema, rightly or wrongly: it has one of its three marks. */
export function isAwsDocument(document: unknown): boolean {
  return isRecord(document) && ['version', 'steps', 'operation'].some((key) => Object.hasOwn(document, key));
}

/**
 * The words of a `command`, as AWS IoT Device Client splits it: at commas, `\,` is a comma, words are trimmed and
 * empty ones vanish.
 */
export function commandWords(command: string): string[] {
  return (command.match(/(?:\\,|[^,])+/g) ?? [])
    .map((word) => word.replaceAll('\\,', ',').trim())
    .filter((word) => word !== '');
}

/** The paths of the fields that have a meaning in the schema and none here yet. An empty string means absent. */
export function unsupportedFields(document: unknown): string[] {
  if (!isRecord(document)) return [];
  const found = ['includeStdOut', 'conditions', 'finalStep'].filter((key) => isPresent(document, key));
  if (!Object.hasOwn(document, 'version') && Object.hasOwn(document, 'operation')) {
    found.push('operation (the form without a version)');
  }
  const steps: unknown = document['steps'];
  if (!Array.isArray(steps)) return found;
  for (const [index, step] of steps.entries()) {
    const action: unknown = isRecord(step) ? step['action'] : undefined;
    if (!isRecord(action)) continue;
    for (const key of ['runAsUser', 'allowStdErr', 'ignoreStepFailure', 'includeStdOut']) {
      if (isPresent(action, key)) found.push(`steps[${index}].action.${key}`);
    }
    const input: unknown = action['input'];
    if (!isRecord(input)) continue;
    const foreign = action['type'] === 'runCommand' ? ['handler', 'args', 'path'] : ['command'];
    for (const key of foreign) {
      if (isPresent(input, key)) found.push(`steps[${index}].action.input.${key} with ${String(action['type'])}`);
    }
  }
  return found;
}

function isPresent(record: Record<string, unknown>, key: string): boolean {
  const value = record[key];
  return value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
