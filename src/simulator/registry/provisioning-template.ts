import * as v from 'valibot';
import type { Attributes } from './attributes.ts';
import { invalidRequest } from './refusals.ts';
import { STRING_MAP } from './string-map.ts';
import { isObject, resolve, type TemplateScope } from './template-functions.ts';

/** What to do with a resource that exists already (developer guide, "Override settings"). */
export type Override = 'DO_NOTHING' | 'REPLACE' | 'FAIL' | 'MERGE';

export interface PlannedThing {
  readonly logicalId: string;
  readonly thingName: string;
  readonly attributes: Attributes;
  readonly groups: readonly string[];
  readonly overrideAttributes: Override;
  readonly overrideGroups: Override;
}

/** How the template names its certificate: exactly one of the three. */
export type CertificateSource =
  | { readonly kind: 'csr'; readonly csr: string }
  | { readonly kind: 'id'; readonly certificateId: string }
  | { readonly kind: 'pem'; readonly certificatePem: string; readonly caCertificatePem: string | undefined };

export interface PlannedCertificate {
  readonly logicalId: string;
  readonly source: CertificateSource;
  readonly status: 'ACTIVE' | 'INACTIVE';
  readonly overrideStatus: Override;
}

/** Either the name of a policy that exists, or a document. */
export type PlannedPolicy =
  | { readonly logicalId: string; readonly policyName: string }
  | { readonly logicalId: string; readonly policyDocument: string };

/** What a template asks for, with its parameters in place: nothing is done yet. */
export interface ProvisioningPlan {
  readonly thing: PlannedThing | undefined;
  readonly certificate: PlannedCertificate | undefined;
  readonly policies: readonly PlannedPolicy[];
  readonly deviceConfiguration: Readonly<Record<string, unknown>>;
}

const anything = v.record(v.string(), v.unknown());
const override = v.optional(v.picklist(['DO_NOTHING', 'REPLACE', 'FAIL', 'MERGE']));
const text = v.pipe(v.string(), v.nonEmpty());

const TEMPLATE = v.strictObject({
  Parameters: v.optional(
    v.record(v.string(), v.strictObject({ Type: v.literal('String'), Default: v.optional(v.string()) })),
  ),
  Mappings: v.optional(v.record(v.string(), v.record(v.string(), anything))),
  Resources: v.record(
    v.string(),
    v.strictObject({
      Type: v.picklist(['AWS::IoT::Thing', 'AWS::IoT::Certificate', 'AWS::IoT::Policy']),
      Properties: v.optional(anything, {}),
      OverrideSettings: v.optional(anything, {}),
    }),
  ),
  DeviceConfiguration: v.optional(anything, {}),
});

/** A template whose outer shape is right; its values are checked when it is applied. */
export type Template = v.InferOutput<typeof TEMPLATE>;

/** What a thing of AWS can have and one of the simulator cannot. */
const notSimulated = v.optional(v.never('is not simulated'));

const THING = v.strictObject({
  // The guide's examples leave it out in places, but no rule says what the thing is called then.
  ThingName: text,
  AttributePayload: v.optional(STRING_MAP, {}),
  ThingGroups: v.optional(v.array(text), []),
  ThingTypeName: notSimulated,
  BillingGroup: notSimulated,
});
const THING_OVERRIDES = v.strictObject({ AttributePayload: override, ThingGroups: override, ThingTypeName: override });
const CERTIFICATE = v.strictObject({
  CertificateSigningRequest: v.optional(text),
  CertificateId: v.optional(text),
  /** The guide's list of properties spells it so, its examples as above. */
  CertificateID: v.optional(text),
  CertificatePem: v.optional(text),
  CACertificatePem: v.optional(text),
  // The fleet example of the guide has "Active".
  Status: v.optional(v.pipe(v.string(), v.toUpperCase(), v.picklist(['ACTIVE', 'INACTIVE'])), 'ACTIVE'),
});
const CERTIFICATE_OVERRIDES = v.strictObject({ Status: override });
const POLICY = v.strictObject({ PolicyName: v.optional(text), PolicyDocument: v.optional(v.union([text, anything])) });

/**
 * Reads a template body (developer guide, "Provisioning templates").
 * @throws ServiceError InvalidRequestException that names the place
 */
export function parseTemplate(body: string): Template {
  return checked(TEMPLATE, parseJson(body), '');
}

/**
 * Puts parameters into a template. It decides and changes nothing: RegisterThing and fleet provisioning act on the plan.
 * A parameter that the template does not declare is no error: a device may send some for the pre-provisioning hook alone
 * (developer guide, "Fleet provisioning MQTT API").
 * @throws ServiceError InvalidRequestException
 */
