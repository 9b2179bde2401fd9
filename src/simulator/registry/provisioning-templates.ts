import type { Clock } from '../clock.ts';
import { ServiceError } from '../service-error.ts';
import type { Collection, Store } from '../store.ts';
import { parseTemplate } from './provisioning-template.ts';
import { alreadyExists, invalidRequest, notFound } from './refusals.ts';

/** One version of a template's body. */
export interface TemplateVersion {
  readonly versionId: number;
  readonly templateBody: string;
}

/** A fleet provisioning template with its versions; times are epoch seconds. */
export interface ProvisioningTemplate {
  readonly templateName: string;
  readonly templateArn: string;
  readonly description?: string | undefined;
  readonly enabled: boolean;
  readonly provisioningRoleArn: string;
  readonly creationDate: number;
  readonly lastModifiedDate: number;
  readonly defaultVersionId: number;
  readonly versions: readonly TemplateVersion[];
}

/** What CreateProvisioningTemplate takes. */
export interface NewProvisioningTemplate {
  readonly templateName: string;
  readonly templateBody: string;
  readonly provisioningRoleArn: string;
  readonly description?: string | undefined;
  /** Absent: false, as absent booleans are in the model. */
  readonly enabled?: boolean | undefined;
}

const TEMPLATE_NAME = /^[0-9A-Za-z_-]{1,36}$/;
/** AWS IoT Core quotas: "Versions per fleet provisioning template". */
const MOST_VERSIONS = 5;

/** The provisioning templates of the account. */
export class ProvisioningTemplates {
  readonly #templates: Collection<ProvisioningTemplate>;
  readonly #arnPrefix: string;
  readonly #clock: Clock;

  constructor(store: Store, arnPrefix: string, clock: Clock) {
    this.#templates = store.collection<ProvisioningTemplate>('provisioningTemplates');
    this.#arnPrefix = `${arnPrefix}:provisioningtemplate/`;
    this.#clock = clock;
  }

  exists(templateName: string): boolean {
    return this.#templates.get(templateName) !== undefined;
  }

  /** @throws ServiceError InvalidRequestException, also for a body that is no template; ResourceAlreadyExistsException */
  create({ templateBody, ...wanted }: NewProvisioningTemplate): ProvisioningTemplate {
    const { templateName } = wanted;
    if (!TEMPLATE_NAME.test(templateName)) {
      throw invalidRequest(`Invalid template name: ${JSON.stringify(templateName)}`);
    }
    if (this.exists(templateName)) throw alreadyExists(`Provisioning template ${templateName} already exists`);
    parseTemplate(templateBody);
    const now = this.#clock.now() / 1000;
    const template: ProvisioningTemplate = {
      ...wanted,
      templateArn: this.#arnPrefix + templateName,
      enabled: wanted.enabled ?? false,
      creationDate: now,
      lastModifiedDate: now,
      defaultVersionId: 1,
      versions: [{ versionId: 1, templateBody }],
    };
    this.#templates.set(templateName, template);
    return template;
  }

  /** @throws ServiceError ResourceNotFoundException */
  describe(templateName: string): ProvisioningTemplate {
    const template = this.#templates.get(templateName);
    if (!template) throw notFound(`Provisioning template ${templateName} not found.`);
    return template;
  }

  /** The body of the default version. */
  body(templateName: string): string {
    const { versions, defaultVersionId } = this.describe(templateName);
    const version = versions.find(({ versionId }) => versionId === defaultVersionId);
    if (!version) throw new Error(`template ${templateName} has no version ${defaultVersionId}`);
    return version.templateBody;
  }

  list(): ProvisioningTemplate[] {
    return [...this.#templates.values()];
  }

  /** @throws ServiceError ResourceNotFoundException, InvalidRequestException, VersionsLimitExceededException */
  createVersion(templateName: string, templateBody: string, setAsDefault: boolean): TemplateVersion {
    const template = this.describe(templateName);
    parseTemplate(templateBody);
    if (template.versions.length >= MOST_VERSIONS) {
      throw new ServiceError('VersionsLimitExceededException', `A template can have at most ${MOST_VERSIONS} versions`);
    }
    const version = { versionId: template.versions.length + 1, templateBody };
    this.#templates.set(templateName, {
      ...template,
      versions: [...template.versions, version],
      lastModifiedDate: this.#clock.now() / 1000,
      ...(setAsDefault && { defaultVersionId: version.versionId }),
    });
    return version;
  }

  delete(templateName: string): void {
    this.describe(templateName);
    this.#templates.delete(templateName);
  }
}
