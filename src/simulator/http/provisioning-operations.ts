import * as v from 'valibot';
import type { CertificateAuthority } from '../certificate-authority.ts';
import { page } from '../page.ts';
import { issueClaim, provision } from '../registry/provisioning.ts';
import { parseTemplate, planProvisioning } from '../registry/provisioning-template.ts';
import { invalidRequest } from '../registry/refusals.ts';
import type { Registry } from '../registry/registry.ts';
import { STRING_MAP } from '../registry/string-map.ts';
import { checkTags } from '../registry/tags.ts';
import { flag, type Handlers, PAGE, param } from './call.ts';
import { operation } from './checked-operation.ts';
import { description, ROLE_ARN, TAGS, TEXT } from './shapes.ts';

const TEMPLATE_BODY = v.pipe(v.string(), v.maxLength(10_240));
/** Just-in-time provisioning needs registered CAs, which are not simulated. */
const TYPE = 'FLEET_PROVISIONING';

/** Provisioning templates, claims and RegisterThing (AWS IoT API reference). */
export function provisioningOperations(registry: Registry, authority: CertificateAuthority): Handlers {
  const { templates, tags } = registry;
  return {
    CreateProvisioningTemplate: operation(
      {
        body: {
          templateName: TEXT,
          description: v.optional(description(500)),
          templateBody: TEMPLATE_BODY,
          enabled: v.optional(v.boolean()),
          provisioningRoleArn: ROLE_ARN,
          tags: v.optional(TAGS),
          type: v.optional(v.picklist([TYPE, 'JITP'])),
        },
        // It is a Lambda function.
        notSimulated: ['preProvisioningHook'],
      },
      (_call, { type = TYPE, tags: wanted, ...fields }) => {
        if (type !== TYPE) throw invalidRequest(`type: ${type} is not simulated`);
        checkTags(wanted);
        const { templateArn, templateName, defaultVersionId } = templates.create(fields);
        tags.set(templateArn, wanted);
        return { templateArn, templateName, defaultVersionId };
      },
    ),
    DescribeProvisioningTemplate: operation({}, (call) => {
      const { versions: _, ...template } = templates.describe(param(call, 'templateName'));
      return { ...template, templateBody: templates.body(template.templateName), type: TYPE };
    }),
    ListProvisioningTemplates: operation({ query: PAGE }, (call) => {
      const { items, ...rest } = page(call.query, templates.list(), ({ templateName }) => templateName);
      return {
        templates: items.map(
          ({ versions: _, provisioningRoleArn: _role, defaultVersionId: _default, ...template }) => ({
            ...template,
            type: TYPE,
          }),
        ),
        ...rest,
      };
    }),
    DeleteProvisioningTemplate: operation({}, (call) => {
      const { templateName, templateArn } = templates.describe(param(call, 'templateName'));
      templates.delete(templateName);
      tags.delete(templateArn);
    }),
    CreateProvisioningTemplateVersion: operation(
      { query: ['setAsDefault'], body: { templateBody: TEMPLATE_BODY } },
      (call, { templateBody }) => {
        const isDefaultVersion = flag(call, 'setAsDefault');
        const { templateArn, templateName } = templates.describe(param(call, 'templateName'));
        const { versionId } = templates.createVersion(templateName, templateBody, isDefaultVersion);
        return { templateArn, templateName, versionId, isDefaultVersion };
      },
    ),
    CreateProvisioningClaim: operation({}, async (call) => {
      const { issued, expiration } = await issueClaim(param(call, 'templateName'), { registry, authority });
      const { certificateId, certificatePem, publicKey, privateKey } = issued;
      const keyPair = { PublicKey: publicKey, PrivateKey: privateKey };
      return { certificateId, certificatePem, keyPair, expiration };
    }),
    RegisterThing: operation(
      { body: { templateBody: TEMPLATE_BODY, parameters: v.optional(STRING_MAP, {}) } },
      async (_call, { templateBody, parameters }) => {
        const plan = planProvisioning(parseTemplate(templateBody), parameters);
        const { certificate, resourceArns } = await provision(plan, { registry, authority });
        return { certificatePem: certificate?.certificatePem, resourceArns };
      },
    ),
  };
}
