import { parseConditions } from '../policy/conditions.ts';
import { ServiceError } from '../service-error.ts';

/** AWS IoT Core quotas: "Maximum policy document size: 2048 characters (excluding white space)". */
const MOST_CHARACTERS = 2048;
/** Service prefix and name, either with wildcards; or all actions. */
const ACTION = /^(?:\*|[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+)$/;
const RESOURCE = /^(?:\*|arn:.+)$/;
/** Policy variables and condition keys that AWS has and the simulator does not: a policy with them would never match. */
const NOT_SIMULATED = /iot:Certificate\.(?:(?:Subject|Issuer)\.AlternativeName[A-Za-z.]*|SerialNumber|AvailableKeys)/i;
const VERSIONS: readonly unknown[] = ['2012-10-17', '2008-10-17'];
const ELEMENTS = ['Version', 'Id', 'Statement'];
const STATEMENT_ELEMENTS = ['Sid', 'Effect', 'Action', 'Resource', 'Condition'];

/**
 * Checks the shape of a policy document (developer guide, "AWS IoT Core policies": JSON with Version, Statement, and in
 * each statement Effect, Action, Resource and, optionally, Condition).
 * @throws ServiceError MalformedPolicyException that names the place
 */
export function checkPolicyDocument(document: string): void {
  const size = document.replaceAll(/\s/g, '').length;
  if (size > MOST_CHARACTERS) throw malformed(`it has ${size} characters, at most ${MOST_CHARACTERS} are allowed`);
  const unbuilt = NOT_SIMULATED.exec(document)?.[0];
  if (unbuilt !== undefined) throw malformed(`${unbuilt} is not simulated`);
  const policy = parse(document);
  if (!isObject(policy)) throw malformed('it is not a JSON object');
  known(policy, ELEMENTS, '');
  // Absent, it is the older version, as in IAM (IAM user guide, "Version").
  if (policy['Version'] !== undefined && !VERSIONS.includes(policy['Version'])) {
    throw malformed('Version: expected "2012-10-17" or "2008-10-17"');
  }
  const statements = Array.isArray(policy['Statement']) ? policy['Statement'] : [policy['Statement']];
  if (statements.length === 0) throw malformed('Statement: there is none');
  statements.forEach((statement, index) => {
    checkStatement(statement, `Statement[${index}]`);
  });
}

function checkStatement(statement: unknown, path: string): void {
  if (!isObject(statement)) throw malformed(`${path}: expected an object`);
  known(statement, STATEMENT_ELEMENTS, `${path}.`);
  const { Effect, Action, Resource, Condition, Sid } = statement;
  if (Effect !== 'Allow' && Effect !== 'Deny') throw malformed(`${path}.Effect: expected "Allow" or "Deny"`);
  checkEach(Action, ACTION, `${path}.Action`, 'an action such as "iot:Publish"');
  checkEach(Resource, RESOURCE, `${path}.Resource`, 'an ARN or "*"');
  checkCondition(Condition, `${path}.Condition`);
  if (Sid !== undefined && typeof Sid !== 'string') throw malformed(`${path}.Sid: expected a string`);
}

/** A condition that the evaluation would not understand is refused here, where somebody hears of it. */
function checkCondition(condition: unknown, path: string): void {
  if (condition === undefined) return;
  if (!isObject(condition)) throw malformed(`${path}: expected an object`);
  for (const [operator, keys] of Object.entries(condition)) {
    if (parseConditions({ [operator]: keys }, true).includes(undefined)) {
      throw malformed(`${path}.${operator}: an operator, or a value of it, that is not simulated`);
    }
  }
}

/** One string or a list of some, each of the form. */
function checkEach(value: unknown, form: RegExp, path: string, expected: string): void {
  const entries: readonly unknown[] = Array.isArray(value) ? value : [value];
  const good = entries.length > 0 && entries.every((entry) => typeof entry === 'string' && form.test(entry));
  if (!good) throw malformed(`${path}: expected ${expected}, or a list of them`);
}

/** An element that nobody looks at would be a rule that is not kept: it is refused. */
function known(value: Readonly<Record<string, unknown>>, names: readonly string[], path: string): void {
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined) throw malformed(`${path}${unknown}: not an element of an AWS IoT Core policy`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed('it is not JSON');
    throw error;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(why: string): ServiceError {
  return new ServiceError('MalformedPolicyException', `Policy document is Malformed: ${why}`);
}
