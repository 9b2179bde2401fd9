// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of policies are written so
import { describe, expect, test } from 'vitest';
import { isAllowed, type PolicyContext, PolicyEvaluator } from '../../../src/simulator/policy/policy-evaluator.ts';
import { ARN, allow, deny, LAMP, policy, publish } from './policies.ts';

const THING: PolicyContext = {
  ...LAMP,
  thingAttributes: { room: 'attic', Room: 'cellar' },
  certificateSubject: {
    CommonName: 'lamp-7',
    Organization: ['Example Corp', 'AnyCompany'],
    Country: ['A', 'B', 'C', 'D', 'E', 'F'],
    Title: 'a*',
    Surname: 'x'.repeat(1025),
    Nickname: 'shade',
  },
  certificateIssuer: { CommonName: 'root' },
};
const STRANGER: PolicyContext = { ...THING, clientId: 'stranger' };
const DETACHED: PolicyContext = { ...THING, attachedThings: [] };
const HTTPS: PolicyContext = { ...THING, clientId: undefined };

/** Each variable with its device and its value; without one it does not resolve. */
const VARIABLES: [string, string, PolicyContext, string | undefined][] = [
  ['iot:ClientId', 'of a connection', STRANGER, 'stranger'],
  ['iot:clientid', 'written without capitals', THING, 'lamp'],
  ['iot:ClientId', 'over HTTPS', HTTPS, undefined],
  ['iot:CertificateId', 'over HTTPS', HTTPS, 'c0ffee'],
  ['iot:Connection.Thing.ThingName', 'of a thing', THING, 'lamp'],
  ['iot:Connection.Thing.ThingName', 'with a client id that is no thing of the certificate', STRANGER, undefined],
  ['iot:Connection.Thing.ThingName', 'with a certificate that is attached to nothing', DETACHED, undefined],
  ['iot:Connection.Thing.ThingName', 'over HTTPS', HTTPS, undefined],
  ['iot:Connection.Thing.ThingTypeName', 'of a thing, which has no type', THING, undefined],
  ['iot:Connection.Thing.IsAttached', 'of a thing', THING, 'true'],
  ['iot:Connection.Thing.IsAttached', 'with a client id that is no thing of the certificate', STRANGER, 'false'],
  ['iot:Connection.Thing.IsAttached', 'with a certificate that is attached to nothing', DETACHED, 'false'],
  ['iot:Connection.Thing.IsAttached', 'over HTTPS', HTTPS, 'false'],
  ['iot:Connection.Thing.Attributes[room]', 'of a thing', THING, 'attic'],
  ['iot:connection.thing.attributes[Room]', 'by its exact name', THING, 'cellar'],
  ['iot:Connection.Thing.Attributes[floor]', 'that the thing has not', THING, undefined],
  ['iot:Connection.Thing.Attributes[constructor]', 'that only objects have', THING, undefined],
  ['iot:Connection.Thing.Attributes[room]', 'with a client id that is no thing', STRANGER, undefined],
  ['iot:Certificate.Subject.CommonName', 'of the certificate', THING, 'lamp-7'],
  ['iot:Certificate.Subject.CommonName', 'over HTTPS', HTTPS, 'lamp-7'],
  ['iot:Certificate.Subject.CommonName', 'of a certificate without', LAMP, undefined],
  ['iot:Certificate.Issuer.CommonName', 'of the certificate', THING, 'root'],
  ['iot:Certificate.Subject.Organization', 'with two values: the first', THING, 'Example Corp'],
  ['iot:Certificate.Subject.Organization.0', 'by index', THING, 'Example Corp'],
  ['iot:Certificate.Subject.Organization.1', 'by index', THING, 'AnyCompany'],
  ['iot:Certificate.Subject.Organization.2', 'beyond the last', THING, undefined],
  ['iot:Certificate.Subject.Organization.List', 'with two values', THING, undefined],
  ['iot:Certificate.Subject.Country.4', 'the fifth', THING, 'E'],
  ['iot:Certificate.Subject.Country.5', 'the sixth, which is ignored', THING, undefined],
  ['iot:Certificate.Subject.Title', 'with a wildcard in it', THING, undefined],
  ['iot:Certificate.Subject.Surname', 'longer than 1024 characters', THING, undefined],
  ['iot:Certificate.Subject.Nickname', 'that is no field', THING, undefined],
  ['iot:Thing.ThingName', 'that is in no list', THING, undefined],
];

