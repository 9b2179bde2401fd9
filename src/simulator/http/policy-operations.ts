import * as v from 'valibot';
import { page } from '../page.ts';
import { invalidRequest } from '../registry/refusals.ts';
import type { Registry } from '../registry/registry.ts';
import { checkTags } from '../registry/tags.ts';
import { type Call, flag, type Handlers, PAGE, param, required } from './call.ts';
import { operation } from './checked-operation.ts';
import { TAGS, TEXT } from './shapes.ts';

/** Policies, what they are attached to, and the principals of things (AWS IoT API reference). */
export function policyOperations(registry: Registry): Handlers {
  const { policies, attachments, certificates, things, tags } = registry;
  return {
    CreatePolicy: operation(
      { body: { policyDocument: v.string(), tags: v.optional(TAGS) } },
      (call, { policyDocument, tags: wanted }) => {
        checkTags(wanted);
        const policy = policies.create(param(call, 'policyName'), policyDocument);
        tags.set(policy.policyArn, wanted);
        const { policyName, policyArn, defaultVersionId: policyVersionId } = policy;
        return { policyName, policyArn, policyDocument, policyVersionId };
      },
    ),
    GetPolicy: operation({}, (call) => policies.get(param(call, 'policyName'))),
    DeletePolicy: operation({}, (call) => registry.deletePolicy(param(call, 'policyName'))),
    AttachPolicy: operation({ body: { target: TEXT } }, (call, { target }) =>
      attachments.attach(param(call, 'policyName'), target),
    ),
    DetachPolicy: operation({ body: { target: TEXT } }, (call, { target }) =>
      attachments.detach(param(call, 'policyName'), target),
    ),
    ListAttachedPolicies: operation({ query: ['recursive', 'marker', 'pageSize'] }, (call) => {
      const found = attachments.list(param(call, 'target'), flag(call, 'recursive'));
      const names = { sizeName: 'pageSize', tokenName: 'marker' };
      const { items, nextToken } = page(call.query, found, ({ policyName }) => policyName, names);
      return { policies: items.map(({ policyName, policyArn }) => ({ policyName, policyArn })), nextMarker: nextToken };
    }),
    AttachThingPrincipal: operation({ query: ['thingPrincipalType'] }, (call) => {
      checkPrincipalType(call);
      registry.attachThingPrincipal(param(call, 'thingName'), principalOf(call));
    }),
    DetachThingPrincipal: operation({}, (call) =>
      registry.detachThingPrincipal(param(call, 'thingName'), principalOf(call)),
    ),
    ListThingPrincipals: operation({ query: PAGE }, (call) => {
      const { thingName } = things.describe(param(call, 'thingName'));
      const { items, ...rest } = page(call.query, certificates.principalsOf(thingName), (arn) => arn);
      return { principals: items, ...rest };
    }),
    ListPrincipalThings: operation({ query: PAGE }, (call) => {
      const { certificateId } = certificates.byArn(principalOf(call));
      const { items, ...rest } = page(call.query, registry.thingsOfCertificate(certificateId), (name) => name);
      return { things: items, ...rest };
    }),
  };
}

function principalOf(call: Call): string {
  return required(call.header('x-amzn-principal'), 'x-amzn-principal');
}

/** An exclusive principal changes what policy variables mean, which is not simulated. */
function checkPrincipalType(call: Call): void {
  const type = call.query['thingPrincipalType'] ?? 'NON_EXCLUSIVE_THING';
  if (type === 'EXCLUSIVE_THING') throw invalidRequest('thingPrincipalType: EXCLUSIVE_THING is not simulated');
  if (type !== 'NON_EXCLUSIVE_THING') throw invalidRequest(`thingPrincipalType: unknown type ${JSON.stringify(type)}`);
}
