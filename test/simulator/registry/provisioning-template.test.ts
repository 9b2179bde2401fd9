import { expect, test } from 'vitest';
import {
  type ProvisioningPlan,
  parseTemplate,
  planProvisioning,
} from '../../../src/simulator/registry/provisioning-template.ts';

function plan(template: object, parameters: Record<string, string> = {}): ProvisioningPlan {
  return planProvisioning(parseTemplate(JSON.stringify(template)), parameters);
}

/** The value that a template's function gives, seen through the device configuration. */
function value(expression: unknown, parameters: Record<string, string> = {}, mappings = {}): unknown {
  const template = { Mappings: mappings, Resources: {}, DeviceConfiguration: { value: expression } };
  return plan(template, parameters).deviceConfiguration['value'];
}

function thing(properties: object, overrides: object = {}) {
  return { t: { Type: 'AWS::IoT::Thing', Properties: properties, OverrideSettings: overrides } };
}

function certificate(properties: object) {
  return { c: { Type: 'AWS::IoT::Certificate', Properties: properties } };
}

test('parameters take the place of their references, and defaults that of parameters not given', () => {
  const Parameters = { Name: { Type: 'String' }, Location: { Type: 'String', Default: 'WA' } };
  const Resources = thing({
    ThingName: { Ref: 'Name' },
    AttributePayload: { at: { Ref: 'Location' } },
    ThingGroups: ['all', { Ref: 'Location' }],
  });
  expect(plan({ Parameters, Resources }, { Name: 'lamp' }).thing).toEqual({
    logicalId: 't',
    thingName: 'lamp',
    attributes: { at: 'WA' },
    groups: ['all', 'WA'],
    overrideAttributes: 'DO_NOTHING',
    overrideGroups: 'DO_NOTHING',
  });
  expect(plan({ Parameters, Resources }, { Name: 'lamp', Location: 'NY' }).thing?.groups).toEqual(['all', 'NY']);
  expect(() => plan({ Parameters, Resources })).toThrow('Cannot resolve reference value: {Ref=Name}');
});

test("the service's own parameters, and those that only a hook would see, need no declaration", () => {
  expect(value({ Ref: 'AWS::IoT::Certificate::Id' }, { 'AWS::IoT::Certificate::Id': '1', Hook: 'x' })).toBe('1');
});

test('a name of every object is no parameter', () => {
  expect(() => value({ Ref: 'constructor' })).toThrow('Cannot resolve');
});

test('functions join, select, split and look up, one in the other', () => {
  const maps = { Sites: { Seattle: { Url: 'https://example.aws' } } };
  expect(value({ 'Fn::Join': ['-', ['a', { Ref: 'B' }]] }, { B: 'b' })).toBe('a-b');
  expect(value({ 'Fn::Select': ['1', { 'Fn::Split': [',', 'x,y'] }] })).toBe('y');
  expect(value({ 'Fn::Select': [0, ['x']] })).toBe('x');
  expect(value({ 'Fn::FindInMap': ['Sites', { Ref: 'At' }, 'Url'] }, { At: 'Seattle' }, maps)).toBe(
    'https://example.aws',
  );
});

test.each([
  [{ 'Fn::Join': ['-', 'a'] }, 'Fn::Join'],
  [{ 'Fn::Select': [2, ['x']] }, 'Fn::Select'],
  [{ 'Fn::Split': ['', 'x'] }, 'Fn::Split'],
  [{ 'Fn::FindInMap': ['Sites', 'Seattle', 'Url'] }, 'Fn::FindInMap'],
  [{ 'Fn::Sub': 'x' }, 'Fn::Sub is not simulated'],
])('%j is refused', (expression, message) => {
  expect(() => value(expression)).toThrow(message);
});

test('a certificate comes from a signing request, an id or a PEM, and from one of them only', () => {
  const source = (properties: object) => plan({ Resources: certificate(properties) }).certificate;
  expect(source({ CertificateSigningRequest: 'x' })).toMatchObject({
    source: { kind: 'csr', csr: 'x' },
    status: 'ACTIVE',
  });
  expect(source({ CertificateId: '1', Status: 'Inactive' })).toMatchObject({
    source: { kind: 'id', certificateId: '1' },
    status: 'INACTIVE',
  });
  expect(source({ CertificateID: '1' })?.source).toEqual({ kind: 'id', certificateId: '1' });
  expect(source({ CertificatePem: 'p', CACertificatePem: 'q' })?.source).toEqual({
    kind: 'pem',
    certificatePem: 'p',
    caCertificatePem: 'q',
  });
  expect(() => source({})).toThrow('expected one of');
  expect(() => source({ CertificateId: '1', CertificatePem: 'p' })).toThrow('expected one of');
  expect(() => source({ CertificateId: '1', Status: 'REVOKED' })).toThrow('Status');
});

test('a policy has a name or a document, as text or as an object', () => {
  const policy = (properties: object) =>
    plan({ Resources: { p: { Type: 'AWS::IoT::Policy', Properties: properties } } }).policies;
  expect(policy({ PolicyName: 'n' })).toEqual([{ logicalId: 'p', policyName: 'n' }]);
  expect(policy({ PolicyDocument: '{"a":1}' })).toEqual([{ logicalId: 'p', policyDocument: '{"a":1}' }]);
  expect(policy({ PolicyDocument: { a: 1 } })).toEqual([{ logicalId: 'p', policyDocument: '{"a":1}' }]);
  expect(() => policy({})).toThrow('but not both');
  expect(() => policy({ PolicyName: 'n', PolicyDocument: '{}' })).toThrow('but not both');
});

test('what is not simulated, or no part of a template, is refused by name', () => {
  expect(() => plan({ Resources: thing({ ThingName: 't', ThingTypeName: 'lamp' }) })).toThrow('t.ThingTypeName');
  expect(() => plan({ Resources: thing({ ThingName: 't' }, { Attributes: 'MERGE' }) })).toThrow('Attributes');
  expect(() => plan({ Resources: { ...thing({ ThingName: 't' }), u: thing({ ThingName: 'u' }).t } })).toThrow(
    'more than one',
  );
  expect(() => plan({ Resources: {}, Outputs: {} })).toThrow('Outputs');
  expect(() => plan({})).toThrow('Resources');
  expect(() => parseTemplate('no')).toThrow('not JSON');
});

test.each(['ThingTypeName', 'BillingGroup'])('%s of a thing is refused by name', (property) => {
  const template = parseTemplate(
    JSON.stringify({
      Parameters: {},
      Resources: { thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: 'a', [property]: 'b' } } },
    }),
  );
  expect(() => planProvisioning(template, {})).toThrow(`${property}: is not simulated`);
});