const resource = (variable: string) => `${ARN}:topic/on/\${${variable}}/x`;

describe('in a resource', () => {
  test.each(VARIABLES)('${%s} %s', (variable, _, context, value) => {
    const document = policy(allow('iot:Publish', resource(variable)));
    const fields = Object.values(context.certificateSubject ?? {}).flat();
    const texts = [
      'x',
      '',
      `\${${variable}}`,
      ...fields,
      ...[value, context.clientId].filter((text) => text !== undefined),
    ];
    const allowed = texts.filter((text) => isAllowed([document], publish(`on/${text}/x`), context));
    expect(new Set(allowed)).toEqual(new Set(value === undefined ? [] : [value]));
  });

  test('a variable without value costs its resource, not the others of the statement', () => {
    const document = policy(allow('iot:Publish', [resource('iot:Connection.Thing.ThingName'), `${ARN}:topic/other`]));
    expect(isAllowed([document], publish('other'), DETACHED)).toBe(true);
  });

  test('a Deny on a variable without value denies nothing', () => {
    const document = policy(allow('*', '*'), deny('iot:Publish', '*${iot:Connection.Thing.ThingName}*'));
    expect(isAllowed([document], publish('lamp'), DETACHED)).toBe(true);
    expect(isAllowed([document], publish('lamp'), THING)).toBe(false);
  });

  test('two variables and wildcards stand side by side', () => {
    const document = policy(allow('iot:Publish', `${ARN}:topic/\${iot:ClientId}\${iot:CertificateId}/*/?`));
    expect(isAllowed([document], publish('lampc0ffee/a/b/c'), THING)).toBe(true);
    expect(isAllowed([document], publish('lamp/a/b/c'), THING)).toBe(false);
  });

  test.each([
    ['${*}', '*', 'a'],
    ['${?}', '?', 'a'],
    ['${$}{iot:ClientId}', '${iot:ClientId}', 'lamp'],
    ['$aws/a', '$aws/a', 'aws/a'],
    ['${iot:ClientId', '${iot:ClientId', 'lamp'],
  ])('%s is the text %s, not %s', (text, taken, refused) => {
    const document = policy(allow('iot:Publish', `${ARN}:topic/${text}`));
    expect(isAllowed([document], publish(taken), THING)).toBe(true);
    expect(isAllowed([document], publish(refused), THING)).toBe(false);
  });

  test.each(['*', '?', 'l*p', '??', '#', '+'])('a client id %s is itself and nothing more', (clientId) => {
    const document = policy(allow('iot:Publish', `${ARN}:topic/\${iot:ClientId}/x`));
    const context = { ...THING, clientId };
    expect(isAllowed([document], publish(`${clientId}/x`), context)).toBe(true);
    expect(isAllowed([document], publish('lamp/x'), context)).toBe(false);
    expect(isAllowed([document], publish('ab/x'), context)).toBe(false);
  });

  test('the value of a variable is not looked at for variables', () => {
    const document = policy(allow('iot:Publish', `${ARN}:topic/\${iot:ClientId}`));
    const context = { ...THING, clientId: '${iot:CertificateId}' };
    expect(isAllowed([document], publish('c0ffee'), context)).toBe(false);
  });

  test.each([undefined, '2008-10-17'])('a variable is plain text in version %s', (Version) => {
    const document = JSON.stringify({ Version, Statement: allow('iot:Publish', `${ARN}:topic/\${iot:ClientId}`) });
    expect(isAllowed([document], publish('lamp'), THING)).toBe(false);
    expect(isAllowed([document], publish('${iot:ClientId}'), THING)).toBe(true);
  });
});

