import { ServiceError } from '../service-error.ts';
import {
  checkPlaceholders,
  type PresignedUrlConfig,
  parseDocumentParameters,
  substituteParameters,
} from './document-substitution.ts';
import type { StoredJob } from './entities.ts';
import type { TemplateConfigs, TemplateForJob } from './templates/job-templates.ts';
import { invalid, text } from './validation.ts';

/** In bytes (service model, JobDocument). */
const LARGEST_DOCUMENT = 32_768;

/** What a new job takes its document from, and what comes along with it. */
export type ResolvedDocument = Pick<
  StoredJob,
  'document' | 'documentBeforeSubstitution' | 'documentSource' | 'documentParameters' | 'jobTemplateArn' | 'description'
> & { readonly configuration: Readonly<Record<string, unknown>> };

/** Where the documents of new jobs come from: the request, the S3 stand-in, a template. */
export class JobDocuments {
  readonly #templateFor: (arn: unknown) => TemplateForJob;
  readonly #documentAt: (documentSource: string) => string;

  constructor(deps: {
    templateFor: (jobTemplateArn: unknown) => TemplateForJob;
    documentAt: (documentSource: string) => string;
  }) {
    this.#templateFor = deps.templateFor;
    this.#documentAt = deps.documentAt;
  }

  /** Exactly one source; only a managed template takes parameters (API reference, CreateJob). */
  of(fields: Readonly<Record<string, unknown>>): ResolvedDocument {
    const named = ['document', 'documentSource', 'jobTemplateArn'].filter(
      (name) => (fields[name] ?? undefined) !== undefined,
    );
    if (named.length !== 1) {
      throw invalid(
        `one of document, documentSource and jobTemplateArn is required, got ${named.join(' and ') || 'none'}`,
      );
    }
    const parameters = parseDocumentParameters(fields['documentParameters']);
    const given = Object.keys(parameters).length > 0;
    const { jobTemplateArn, documentSource } = fields;
    if (jobTemplateArn !== undefined && jobTemplateArn !== null) return this.#templated(jobTemplateArn, parameters);
    if (given) throw invalid('documentParameters can only be used with a template that AWS manages');
    if (documentSource !== undefined && documentSource !== null) {
      // API reference, CreateJob: 1–1,350 characters.
      const source = text('documentSource', documentSource, /^.{1,1350}$/s);
      return { document: checkDocument(this.#documentAt(source)), documentSource: source, configuration: {} };
    }
    return { document: checkDocument(fields['document']), configuration: {} };
  }

  checkPlaceholders(document: string, config: PresignedUrlConfig | undefined): void {
    checkPlaceholders(document, config);
  }

  #templated(givenArn: unknown, documentParameters: Record<string, string>): ResolvedDocument {
    const { document, documentSource, description, parameters, ...configs } = this.#templateFor(givenArn);
    const jobTemplateArn = String(givenArn);
    const configuration = configurationOf(configs);
    const source = documentSource === undefined ? {} : { documentSource };
    const common = { jobTemplateArn, description, ...source, configuration };
    if (parameters) {
      const substituted = checkDocument(substituteParameters(document, documentParameters, parameters));
      return { ...common, document: substituted, documentBeforeSubstitution: document, documentParameters };
    }
    if (Object.keys(documentParameters).length > 0) {
      throw invalid('documentParameters cannot be used with a custom job template');
    }
    return { ...common, document };
  }
}

/** A template names its windows by themselves, a job within its schedule. */
function configurationOf({ maintenanceWindows, ...configs }: TemplateConfigs): Record<string, unknown> {
  return { ...configs, ...(maintenanceWindows === undefined ? {} : { schedulingConfig: { maintenanceWindows } }) };
}

/** @throws ServiceError InvalidRequestException for what is no JSON text, or too long */
export function checkDocument(value: unknown): string {
  if (typeof value !== 'string') throw invalid('document must be the JSON text of a job document');
  if (Buffer.byteLength(value) > LARGEST_DOCUMENT) throw invalid(`document is longer than ${LARGEST_DOCUMENT} bytes`);
  try {
    JSON.parse(value);
  } catch (error) {
    if (error instanceof SyntaxError) throw new ServiceError('InvalidRequestException', 'document is not valid JSON');
    throw error;
  }
  return value;
}
