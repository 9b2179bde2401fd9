import { X509Certificate } from 'node:crypto';
import {
  CreateProvisioningClaimCommand,
  CreateProvisioningTemplateCommand,
  CreateProvisioningTemplateVersionCommand,
  DeleteProvisioningTemplateCommand,
  DescribeProvisioningTemplateCommand,
  ListProvisioningTemplatesCommand,
  RegisterThingCommand,
} from '@aws-sdk/client-iot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlPlaneLab, openControlPlane, ROLE_ARN, refusal } from './control-plane-lab.ts';

const ARN = 'arn:aws:iot:us-east-1:123456789012';
const POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Publish","Resource":"*"}]}';
let lab: ControlPlaneLab;

beforeAll(async () => {
  lab = await openControlPlane();
});

afterAll(() => lab.close());

const create = (templateName: string, changes: Partial<CreateProvisioningTemplateCommand['input']> = {}) =>
  lab.iot.send(
    new CreateProvisioningTemplateCommand({
      ...{ templateName, templateBody: '{"Resources":{}}', provisioningRoleArn: ROLE_ARN, ...changes },
    }),
  );
const describe = (templateName: string) => lab.iot.send(new DescribeProvisioningTemplateCommand({ templateName }));

function register(resources: object, parameters: Record<string, string> = {}) {
  const declared = Object.keys(parameters).map((name) => [name, { Type: 'String' }]);
  const templateBody = JSON.stringify({ Parameters: Object.fromEntries(declared), Resources: resources });
  return lab.iot.send(new RegisterThingCommand({ templateBody, parameters }));
}

async function deviceCertificate(status: 'ACTIVE' | 'INACTIVE' = 'INACTIVE') {
  const { certificatePem } = await lab.authority.issueDeviceCertificate();
  return lab.registry.certificates.register(certificatePem, status);
}

test('a template is created, described, listed and deleted', async () => {
  const templateArn = `${ARN}:provisioningtemplate/line`;
  expect(await create('line', { description: 'the line', enabled: true })).toMatchObject({
    templateArn,
    templateName: 'line',
    defaultVersionId: 1,
  });
  const { $metadata: _, ...described } = await describe('line');
  expect(described).toEqual({
    templateArn,
    templateName: 'line',
    description: 'the line',
    creationDate: expect.any(Date),
    lastModifiedDate: expect.any(Date),
    defaultVersionId: 1,
    templateBody: '{"Resources":{}}',
    enabled: true,
    provisioningRoleArn: ROLE_ARN,
    type: 'FLEET_PROVISIONING',
  });
  await create('other');
  const { templates, nextToken } = await lab.iot.send(new ListProvisioningTemplatesCommand({ maxResults: 1 }));
  expect(templates).toEqual([
    {
      templateArn,
      templateName: 'line',
      description: 'the line',
      creationDate: expect.any(Date),
      lastModifiedDate: expect.any(Date),
      enabled: true,
      type: 'FLEET_PROVISIONING',
    },
  ]);
  const rest = await lab.iot.send(new ListProvisioningTemplatesCommand({ nextToken }));
  expect(rest.templates).toMatchObject([{ templateName: 'other', enabled: false }]);
  await expect(create('line')).rejects.toMatchObject(refusal('ResourceAlreadyExistsException', 409));
  const remove = new DeleteProvisioningTemplateCommand({ templateName: 'line' });
  await lab.iot.send(remove);
  await expect(lab.iot.send(remove)).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
  await expect(describe('line')).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
});

test('a template that is no template, and what is not simulated of one, are refused', async () => {
  const invalid = refusal('InvalidRequestException', 400);
  await expect(create('t', { templateBody: '[]' })).rejects.toMatchObject(invalid);
  await expect(create('t', { templateBody: '{"Resources":{"a":{"Type":"AWS::S3::Bucket"}}}' })).rejects.toMatchObject(
    invalid,
  );
  await expect(create('n'.repeat(37))).rejects.toMatchObject(invalid);
  await expect(create('t', { preProvisioningHook: { targetArn: 'arn' } })).rejects.toMatchObject({
    ...invalid,
    message: 'preProvisioningHook is not simulated',
  });
  await expect(create('t', { type: 'JITP' })).rejects.toMatchObject({
    ...invalid,
    message: 'type: JITP is not simulated',
  });
});

