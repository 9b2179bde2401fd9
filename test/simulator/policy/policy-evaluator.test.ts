// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of policies are written so
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAllowed, PolicyEvaluator } from '../../../src/simulator/policy/policy-evaluator.ts';
import { ARN, allow, deny, LAMP, policy, publish } from './policies.ts';

/** The decision on a publish to `a/b`. */
const decide = (...documents: string[]) => new PolicyEvaluator().decide(documents, publish('a/b'), LAMP);

describe('what decides ("AWS IoT Core policies")', () => {
  const yes = policy(allow('iot:Publish', `${ARN}:topic/a/b`));
  const no = policy(deny('iot:Publish', `${ARN}:topic/a/b`));
  const other = policy(allow('iot:Publish', `${ARN}:topic/x`), deny('iot:Publish', `${ARN}:topic/y`));

  test.each<[string, string[], string]>([
    ['without any policy it is denied implicitly', [], 'IMPLICIT_DENY'],
    ['when no statement applies it is denied implicitly', [other], 'IMPLICIT_DENY'],
    ['one Allow is enough', [other, yes], 'ALLOWED'],
    ['a Deny after an Allow wins', [yes, no], 'EXPLICIT_DENY'],
    ['a Deny before an Allow wins', [no, yes], 'EXPLICIT_DENY'],
    [
      'a Deny after two Allows of one document wins',
      [policy(allow('*', '*'), allow('*', '*'), deny('*', '*'))],
      'EXPLICIT_DENY',
    ],
    ['a Deny without an Allow is told from none', [no], 'EXPLICIT_DENY'],
    ['a single statement needs no list', [JSON.stringify({ Statement: allow('iot:Publish', '*') })], 'ALLOWED'],
  ])('%s', (_, documents, decision) => {
    expect(decide(...documents)).toBe(decision);
  });
});

describe('an action matches', () => {
  test.each<[string | string[], boolean]>([
    ['iot:Publish', true],
    ['IOT:publish', true],
    ['iot:*', true],
    ['*', true],
    ['iot:Pub*', true],
    ['iot:Publis?', true],
    [['iot:Connect', 'iot:Publish'], true],
    ['iot:Subscribe', false],
    ['iot:Publish?', false],
    ['iotjobsdata:*', false],
    [[], false],
    ['${iot:ClientId}', false],
  ])('%j: %s', (action, expected) => {
    expect(decide(policy(allow(action, '*')))).toBe(expected ? 'ALLOWED' : 'IMPLICIT_DENY');
  });

  test('iot:* is not iotjobsdata', () => {
    const request = { action: 'iotjobsdata:UpdateJobExecution', resource: `${ARN}:thing/lamp` };
    expect(isAllowed([policy(allow('iot:*', '*'))], request, LAMP)).toBe(false);
  });
});

