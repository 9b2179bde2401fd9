import { describe, expect, test } from 'vitest';
import { isAllowed, type PolicyRequest } from '../../../src/simulator/policy/policy-evaluator.ts';
import { topicArn } from '../../../src/simulator/policy/resources.ts';
import { ARN, allow, deny, LAMP, policy } from './policies.ts';

const connect = (conditions?: PolicyRequest['conditions']): PolicyRequest => ({
  ...{ action: 'iot:Connect', resource: `${ARN}:client/lamp`, conditions },
});
const allows = (condition: object, conditions?: PolicyRequest['conditions']) =>
  isAllowed([policy(allow('iot:Connect', '*', condition))], connect(conditions), LAMP);

describe('the connect policy examples of the developer guide', () => {
  const attributes = (operator: string, ...values: string[]) => ({ [operator]: { 'iot:ConnectAttributes': values } });
  const only = (...values: string[]) => allow('iot:Connect', '*', attributes('ForAllValues:StringEquals', ...values));
  const notOnly = (...values: string[]) => deny('iot:Connect', '*', attributes('ForAllValues:StringEquals', ...values));
  const notAny = deny('iot:Connect', '*', attributes('ForAnyValue:StringEquals', 'PersistentConnect'));
  const [P, L, N] = ['PersistentConnect', 'LastWill', 'NewFeature'];

  test.each<[string, object[], string[][], string[][]]>([
    ['allows connect with PersistentConnect', [only(P)], [[], [P]], [[L], [P, L]]],
    [
      'disallows PersistentConnect, other features are allowed',
      [allow('iot:Connect', '*', attributes('ForAllValues:StringNotEquals', P))],
      [[], [L], [N]],
      [[P], [P, L]],
    ],
    ['disallows PersistentConnect by a Deny', [allow('iot:Connect', '*'), notAny], [[], [L], [N]], [[P], [P, L]]],
    ['allows PersistentConnect and LastWill, no new feature', [only(P, L)], [[], [P], [L], [P, L]], [[N], [P, N]]],
    ['only allows default features', [only()], [[]], [[P], [L]]],
    [
      'allows only with PersistentConnect, any new feature too',
      [allow('iot:Connect', '*', attributes('ForAnyValue:StringEquals', P))],
      [[P], [P, N]],
      [[], [L]],
    ],
    ['requires both', [only(P, L), notOnly(P), notOnly(L), notOnly()], [[P, L]], [[], [P], [L], [P, L, N]]],
    ['must not have PersistentConnect but can have LastWill', [notAny, only(L)], [[], [L]], [[P], [P, L], [N]]],
  ])('%s', (_, statements, taken, refused) => {
    const is = (given: string[]) =>
      isAllowed([policy(...statements)], connect({ 'iot:ConnectAttributes': given }), LAMP);
    expect(taken.map(is)).toEqual(taken.map(() => true));
    expect(refused.map(is)).toEqual(refused.map(() => false));
  });

  test('allows a LastWill with one topic', () => {
    const condition = { ArnEquals: { 'iot:LastWillTopic': topicArn(ARN, 'my/lastwill') } };
    expect(allows(condition, { 'iot:LastWillTopic': topicArn(ARN, 'my/lastwill') })).toBe(true);
    expect(allows(condition, { 'iot:LastWillTopic': topicArn(ARN, 'my/other') })).toBe(false);
    expect(allows(condition)).toBe(false);
  });
});

