import { type Condition, parseConditions } from './conditions.ts';
import { codePoints, type Pattern, parsePattern, resolvePattern, type Units } from './wildcard-pattern.ts';

/** A statement of a policy; what is absent matches everything. */
export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  /** In lower case. */
  readonly actions: readonly Units[] | undefined;
  readonly resources: readonly Pattern[] | undefined;
  readonly conditions: readonly Condition[];
}

/**
 * The elements of a statement (developer guide, "AWS IoT Core policies"). NotAction and NotResource are not among them and
 * no example of the guide has them; CreatePolicy refuses them.
 */
const ELEMENTS = ['Sid', 'Effect', 'Action', 'Resource', 'Condition'];

/**
 * The statements of a policy document. What is not understood fails closed, our decision: an Allow with it allows nothing,
 * a Deny loses that restriction and denies the more. A text that is no policy has no statement.
 */
export function parsePolicy(document: string): Statement[] {
  const policy = parseJson(document);
  if (!isObject(policy)) return [];
  // In the older version, which is meant when there is none, `${…}` is literal text (IAM user guide, "Version").
  const variables = policy['Version'] === '2012-10-17';
  const statements: readonly unknown[] = Array.isArray(policy['Statement'])
    ? policy['Statement']
    : [policy['Statement']];
  return statements.flatMap((statement) => parseStatement(statement, variables) ?? []);
}

function parseStatement(statement: unknown, variables: boolean): Statement | undefined {
  if (!isObject(statement)) return undefined;
  const { Effect: effect, Condition: block = {} } = statement;
  if (effect !== 'Allow' && effect !== 'Deny') return undefined;
  const actions = textsOf(statement['Action'])?.map(actionPattern);
  const resources = textsOf(statement['Resource'])?.map((text) => parsePattern(text, { wildcards: true, variables }));
  const conditions = isObject(block) ? parseConditions(block, variables) : [undefined];
  const understood = conditions.filter((condition) => condition !== undefined);
  const strange = Object.keys(statement).some((name) => !ELEMENTS.includes(name));
  if (effect === 'Allow' && (!actions || !resources || understood.length < conditions.length || strange))
    return undefined;
  return { effect, actions, resources, conditions: understood };
}

/** Names of actions have no case in IAM ("Action": "not case sensitive"), and no variables. */
function actionPattern(text: string): Units {
  const pattern = parsePattern(text.toLowerCase(), { wildcards: true, variables: false });
  return resolvePattern(pattern, () => undefined) ?? codePoints(text);
}

function textsOf(value: unknown): string[] | undefined {
  const entries: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = entries.filter((entry) => typeof entry === 'string');
  return texts.length === entries.length ? texts : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
