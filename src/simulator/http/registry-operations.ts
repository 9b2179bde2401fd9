import type { CertificateAuthority } from '../certificate-authority.ts';
import type { Registry } from '../registry/registry.ts';
import { ServiceError } from '../service-error.ts';
import { type Call, flag, type Handlers, page, param, required } from './call.ts';

/** What the control plane's registry operations work on. */
export interface RegistryFront {
  readonly registry: Registry;
  readonly authority: CertificateAuthority;
  /** `host:port` for an endpoint type; undefined for a type that is not simulated. */
  endpoint(type: string): string | undefined;
}

/** Things, certificates, policies and their attachment (AWS IoT API reference). */
export function registryOperations({ registry, authority, endpoint }: RegistryFront): Handlers {
  const { things, certificates, policies } = registry;
  return {
    CreateThing: (call) => {
      notSimulated(call, ['thingTypeName', 'billingGroupName']);
      const { thingName, thingArn, thingId } = things.create(param(call, 'thingName'), attributesOf(call));
      return { thingName, thingArn, thingId };
    },
    DescribeThing: (call) => {
      const { principals: _, ...thing } = things.describe(param(call, 'thingName'));
      return { ...thing, defaultClientId: thing.thingName };
    },
    ListThings: (call) => {
      const { items, ...rest } = page(call, things.list());
      return {
        things: items.map(({ thingName, thingArn, attributes, version }) => ({
          thingName,
          thingArn,
          attributes,
          version,
        })),
        ...rest,
      };
    },
    DeleteThing: (call) => things.delete(param(call, 'thingName')),
    CreateKeysAndCertificate: async (call) => {
      const active = flag(call, 'setAsActive');
      const { certificatePem, privateKey, publicKey } = await authority.issueDeviceCertificate();
      const { certificateId, certificateArn } = certificates.register(certificatePem, active ? 'ACTIVE' : 'INACTIVE');
      const keyPair = { PublicKey: publicKey, PrivateKey: privateKey };
      return { certificateArn, certificateId, certificatePem, keyPair };
    },
    DescribeCertificate: (call) => {
      const { policies: _, ...certificate } = certificates.describe(param(call, 'certificateId'));
      return { certificateDescription: certificate };
    },
    ListCertificates: (call) => {
      const { items, nextToken } = page(call, certificates.list(), 'pageSize', 'marker');
      return {
        certificates: items.map(({ certificateArn, certificateId, status, creationDate }) => ({
          certificateArn,
          certificateId,
          status,
          creationDate,
        })),
        ...(nextToken !== undefined && { nextMarker: nextToken }),
      };
    },
    UpdateCertificate: (call) => certificates.update(param(call, 'certificateId'), call.query['newStatus']),
    DeleteCertificate: (call) => registry.deleteCertificate(param(call, 'certificateId'), flag(call, 'forceDelete')),
    CreatePolicy: (call) => {
      const policy = policies.create(param(call, 'policyName'), call.body['policyDocument']);
      const { policyName, policyArn, policyDocument, defaultVersionId: policyVersionId } = policy;
      return { policyName, policyArn, policyDocument, policyVersionId };
    },
    GetPolicy: (call) => policies.get(param(call, 'policyName')),
    AttachPolicy: (call) => registry.attachPolicy(param(call, 'policyName'), required(call.body['target'], 'target')),
    DetachPolicy: (call) => registry.detachPolicy(param(call, 'policyName'), required(call.body['target'], 'target')),
    AttachThingPrincipal: (call) => registry.attachThingPrincipal(param(call, 'thingName'), principalOf(call)),
    DetachThingPrincipal: (call) => things.detachPrincipal(param(call, 'thingName'), principalOf(call)),
    ListThingPrincipals: (call) => {
      const { items, ...rest } = page(call, things.describe(param(call, 'thingName')).principals);
      return { principals: items, ...rest };
    },
    DescribeEndpoint: (call) => {
      const type = call.query['endpointType'] ?? 'iot:Data';
      const endpointAddress = endpoint(type);
      if (endpointAddress) return { endpointAddress };
      throw new ServiceError('InvalidRequestException', `endpointType: ${JSON.stringify(type)} is not simulated`);
    },
  };
}

function principalOf(call: Call): string {
  return required(call.header('x-amzn-principal'), 'x-amzn-principal');
}

function attributesOf(call: Call): Record<string, string> {
  const payload = call.body['attributePayload'];
  if (payload === undefined || payload === null) return {};
  const attributes = typeof payload === 'object' && 'attributes' in payload ? (payload.attributes ?? {}) : {};
  const entries = Object.entries(attributes);
  for (const [key, value] of entries) {
    if (typeof value !== 'string') {
      throw new ServiceError('InvalidRequestException', `attributePayload.attributes.${key}: expected a string`);
    }
  }
  return Object.fromEntries(entries);
}

/** A field that would be ignored is refused instead: nobody shall believe that it took effect. */
function notSimulated(call: Call, fields: readonly string[]): void {
  const field = fields.find((name) => call.body[name] !== undefined && call.body[name] !== null);
  if (field) throw new ServiceError('InvalidRequestException', `${field} is not simulated`);
}
