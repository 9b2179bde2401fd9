import { describe, expect, test } from 'vitest';
import { checkPolicyDocument } from '../../../src/simulator/registry/policy-document.ts';

const STATEMENT = { Effect: 'Allow', Action: 'iot:Publish', Resource: '*' };

function document(statement: unknown, more: object = { Version: '2012-10-17' }): string {
  return JSON.stringify({ ...more, Statement: statement });
}

describe('a policy document is taken', () => {
  test.each([
    ['with one statement in a list', document([STATEMENT])],
    ['with one statement by itself', document(STATEMENT)],
    ['without a version', document([STATEMENT], {})],
    ['with the older version and an id', document([STATEMENT], { Version: '2008-10-17', Id: 'x' })],
    [
      'with lists of actions and resources',
      document([{ ...STATEMENT, Action: ['iot:*'], Resource: ['arn:aws:iot:x'] }]),
    ],
    ['with a denial of everything', document([{ Effect: 'Deny', Action: '*', Resource: '*' }])],
    [
      'with a condition and an id in its statement',
      document([{ ...STATEMENT, Sid: 'a', Condition: { Bool: { 'iot:Connection.Thing.IsAttached': 'true' } } }]),
    ],
    [
      'with the variables of AWS IoT',
      document([{ ...STATEMENT, Resource: `arn:aws:iot:*:*:topic/\${iot:ClientId}/?` }]),
    ],
    ['of 2048 characters and white space', `${document([{ ...STATEMENT, Sid: '' }]).padEnd(4000)}`],
  ])('%s', (_name, text) => {
    checkPolicyDocument(text);
  });
});

describe('a policy document is refused, with the place named', () => {
  test.each([
    ['that is not JSON', '{', 'not JSON'],
    [
      'with a certificate’s serial number',
      document([{ ...STATEMENT, Resource: `arn:aws:iot:*:*:topic/\${iot:Certificate.SerialNumber}` }]),
      'iot:Certificate.SerialNumber is not simulated',
    ],
    [
      'with an alternative name',
      document([
        { ...STATEMENT, Condition: { StringEquals: { 'iot:Certificate.Subject.AlternativeName.DNSName': 'x' } } },
      ]),
      'AlternativeName.DNSName is not simulated',
    ],
    ['that is no object', '[]', 'not a JSON object'],
    ['of an unknown version', document([STATEMENT], { Version: '2020-01-01' }), 'Version'],
    ['with an unknown element', document([STATEMENT], { Statements: [] }), 'Statements'],
    ['without a statement', '{"Version":"2012-10-17"}', 'Statement[0]'],
    ['with an empty list of statements', document([]), 'Statement'],
    ['without an effect', document([{ Action: '*', Resource: '*' }]), 'Statement[0].Effect'],
    ['with another effect', document([STATEMENT, { ...STATEMENT, Effect: 'allow' }]), 'Statement[1].Effect'],
    ['without an action', document([{ Effect: 'Allow', Resource: '*' }]), 'Statement[0].Action'],
    ['with an action of no service', document([{ ...STATEMENT, Action: 'Publish' }]), 'Statement[0].Action'],
    ['with no actions', document([{ ...STATEMENT, Action: [] }]), 'Statement[0].Action'],
    ['without a resource', document([{ Effect: 'Allow', Action: '*' }]), 'Statement[0].Resource'],
    ['with a resource that is no ARN', document([{ ...STATEMENT, Resource: ['*', 'topic'] }]), 'Statement[0].Resource'],
    ['with an element of IAM alone', document([{ ...STATEMENT, NotAction: '*' }]), 'Statement[0].NotAction'],
    ['with a condition that is none', document([{ ...STATEMENT, Condition: 'x' }]), 'Statement[0].Condition'],
    [
      'with an operator that is not simulated',
      document([{ ...STATEMENT, Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }]),
      'Statement[0].Condition.IpAddress',
    ],
    ['of 2049 characters', document([{ ...STATEMENT, Sid: 'x'.repeat(2049) }]), 'at most 2048'],
  ])('%s', (_name, text, place) => {
    expect(() => checkPolicyDocument(text)).toThrow(place);
  });
});
