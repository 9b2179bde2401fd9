import type { PolicyContext, PolicyRequest } from './policy-request.ts';

/**
 * What a condition key or policy variable stands for: its values; `absent`, when AWS IoT Core knows it and this request
 * does not have it; `unknown`, when the simulator does not know it.
 */
export type Looked = readonly string[] | 'absent' | 'unknown';

/** X.509 certificate policy variables (AWS IoT developer guide), of the subject and of the issuer. */
const CERTIFICATE_FIELDS = [
  'DistinguishedNameQualifier',
  'Country',
  'Organization',
  'OrganizationalUnit',
  'State',
  'CommonName',
  'SerialNumber',
  'Title',
  'Surname',
  'GivenName',
  'Initials',
  'Pseudonym',
  'GenerationQualifier',
];
const CERTIFICATE_FIELD = /^iot:certificate\.(subject|issuer)\.([a-z]+)(?:\.(\d+|list))?$/;
const ATTRIBUTE = /^iot:connection\.thing\.attributes\[(.+)\]$/i;
/** The keys that only some requests have, and the type of things, which the simulator's things do not have. */
const SOMETIMES = ['iot:connectattributes', 'iot:lastwilltopic', 'iot:connection.thing.thingtypename'];
/** Limitations of certificate variables: "limited to five items. Additional items are ignored", "1024 characters". */
const MOST_ITEMS = 5;
const MOST_CHARACTERS = 1024;
/** All that the guide's table "Using wildcard characters in MQTT and AWS IoT Core policies" calls a wildcard. */
const WILDCARD = /[*?+#]/;

/**
 * Names are compared without case, as in IAM ("Policy elements: variables and tags": "not case-sensitive"); names of thing
 * attributes are taken as they are. Not known: `iot:Certificate.SerialNumber` and its `AvailableKeys`, alternative names,
 * and `aws:SourceIp` unless the request brings it.
 */
export function lookUp(name: string, request: PolicyRequest, context: PolicyContext): Looked {
  const lower = name.toLowerCase();
  if (lower === 'iot:clientid') return oneOrAbsent(context.clientId);
  // Certificate policy examples of the developer guide.
  if (lower === 'iot:certificateid') return [context.certificateId];
  if (lower === 'iot:connection.thing.thingname') return oneOrAbsent(connectedThing(context));
  // "Thing name is taken as client Id": without a client id, nothing that connects is attached.
  if (lower === 'iot:connection.thing.isattached') return [String(connectedThing(context) !== undefined)];
  const attribute = ATTRIBUTE.exec(name)?.[1];
  if (attribute !== undefined) return attributeOf(attribute, context);
  const [, owner, field, which] = CERTIFICATE_FIELD.exec(lower) ?? [];
  if (field !== undefined) {
    return certificateField(owner === 'subject' ? context.certificateSubject : context.certificateIssuer, field, which);
  }
  const condition = valueByName(request.conditions, lower);
  if (condition !== undefined) return typeof condition === 'string' ? [condition] : condition;
  return SOMETIMES.includes(lower) ? 'absent' : 'unknown';
}

/** What takes the place of `${name}`. Undefined: nothing does. */
export function valueFor(name: string, request: PolicyRequest, context: PolicyContext): string | undefined {
  const looked = lookUp(name, request, context);
  // A key with several values cannot be a variable (IAM user guide, "Policy elements: variables and tags").
  if (typeof looked === 'string' || looked.length !== 1) return undefined;
  const [value] = looked;
  // "If wildcard characters are present in certificate attributes, the policy variable is not replaced" (limitations of
  // certificate variables), nor is it by a value that is too long.
  const ofCertificate = CERTIFICATE_FIELD.test(name.toLowerCase());
  if (ofCertificate && value !== undefined && (WILDCARD.test(value) || value.length > MOST_CHARACTERS))
    return undefined;
  return value;
}

/**
 * Thing policy variables: "the value of clientId in the MQTT connect message or the TLS connection must exactly match the
 * thing name", and the certificate must be attached to it.
 */
function connectedThing({ clientId, attachedThings }: PolicyContext): string | undefined {
  return clientId !== undefined && attachedThings.includes(clientId) ? clientId : undefined;
}

function attributeOf(name: string, context: PolicyContext): Looked {
  const { thingAttributes = {} } = context;
  if (connectedThing(context) === undefined || !Object.hasOwn(thingAttributes, name)) return 'absent';
  return oneOrAbsent(thingAttributes[name]);
}

/**
 * "By default, the policy variables for each multi-value attribute return the first value", another by a zero-based index;
 * "You can use the .List suffix on the policy variable name to specify all values of the attribute."
 */
function certificateField(
  fields: Readonly<Record<string, string | readonly string[]>> | undefined,
  field: string,
  which: string | undefined,
): Looked {
  if (!CERTIFICATE_FIELDS.some((known) => known.toLowerCase() === field)) return 'unknown';
  const value = valueByName(fields, field);
  if (value === undefined) return 'absent';
  const values = (typeof value === 'string' ? [value] : value).slice(0, MOST_ITEMS);
  return which === 'list' ? values : oneOrAbsent(values[Number(which ?? 0)]);
}

function valueByName(
  values: Readonly<Record<string, string | readonly string[]>> | undefined,
  lower: string,
): string | readonly string[] | undefined {
  return Object.entries(values ?? {}).find(([name]) => name.toLowerCase() === lower)?.[1];
}

function oneOrAbsent(value: string | undefined): Looked {
  return value === undefined ? 'absent' : [value];
}
