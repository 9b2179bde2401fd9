// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of policies are written so
import { describe, expect, test } from 'vitest';
import { authorizeDevice } from '../../../src/simulator/http/device-authorization.ts';
import { errorAnswer } from '../../../src/simulator/http/errors.ts';
import { PolicyEvaluator } from '../../../src/simulator/policy/policy-evaluator.ts';
import { thingArn } from '../../../src/simulator/policy/resources.ts';
import { ServiceError } from '../../../src/simulator/service-error.ts';
import { AccountLab } from '../../support/account-lab.ts';
import { ARN, allow, deny, policy } from '../policy/policies.ts';

const OPERATIONS = [
  'GetPendingJobExecutions',
  'StartNextPendingJobExecution',
  'DescribeJobExecution',
  'UpdateJobExecution',
];
const LAMP = thingArn(ARN, 'lamp');

interface Facts {
  readonly documents?: readonly string[];
  /** Of the groups of any thing. */
  readonly ofGroups?: readonly string[];
  readonly things?: readonly string[];
  readonly pem?: string;
}

/** The refusal's code, if there is one. */
function refusal(facts: Facts, operation = 'DescribeJobExecution', thingName = 'lamp'): string | undefined {
  const { documents = [], ofGroups = [], things = ['lamp'], pem } = facts;
  const registry = {
    policyDocumentsOf: (_: string, thing?: string) => (thing === undefined ? documents : [...documents, ...ofGroups]),
    thingsOfCertificate: () => things,
  };
  const options = { registry, arnPrefix: ARN, policies: new PolicyEvaluator(), certificatePemOf: () => pem };
  try {
    authorizeDevice(options, 'c0ffee', operation, thingName);
    return undefined;
  } catch (error) {
    return error instanceof ServiceError ? error.code : String(error);
  }
}

/** Made for this test: issued by CN=root. */
const PEM = `-----BEGIN CERTIFICATE-----
MIIBdjCCARugAwIBAgIUPxjQ4qUnPEzLmgQsHJyR6EbtA2cwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEcm9vdDAgFw0yNjExMjQwNDUxNTBaGA8yMTI2MTAzMTA0NTE1
MFowDzENMAsGA1UEAwwEcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEGd
4uPwpBf8qqVeguXa/nTr3X9D6YWozBcEgb0t16lHxYIjBd/x38Z39CNlcHvV22pI
XakxQfyHMB9GmxmCUeCjUzBRMB0GA1UdDgQWBBQAkZrAuJMzwlISUjZnZCNTPuZq
AjAfBgNVHSMEGDAWgBQAkZrAuJMzwlISUjZnZCNTPuZqAjAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0kAMEYCIQDG0A7JnaPOSpIQIqeScRDpsYqe8fxZXy3E
81mgz/hhSgIhALyK2j4wpA99WHESjPxszNkFcvUdlqP9zks9QANfXacL
-----END CERTIFICATE-----`;

const NO = 'ForbiddenException';

describe.each(OPERATIONS)('%s on a thing', (operation) => {
  test.each([
    `iotjobsdata:${operation}`,
    `iot:${operation}`,
    'iotjobsdata:*',
    'iot:*',
    '*',
  ])('is allowed by %s', (action) => {
    expect(refusal({ documents: [policy(allow(action, LAMP))] }, operation)).toBeUndefined();
  });

  test.each([`iotjobsdata:${operation}`, `iot:${operation}`])('is denied by %s, whatever else allows it', (action) => {
    for (const other of ['*', 'iotjobsdata:*', 'iot:*']) {
      expect(refusal({ documents: [policy(allow(other, '*')), policy(deny(action, LAMP))] }, operation)).toBe(NO);
    }
  });

  test('is not allowed by the three other operations', () => {
    const others = OPERATIONS.filter((name) => name !== operation);
    const actions = others.flatMap((name) => [`iotjobsdata:${name}`, `iot:${name}`]);
    expect(refusal({ documents: [policy(allow(actions, '*'))] }, operation)).toBe(NO);
  });
});

test.each<[string, string[]]>([
  ['no policy', []],
  ['another thing', [policy(allow('*', thingArn(ARN, 'fan')))]],
  ['a thing whose name begins alike', [policy(allow('*', thingArn(ARN, 'lam')))]],
  ['a topic of the thing', [policy(allow('*', `${ARN}:topic/$aws/things/lamp/jobs/*`))]],
  ['another account', [policy(allow('*', 'arn:aws:iot:eu-west-1:999999999999:thing/lamp'))]],
  ['the MQTT actions', [policy(allow(['iot:Connect', 'iot:Publish', 'iot:Subscribe', 'iot:Receive'], '*'))]],
  ['the thing policy variables, which need a client id', [policy(allow('*', '*${iot:Connection.Thing.ThingName}'))]],
  ['iot:ClientId, which needs one too', [policy(allow('*', '*${iot:ClientId}*'))]],
])('%s: forbidden', (_, documents) => {
  expect(refusal({ documents })).toBe(NO);
});

test('the thing of the path counts, not what the certificate is attached to', () => {
  const documents = [policy(allow('iot:*', `${ARN}:thing/fan`))];
  expect(refusal({ documents, things: ['lamp'] }, 'DescribeJobExecution', 'fan')).toBeUndefined();
  expect(refusal({ documents, things: ['fan'] }, 'DescribeJobExecution', 'lamp')).toBe(NO);
});

test('policies of groups have no effect without a client id', () => {
  expect(refusal({ ofGroups: [policy(allow('*', '*'))] })).toBe(NO);
});

test('the certificate id is known to the policy', () => {
  expect(
    refusal({ documents: [policy(allow('*', '*', { StringEquals: { 'iot:CertificateId': 'c0ffee' } }))] }),
  ).toBeUndefined();
});

test("the certificate's issuer is known to the policy when the certificate is", () => {
  const documents = [policy(allow('*', '*', { StringEquals: { 'iot:Certificate.Issuer.CommonName': 'root' } }))];
  expect(refusal({ documents })).toBe(NO);
  expect(refusal({ documents, pem: PEM })).toBeUndefined();
});

test('the refusal names operation and thing, and is 403 on the wire', () => {
  const registry = { policyDocumentsOf: () => [], thingsOfCertificate: () => [] };
  const options = { registry, arnPrefix: ARN, policies: new PolicyEvaluator() };
  let refused: unknown;
  try {
    authorizeDevice(options, 'c0ffee', 'UpdateJobExecution', 'lamp');
  } catch (error) {
    refused = error;
  }
  expect(errorAnswer(refused, 'iot-jobs-data')).toEqual({
    status: 403,
    type: 'ForbiddenException',
    message: `The certificate's policies do not allow UpdateJobExecution on ${LAMP}`,
  });
});

test('the registry of an account is what it asks', () => {
  const { account } = new AccountLab();
  const options = { registry: account.registry, arnPrefix: account.arnPrefix, policies: new PolicyEvaluator() };
  expect(() => authorizeDevice(options, 'c0ffee', 'UpdateJobExecution', 'lamp')).toThrow(ServiceError);
});