describe('an operator (IAM user guide, "Condition operators")', () => {
  const will = topicArn(ARN, 'a/B:c');

  test.each<[string, unknown, boolean]>([
    ['StringEquals', will, true],
    ['StringEquals', [will, 'x'], true],
    ['StringEquals', [], false],
    ['StringEquals', will.toLowerCase(), false],
    ['StringEquals', '*', false],
    ['StringNotEquals', will, false],
    ['StringNotEquals', [will, 'x'], false],
    ['StringNotEquals', [], true],
    ['StringEqualsIgnoreCase', will.toUpperCase(), true],
    ['StringEqualsIgnoreCase', 'x', false],
    ['StringNotEqualsIgnoreCase', will.toUpperCase(), false],
    ['StringLike', 'arn:*:topic/?/B*', true],
    ['StringLike', 'arn:*:topic/b*', false],
    ['StringNotLike', 'arn:*:topic/?/B*', false],
    ['ArnLike', 'arn:*:iot:*:*:topic/a/*', true],
    ['ArnLike', 'arn:*:topic/a/*', false],
    ['ArnEquals', 'arn:aws:iot:*:123456789012:*', true],
    ['ArnNotLike', 'arn:*:topic/a/*', true],
    ['ArnNotEquals', will, false],
    ['Bool', 'true', false],
    ['Null', 'false', false],
    ['Stringequals', will, false],
  ])('%s %j: %s', (operator, values, expected) => {
    expect(allows({ [operator]: { 'iot:LastWillTopic': values } }, { 'iot:LastWillTopic': will })).toBe(expected);
  });

  test.each<[string, boolean]>([
    ['StringEquals', false],
    ['StringNotEquals', true],
    ['StringEqualsIfExists', true],
    ['ForAllValues:StringEquals', true],
    ['ForAllValues:StringNotEquals', true],
    ['ForAnyValue:StringEquals', false],
    ['ForAnyValue:StringNotEquals', false],
    ['ForAnyValue:StringEqualsIfExists', true],
  ])('%s without the key: %s', (operator, expected) => {
    expect(allows({ [operator]: { 'iot:LastWillTopic': 'x' } })).toBe(expected);
  });

  test.each<[string, string[], string[], boolean]>([
    ['ForAnyValue:StringEquals', ['b', 'x'], ['a', 'b'], true],
    ['ForAnyValue:StringEquals', ['x'], ['a', 'b'], false],
    ['ForAnyValue:StringNotEquals', ['a'], ['a', 'b'], true],
    ['ForAnyValue:StringNotEquals', ['a', 'b'], ['a', 'b'], false],
    ['ForAllValues:StringNotEquals', ['a'], ['a', 'b'], false],
    ['ForAllValues:StringLike', ['?'], ['a', 'b'], true],
    ['StringEquals', ['b'], ['a', 'b'], true],
    ['StringNotEquals', ['b'], ['a', 'b'], false],
  ])('%s %j on %j: %s', (operator, values, given, expected) => {
    expect(allows({ [operator]: { 'iot:ConnectAttributes': values } }, { 'iot:ConnectAttributes': given })).toBe(
      expected,
    );
  });

  test.each([['true'], ['TRUE'], [['true']], [true]])('Bool takes %j for an attached thing', (value) => {
    expect(allows({ Bool: { 'iot:Connection.Thing.IsAttached': value } })).toBe(true);
    const document = policy(allow('iot:Connect', '*', { Bool: { 'iot:Connection.Thing.IsAttached': value } }));
    expect(isAllowed([document], connect(), { ...LAMP, attachedThings: [] })).toBe(false);
  });
});

test('all keys of all operators must be met', () => {
  const met = { 'iot:ClientId': 'lamp', 'iot:CertificateId': 'c0ffee' };
  expect(allows({})).toBe(true);
  expect(allows({ StringEquals: met })).toBe(true);
  expect(allows({ StringEquals: { ...met, 'iot:ClientId': 'x' } })).toBe(false);
  expect(allows({ StringEquals: met, StringNotLike: { 'iot:ClientId': 'l*' } })).toBe(false);
});

test('a key that the request brings is known', () => {
  const condition = { StringLike: { 'aws:SourceIp': '10.0.*' } };
  expect(allows(condition)).toBe(false);
  expect(allows(condition, { 'aws:sourceip': '10.0.0.7' })).toBe(true);
});