export function planProvisioning(template: Template, given: Readonly<Record<string, string>>): ProvisioningPlan {
  const scope = { parameters: parametersOf(template, given), mappings: template.Mappings ?? {} };
  const resources = Object.entries(template.Resources).map(([logicalId, { Type, Properties, OverrideSettings }]) => ({
    logicalId,
    type: Type,
    properties: resolve(Properties, scope),
    overrides: OverrideSettings,
  }));
  const things = resources.filter(({ type }) => type === 'AWS::IoT::Thing');
  const certificates = resources.filter(({ type }) => type === 'AWS::IoT::Certificate');
  if (things.length > 1 || certificates.length > 1) throw invalid('it has more than one thing or certificate');
  return {
    thing: things.map(planThing)[0],
    certificate: certificates.map(planCertificate)[0],
    policies: resources.filter(({ type }) => type === 'AWS::IoT::Policy').map(planPolicy),
    deviceConfiguration: objectOf(resolve(template.DeviceConfiguration, scope)),
  };
}

interface Resource {
  readonly logicalId: string;
  readonly properties: unknown;
  readonly overrides: unknown;
}

function parametersOf(
  { Parameters = {} }: Template,
  given: Readonly<Record<string, string>>,
): TemplateScope['parameters'] {
  const defaults = Object.entries(Parameters).flatMap(([name, { Default }]) =>
    Default === undefined ? [] : [[name, Default] as const],
  );
  return { ...Object.fromEntries(defaults), ...given };
}

function planThing({ logicalId, properties, overrides }: Resource): PlannedThing {
  const { ThingName, AttributePayload, ThingGroups } = checked(THING, properties, logicalId);
  const settings = checked(THING_OVERRIDES, overrides, `${logicalId}.OverrideSettings`);
  return {
    logicalId,
    thingName: ThingName,
    attributes: AttributePayload,
    groups: ThingGroups,
    // No source says what holds without a setting: what is there is left as it is.
    overrideAttributes: settings.AttributePayload ?? 'DO_NOTHING',
    overrideGroups: settings.ThingGroups ?? 'DO_NOTHING',
  };
}

function planCertificate({ logicalId, properties, overrides }: Resource): PlannedCertificate {
  const given = checked(CERTIFICATE, properties, logicalId);
  const settings = checked(CERTIFICATE_OVERRIDES, overrides, `${logicalId}.OverrideSettings`);
  if (settings.Status === 'MERGE') throw invalid(`${logicalId}.OverrideSettings.Status: MERGE is for things only`);
  const certificateId = given.CertificateId ?? given.CertificateID;
  const sources: CertificateSource[] = [];
  if (given.CertificateSigningRequest !== undefined)
    sources.push({ kind: 'csr', csr: given.CertificateSigningRequest });
  if (certificateId !== undefined) sources.push({ kind: 'id', certificateId });
  if (given.CertificatePem !== undefined) {
    sources.push({ kind: 'pem', certificatePem: given.CertificatePem, caCertificatePem: given.CACertificatePem });
  }
  const [source, ...others] = sources;
  if (!source || others.length > 0) {
    throw invalid(`${logicalId}: expected one of CertificateSigningRequest, CertificateId and CertificatePem`);
  }
  return { logicalId, source, status: given.Status, overrideStatus: settings.Status ?? 'REPLACE' };
}

function planPolicy({ logicalId, properties, overrides }: Resource): PlannedPolicy {
  const { PolicyName, PolicyDocument } = checked(POLICY, properties, logicalId);
  // "OverrideSettings are not available for policy resources."
  checked(v.strictObject({}), overrides, `${logicalId}.OverrideSettings`);
  // "PolicyName or PolicyDocument, but not both, must be specified."
  if (PolicyName !== undefined && PolicyDocument === undefined) return { logicalId, policyName: PolicyName };
  if (PolicyName !== undefined || PolicyDocument === undefined) {
    throw invalid(`${logicalId}: expected PolicyName or PolicyDocument, but not both`);
  }
  const policyDocument = typeof PolicyDocument === 'string' ? PolicyDocument : JSON.stringify(PolicyDocument);
  return { logicalId, policyDocument };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

function checked<S extends v.GenericSchema>(schema: S, value: unknown, where: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = [where, v.getDotPath(issue)].filter((part) => part).join('.');
  throw invalid(`${path || 'template'}: ${issue.message}`);
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid('it is not JSON');
    throw error;
  }
}

function invalid(why: string): Error {
  return invalidRequest(`Invalid registration template. ${why}`);
}
