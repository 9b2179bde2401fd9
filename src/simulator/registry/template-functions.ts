import { invalidRequest } from './refusals.ts';

/** What a template's values are worked out from. */
export interface TemplateScope {
  readonly parameters: Readonly<Record<string, string>>;
  /** The template's `Mappings` section: map, key, name, value. */
  readonly mappings: Readonly<Record<string, unknown>>;
}

type Arguments = readonly unknown[];

/**
 * A value of a template with its references and intrinsic functions replaced (developer guide, "Provisioning templates",
 * "Intrinsic functions").
 * @throws ServiceError InvalidRequestException
 */
export function resolve(value: unknown, scope: TemplateScope): unknown {
  if (Array.isArray(value)) return value.map((entry) => resolve(entry, scope));
  if (!isObject(value)) return value;
  const [only, ...others] = Object.entries(value);
  if (only && others.length === 0) {
    const [name, argument] = only;
    if (name === 'Ref') return reference(argument, scope);
    if (name.startsWith('Fn:')) return call(name, resolve(argument, scope), scope);
  }
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, resolve(entry, scope)]));
}

function reference(name: unknown, { parameters }: TemplateScope): string {
  const value = typeof name === 'string' && Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  // The service's own words, as quoted in a trace of RegisterThing.
  if (value === undefined) throw invalid(`Cannot resolve reference value: {Ref=${String(name)}}`);
  return value;
}

/** Arguments come resolved. */
function call(name: string, argument: unknown, scope: TemplateScope): unknown {
  const args: Arguments = Array.isArray(argument) ? argument : [];
  switch (name) {
    case 'Fn::Join':
      return join(args);
    case 'Fn::Select':
      return select(args);
    case 'Fn::Split':
      return split(args);
    case 'Fn::FindInMap':
      return findInMap(args, scope);
    default:
      throw invalid(`${name} is not simulated`);
  }
}

function join([delimiter, values]: Arguments): string {
  if (typeof delimiter !== 'string' || !isStrings(values)) {
    throw invalid('Fn::Join: expected a delimiter and a list of strings');
  }
  return values.join(delimiter);
}

/** "Both conditions [null, out of bounds] result in a provisioning error." */
function select([index, values]: Arguments): unknown {
  const value: unknown = Array.isArray(values) && /^\d+$/.test(String(index)) ? values[Number(index)] : undefined;
  if (value === undefined || value === null) throw invalid('Fn::Select: expected an index and a list that has it');
  return value;
}

function split([delimiter, text]: Arguments): string[] {
  if (typeof delimiter !== 'string' || delimiter === '' || typeof text !== 'string') {
    throw invalid('Fn::Split: expected a delimiter and a string');
  }
  return text.split(delimiter);
}

function findInMap(path: Arguments, { mappings }: TemplateScope): unknown {
  let found: unknown = path.length === 3 ? mappings : undefined;
  for (const key of path) {
    found = isObject(found) && typeof key === 'string' && Object.hasOwn(found, key) ? found[key] : undefined;
  }
  if (found === undefined) throw invalid(`Fn::FindInMap: there is no ${path.map(String).join('.')} in Mappings`);
  return found;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

function invalid(why: string): Error {
  return invalidRequest(`Invalid registration template. ${why}`);
}