describe('a resource matches ("Using wildcard characters in MQTT and AWS IoT Core policies")', () => {
  test.each<[string | string[], string, boolean]>([
    ['a/b', 'a/b', true],
    ['a/B', 'a/b', false],
    ['a', 'a/b', false],
    ['a/b/c', 'a/b', false],
    ['*', 'a/b', true],
    ['a*', 'a/b/c', true],
    ['a/*/c', 'a/b/b/c', true],
    ['a/*/c', 'a/c', false],
    ['a/b*', 'a/b', true],
    ['*b*d', 'abcbd', true],
    ['*b*d', 'abcbde', false],
    ['a/?', 'a/b', true],
    ['a/?', 'a/', false],
    ['a/?', 'a/bc', false],
    ['a?b', 'a/b', true],
    ['a/?', 'a/\u{1f4a1}', true],
    ['a/+', 'a/+', true],
    ['a/+', 'a/b', false],
    ['a/#', 'a/#', true],
    ['a/#', 'a/b', false],
    ['a.b', 'axb', false],
    [['x', 'a/b'], 'a/b', true],
    [[], 'a/b', false],
  ])('%j and %s: %s', (topics, topic, expected) => {
    const resources = (typeof topics === 'string' ? [topics] : topics).map((text) => `${ARN}:topic/${text}`);
    expect(isAllowed([policy(allow('iot:Publish', resources))], publish(topic), LAMP)).toBe(expected);
  });

  test('topic and topicfilter are two things', () => {
    expect(decide(policy(allow('iot:Publish', `${ARN}:topicfilter/a/b`)))).toBe('IMPLICIT_DENY');
  });

  test('wildcards stand for region and account too', () => {
    expect(decide(policy(allow('iot:Publish', 'arn:aws:iot:*:*:topic/a/b')))).toBe('ALLOWED');
    expect(decide(policy(allow('iot:Publish', 'arn:aws:iot:us-east-1:*:topic/a/b')))).toBe('IMPLICIT_DENY');
  });

  test('many wildcards take no time', () => {
    const document = policy(allow('iot:Publish', `${ARN}:topic/${'*a'.repeat(200)}b`));
    const start = performance.now();
    expect(isAllowed([document], publish('a'.repeat(256)), LAMP)).toBe(false);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('what is not understood fails closed', () => {
  const broken: [string, object][] = [
    ['no Action', { Resource: '*' }],
    ['an Action that is no text', { Action: 7, Resource: '*' }],
    ['NotAction', { NotAction: 'iot:Connect', Resource: '*' }],
    ['no Resource', { Action: '*' }],
    ['a Resource list with a number', { Action: '*', Resource: ['*', 7] }],
    ['NotResource', { Action: '*', NotResource: 'arn:aws:iot:*:*:topic/x' }],
    ['an element of its own', { Action: '*', Resource: '*', Principal: '*' }],
    ['a Condition that is no object', { Action: '*', Resource: '*', Condition: ['x'] }],
    ['an unknown operator', { Action: '*', Resource: '*', Condition: { Resembles: { 'iot:ClientId': 'lamp' } } }],
    ['an operator of Object', { Action: '*', Resource: '*', Condition: { constructor: { 'iot:ClientId': 'lamp' } } }],
    [
      'an unknown quantifier',
      { Action: '*', Resource: '*', Condition: { 'ForMost:Bool': { 'iot:ClientId': 'lamp' } } },
    ],
    ['an operator without keys', { Action: '*', Resource: '*', Condition: { StringEquals: 'lamp' } }],
    ['an unknown key', { Action: '*', Resource: '*', Condition: { StringEquals: { 'iot:Mood': 'good' } } }],
    ['an unknown negated key', { Action: '*', Resource: '*', Condition: { StringNotEquals: { 'iot:Mood': 'bad' } } }],
    [
      'an unknown key, if it exists',
      { Action: '*', Resource: '*', Condition: { BoolIfExists: { 'iot:Mood': 'true' } } },
    ],
    ['a value that is an object', { Action: '*', Resource: '*', Condition: { StringEquals: { 'iot:ClientId': {} } } }],
  ];

  test.each(broken)('an Allow with %s allows nothing', (_, elements) => {
    expect(decide(policy({ Effect: 'Allow', ...elements }))).toBe('IMPLICIT_DENY');
  });

  test.each(broken)('a Deny with %s denies', (_, elements) => {
    expect(decide(policy(allow('*', '*'), { Effect: 'Deny', ...elements }))).toBe('EXPLICIT_DENY');
  });

  test('a Deny of another action stays one of another action', () => {
    const strange = { Effect: 'Deny', Action: 'iot:Connect', NotResource: '*' };
    expect(decide(policy(allow('*', '*'), strange))).toBe('ALLOWED');
  });

  test.each([
    '',
    'no JSON',
    '[]',
    'null',
    '7',
    '{}',
    '{"Statement":[null,7,[]]}',
    '{"Statement":{"Effect":"allow"}}',
  ])('the text %j has no statement', (document) => {
    expect(decide(document)).toBe('IMPLICIT_DENY');
  });
});

describe('documents that are kept', () => {
  test('decide by their text, not by their place', () => {
    const evaluator = new PolicyEvaluator();
    const [yes, no] = [policy(allow('*', '*')), policy(deny('*', '*'))];
    for (const _ of [1, 2]) {
      expect(evaluator.isAllowed([yes], publish('a'), LAMP)).toBe(true);
      expect(evaluator.isAllowed([no], publish('a'), LAMP)).toBe(false);
    }
  });

  test('are asked anew about every device and request', () => {
    const evaluator = new PolicyEvaluator();
    const document = policy(allow('iot:Publish', `${ARN}:topic/\${iot:ClientId}`));
    expect(evaluator.isAllowed([document], publish('lamp'), LAMP)).toBe(true);
    expect(evaluator.isAllowed([document], publish('lamp'), { ...LAMP, clientId: 'fan' })).toBe(false);
    expect(evaluator.isAllowed([document], publish('fan'), { ...LAMP, clientId: 'fan' })).toBe(true);
  });
});

describe('for any document', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 5 }),
    fc.constantFrom(
      '*',
      'iot:*',
      'iot:Publish',
      `${ARN}:topic/*`,
      'iot:ClientId',
      '${iot:ClientId}',
      '${',
      '${*}',
      'lamp',
    ),
  );
  const value = fc.oneof(text, fc.array(text, { maxLength: 3 }), fc.jsonValue({ maxDepth: 1 }));
  const operator = fc.constantFrom(
    'StringEquals',
    'ForAllValues:StringNotLikeIfExists',
    'ArnEquals',
    'Bool',
    '__proto__',
    'x',
  );
  const condition = fc.dictionary(operator, fc.dictionary(text, value, { maxKeys: 2 }), { maxKeys: 2 });
  /** Often the whole of something, or some requests would never be allowed. */
  const often = fc.oneof({ weight: 3, arbitrary: fc.constant('*') }, { weight: 2, arbitrary: value });
  const elements = { Action: often, Resource: often, Condition: fc.oneof(condition, value), NotAction: value };
  const documentOf = (effect: fc.Arbitrary<unknown>) => {
    const statement = fc.record({ Effect: effect, ...elements }, { requiredKeys: ['Effect', 'Action', 'Resource'] });
    const version = fc.constantFrom('2012-10-17', '2008-10-17');
    return fc
      .record({ Version: version, Statement: fc.array(statement, { maxLength: 3 }) })
      .map((it) => JSON.stringify(it));
  };
  const either = fc.constantFrom('Allow', 'Deny');
  const json = fc.json({ maxDepth: 3 });
  const allows = (documents: readonly string[]) => isAllowed(documents, publish('a/b'), LAMP);

  test('the evaluator never throws', () => {
    const document = fc.oneof(fc.string(), json, documentOf(either));
    fc.assert(
      fc.property(document, fc.string(), text, (it, topic, action) => {
        isAllowed([it], { action, resource: `${ARN}:topic/${topic}` }, LAMP);
      }),
      { numRuns: 1000 },
    );
  });

  test('nothing is allowed without an Allow', () => {
    const noAllow = fc.oneof(
      fc.constantFrom('Deny', 'allow', 'ALLOW', '', null, ['Allow']),
      fc.string({ maxLength: 4 }),
    );
    const document = fc.oneof(
      json.filter((it) => !it.includes('"Allow"')),
      documentOf(noAllow),
    );
    fc.assert(
      fc.property(fc.array(document, { maxLength: 3 }), (documents) => !allows(documents)),
      { numRuns: 1000 },
    );
  });

  test('a further Deny never allows, a further Allow never takes away', () => {
    const some = fc.array(documentOf(either), { maxLength: 3 });
    fc.assert(
      fc.property(some, documentOf(fc.constant('Deny')), documentOf(fc.constant('Allow')), (documents, no, yes) => {
        const before = allows(documents);
        return before ? allows([...documents, yes]) : !allows([...documents, no]);
      }),
      { numRuns: 1000 },
    );
  });

  test('a client id is literal text in a resource', () => {
    const document = policy(allow('iot:Publish', `${ARN}:topic/\${iot:ClientId}`));
    const name = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('*', '?', '$', '{', '}', 'a') }));
    fc.assert(
      fc.property(name, name, (clientId, other) => {
        const allowed = isAllowed([document], publish(other), { ...LAMP, clientId });
        return allowed === (clientId === other);
      }),
      { numRuns: 1000 },
    );
  });
});