test('a template has up to 5 versions, of which one is the default', async () => {
  await create('versioned');
  const version = (templateBody: string, setAsDefault?: boolean) =>
    lab.iot.send(
      new CreateProvisioningTemplateVersionCommand({ templateName: 'versioned', templateBody, setAsDefault }),
    );
  const second = '{"Resources":{},"DeviceConfiguration":{"v":2}}';
  expect(await version(second)).toMatchObject({ versionId: 2, isDefaultVersion: false });
  expect(await describe('versioned')).toMatchObject({ defaultVersionId: 1, templateBody: '{"Resources":{}}' });
  expect(await version(second, true)).toMatchObject({ versionId: 3, isDefaultVersion: true });
  expect(await describe('versioned')).toMatchObject({ defaultVersionId: 3, templateBody: second });
  await version(second);
  await version(second);
  await expect(version(second)).rejects.toMatchObject(refusal('VersionsLimitExceededException', 409));
});

test('a claim is a certificate for five minutes that may provision with its template and no more', async () => {
  await create('claimed');
  const before = lab.clock.now();
  const claim = await lab.iot.send(new CreateProvisioningClaimCommand({ templateName: 'claimed' }));
  expect(Number(claim.expiration) - before).toBeGreaterThanOrEqual(5 * 60_000 - 1000);
  expect(Number(claim.expiration) - before).toBeLessThan(5 * 60_000 + 60_000);
  const certificate = new X509Certificate(claim.certificatePem ?? '');
  expect(Math.abs(Date.parse(certificate.validTo) - Number(claim.expiration))).toBeLessThan(1000);
  expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.now());
  expect(lab.authority.issued(claim.certificatePem ?? '')).toBe(true);
  expect(claim.keyPair?.PrivateKey).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
  const { certificateId = '' } = claim;
  expect(lab.registry.policyDocumentsOf(certificateId).join()).toContain(
    'topic/$aws/provisioning-templates/claimed/provision/*',
  );
  expect(lab.registry.certificates.list()).toEqual([]);
  expect(lab.registry.certificateStatus(certificateId)).toBe('ACTIVE');
  lab.clock.advance(5 * 60_000);
  expect(lab.registry.certificateStatus(certificateId)).toBe('INACTIVE');
  const missing = new CreateProvisioningClaimCommand({ templateName: 'never' });
  await expect(lab.iot.send(missing)).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
});

test('RegisterThing makes a thing in its groups, with an active certificate and its policy', async () => {
  lab.registry.groups.create('lamps');
  const { certificateId, certificateArn, certificatePem } = await deviceCertificate();
  const answer = await register(
    {
      thing: {
        Type: 'AWS::IoT::Thing',
        Properties: {
          ThingName: { 'Fn::Join': ['', ['lamp-', { Ref: 'Serial' }]] },
          AttributePayload: { version: 'v1', serial: { Ref: 'Serial' } },
          ThingGroups: ['lamps'],
        },
      },
      certificate: { Type: 'AWS::IoT::Certificate', Properties: { CertificateId: { Ref: 'Id' } } },
      policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument: POLICY } },
    },
    { Serial: '7', Id: certificateId },
  );
  expect(answer.certificatePem).toBe(certificatePem);
  expect(answer.resourceArns).toEqual({
    thing: `${ARN}:thing/lamp-7`,
    certificate: certificateArn,
    policy: expect.stringMatching(/:policy\/[0-9a-f]{64}$/),
  });
  expect(lab.registry.things.describe('lamp-7').attributes).toEqual({ version: 'v1', serial: '7' });
  expect(lab.registry.thingsInGroup('lamps')).toEqual(['lamp-7']);
  expect(lab.registry.certificateStatus(certificateId)).toBe('ACTIVE');
  expect(lab.registry.thingsOfCertificate(certificateId)).toEqual(['lamp-7']);
  expect(lab.registry.policyDocumentsOf(certificateId)).toEqual([POLICY]);
});