describe('as a key of a condition', () => {
  // A certificate's value is compared whatever it is: only replacement has limits.
  const special = ['Title', 'Surname', 'List', 'Nickname', 'iot:Thing'];
  test.each(
    VARIABLES.filter(([name]) => !special.some((part) => name.includes(part))),
  )('%s %s', (variable, _, context, value) => {
    const on = (operator: string, wanted: string) =>
      isAllowed([policy(allow('*', '*', { [operator]: { [variable]: wanted } }))], publish('a'), context);
    expect(on('StringEquals', value ?? 'x')).toBe(value !== undefined);
    expect(on('StringEquals', 'something else')).toBe(false);
    expect(on('StringNotEquals', value ?? 'x')).toBe(value === undefined);
    expect(on('StringEqualsIfExists', 'something else')).toBe(value === undefined);
  });

  test('a certificate value with a wildcard is compared as it is', () => {
    const on = (Title: string) => allow('*', '*', { StringEquals: { 'iot:Certificate.Subject.Title': Title } });
    expect(isAllowed([policy(on('a*'))], publish('a'), THING)).toBe(true);
    expect(isAllowed([policy(on('ab'))], publish('a'), THING)).toBe(false);
  });

  test('a field that AWS does not name fails closed, though the certificate has it', () => {
    const condition = { StringEquals: { 'iot:Certificate.Subject.Nickname': 'shade' } };
    const other = { StringEquals: { 'iot:Certificate.Subject.Nickname': 'other' } };
    expect(isAllowed([policy(allow('*', '*', condition))], publish('a'), THING)).toBe(false);
    expect(isAllowed([policy(allow('*', '*'), deny('*', '*', other))], publish('a'), THING)).toBe(false);
  });

  test('List has all values, five at most', () => {
    const on = (field: string, ...values: string[]) =>
      isAllowed(
        [
          policy(
            allow('*', '*', { 'ForAllValues:StringEquals': { [`iot:Certificate.Subject.${field}.List`]: values } }),
          ),
        ],
        publish('a'),
        THING,
      );
    expect(on('Organization', 'Example Corp', 'AnyCompany', 'Other')).toBe(true);
    expect(on('Organization', 'Example Corp')).toBe(false);
    expect(on('Country', 'A', 'B', 'C', 'D', 'E')).toBe(true);
    expect(on('Country', 'A', 'B', 'C', 'D')).toBe(false);
  });
});

describe('as a value of a condition', () => {
  const same = { 'iot:Certificate.Subject.CommonName': '${iot:ClientId}-7' };

  test.each<[string, PolicyContext, boolean]>([
    ['StringEquals', THING, true],
    ['StringEquals', STRANGER, false],
    ['StringLike', THING, true],
    ['StringNotEquals', THING, false],
    ['StringNotEquals', STRANGER, true],
    ['StringEquals', HTTPS, false],
    ['StringNotEquals', HTTPS, false],
    ['ForAllValues:StringNotEquals', HTTPS, false],
  ])('an Allow with %s, case %#', (operator, context, expected) => {
    expect(isAllowed([policy(allow('*', '*', { [operator]: same }))], publish('a'), context)).toBe(expected);
  });

  test.each<[string, PolicyContext, string]>([
    ['StringEquals', THING, 'EXPLICIT_DENY'],
    ['StringEquals', STRANGER, 'ALLOWED'],
    ['StringNotEquals', STRANGER, 'EXPLICIT_DENY'],
    ['StringEquals', HTTPS, 'ALLOWED'],
    ['StringNotEquals', HTTPS, 'EXPLICIT_DENY'],
  ])('a Deny with %s, case %#', (operator, context, expected) => {
    const document = policy(allow('*', '*'), deny('*', '*', { [operator]: same }));
    expect(new PolicyEvaluator().decide([document], publish('a'), context)).toBe(expected);
  });

  test('a value is no wildcard in StringLike either', () => {
    const document = policy(
      allow('*', '*', { StringLike: { 'iot:Certificate.Subject.CommonName': '${iot:ClientId}' } }),
    );
    expect(isAllowed([document], publish('a'), { ...THING, clientId: '*' })).toBe(false);
    expect(isAllowed([document], publish('a'), { ...THING, clientId: 'lamp-7' })).toBe(true);
  });
});
