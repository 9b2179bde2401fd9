import { page, type Query } from '../../page.ts';
import { ServiceError } from '../../service-error.ts';
import { text } from '../validation.ts';
import { type ManagedTemplate, managedTemplates } from './managed-template-data.ts';

/** A managed template with its ARN, as DescribeManagedJobTemplate answers it. */
export interface DescribedManagedTemplate extends ManagedTemplate {
  readonly templateArn: string;
}

/** The templates that AWS manages belong to no account; their ARNs name the region they are used in. */
export class ManagedTemplates {
  readonly #templates: readonly DescribedManagedTemplate[];

  constructor(region: string) {
    this.#templates = managedTemplates().map((template) => ({
      ...template,
      templateArn: `arn:aws:iot:${region}::jobtemplate/${template.templateName}:${template.templateVersion}`,
    }));
  }

  /**
   * Without a version: the default one (API reference, DescribeManagedJobTemplate).
   * @throws ServiceError ResourceNotFoundException
   */
  describe(templateName: string, templateVersion?: string): DescribedManagedTemplate {
    text('templateName', templateName, /^.{1,64}$/su);
    if (templateVersion !== undefined) text('templateVersion', templateVersion, /^[1-9]+.[0-9]+$/);
    const found = this.#templates.find(
      (template) =>
        template.templateName === templateName &&
        (templateVersion === undefined || template.templateVersion === templateVersion),
    );
    if (found) return found;
    const version = templateVersion === undefined ? '' : ` of version ${templateVersion}`;
    throw new ServiceError('ResourceNotFoundException', `Managed job template ${templateName}${version} not found.`);
  }

  /**
   * One page; `templateName` asks for the versions of one template. An unknown name is not found: the model lists
   * that refusal, and nothing else on the list could cause it.
   */
  list(query: Query): { managedJobTemplates: object[]; nextToken?: string } {
    const { templateName } = query;
    const templates = templateName === undefined ? this.#templates : [this.describe(templateName)];
    const { items, ...rest } = page(query, templates, ({ templateName: name }) => name);
    return {
      managedJobTemplates: items.map(({ documentParameters: _, document: __, ...summary }) => summary),
      ...rest,
    };
  }

  /** By the full ARN, version included: what CreateJob is given as `jobTemplateArn`. */
  byArn(templateArn: string): DescribedManagedTemplate | undefined {
    return this.#templates.find((template) => template.templateArn === templateArn);
  }
}