test('RegisterThing takes a certificate of our authority in PEM, and a policy by name', async () => {
  const { certificatePem } = await lab.authority.issueDeviceCertificate();
  lab.registry.policies.create('named', POLICY);
  const { resourceArns } = await register({
    cert: { Type: 'AWS::IoT::Certificate', Properties: { CertificatePem: certificatePem, Status: 'INACTIVE' } },
    rule: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'named' } },
  });
  const known = lab.registry.certificates.find(certificatePem);
  expect(known).toMatchObject({ status: 'INACTIVE', policies: ['named'] });
  expect(resourceArns).toEqual({ cert: known?.certificateArn, rule: `${ARN}:policy/named` });
});

test('RegisterThing that cannot find something leaves nothing behind', async () => {
  const failed = refusal('ResourceRegistrationFailureException', 400);
  const thing = { Type: 'AWS::IoT::Thing', Properties: { ThingName: 'lost', ThingGroups: ['nowhere'] } };
  await expect(register({ thing })).rejects.toMatchObject(failed);
  const alone = { Type: 'AWS::IoT::Thing', Properties: { ThingName: 'lost' } };
  const policy = { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'nowhere' } };
  await expect(register({ alone, policy })).rejects.toMatchObject(failed);
  const malformed = { Type: 'AWS::IoT::Policy', Properties: { PolicyDocument: '{}' } };
  await expect(register({ alone, malformed })).rejects.toMatchObject(failed);
  const certificate = { Type: 'AWS::IoT::Certificate', Properties: { CertificateId: '0'.repeat(64) } };
  await expect(register({ alone, certificate })).rejects.toMatchObject(failed);
  const unreadable = { Type: 'AWS::IoT::Certificate', Properties: { CertificatePem: 'no certificate' } };
  await expect(register({ alone, unreadable })).rejects.toMatchObject(failed);
  expect(lab.registry.thingExists('lost')).toBe(false);
});

test('a parameter without value cannot be resolved', async () => {
  const thing = { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'Serial' } } };
  await expect(register({ thing })).rejects.toMatchObject(
    refusal(
      'InvalidRequestException',
      400,
      'Invalid registration template. Cannot resolve reference value: {Ref=Serial}',
    ),
  );
});

test('what is there already is left, replaced, merged or a failure, as the template says', async () => {
  const { registry } = lab;
  for (const group of ['o1', 'o2', 'o3']) registry.groups.create(group);
  registry.things.create('old', { attributes: { a: '1' } });
  registry.membership.add('old', 'o1');
  const again = (properties: object, overrides?: object) =>
    register({
      thing: {
        Type: 'AWS::IoT::Thing',
        Properties: { ThingName: 'old', ...properties },
        ...(overrides && { OverrideSettings: overrides }),
      },
    });
  const properties = { AttributePayload: { b: '2' }, ThingGroups: ['o2'] };
  await again(properties);
  expect(registry.things.describe('old')).toMatchObject({ attributes: { a: '1' }, groups: ['o1'] });
  await again(properties, { AttributePayload: 'MERGE', ThingGroups: 'MERGE' });
  expect(registry.things.describe('old')).toMatchObject({ attributes: { a: '1', b: '2' }, groups: ['o1', 'o2'] });
  await again(
    { AttributePayload: { c: '3' }, ThingGroups: ['o2', 'o3'] },
    {
      AttributePayload: 'REPLACE',
      ThingGroups: 'REPLACE',
    },
  );
  expect(registry.things.describe('old')).toMatchObject({ attributes: { c: '3' }, groups: ['o2', 'o3'] });
  await expect(again(properties, { AttributePayload: 'FAIL' })).rejects.toMatchObject(
    refusal('ConflictingResourceUpdateException', 409),
  );
});

test('the status of a certificate that is there is replaced, left, or a failure', async () => {
  const { certificateId } = await deviceCertificate('INACTIVE');
  const again = (override: string) =>
    register({
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId: certificateId },
        OverrideSettings: { Status: override },
      },
    });
  await again('DO_NOTHING');
  expect(lab.registry.certificateStatus(certificateId)).toBe('INACTIVE');
  await expect(again('FAIL')).rejects.toMatchObject(refusal('ConflictingResourceUpdateException', 409));
  await again('REPLACE');
  expect(lab.registry.certificateStatus(certificateId)).toBe('ACTIVE');
  await again('FAIL');
});
