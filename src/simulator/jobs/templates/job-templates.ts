import { JOB_ID } from '../../../jobs/model.ts';
import type { Clock } from '../../clock.ts';
import { numberedKey, page, type Query } from '../../page.ts';
import { ServiceError } from '../../service-error.ts';
import type { Collection, Store } from '../../store.ts';
import { placeholdersIn } from '../document-substitution.ts';
import { parseTags, type Tag } from '../tags.ts';
import { invalid, record, text } from '../validation.ts';
import type { DocumentParameter } from './managed-template-data.ts';
import { ManagedTemplates } from './managed-templates.ts';

/** The configurations that a template keeps for the jobs made from it, as they were given and found valid. */
export interface TemplateConfigs {
  readonly presignedUrlConfig?: unknown;
  readonly jobExecutionsRolloutConfig?: unknown;
  readonly abortConfig?: unknown;
  readonly timeoutConfig?: unknown;
  readonly jobExecutionsRetryConfig?: unknown;
  readonly maintenanceWindows?: unknown;
}

const CONFIG_FIELDS = [
  'presignedUrlConfig',
  'jobExecutionsRolloutConfig',
  'abortConfig',
  'timeoutConfig',
  'jobExecutionsRetryConfig',
  'maintenanceWindows',
] as const;
const SOURCE_FIELDS = ['jobArn', 'document', 'documentSource'] as const;
const KNOWN_FIELDS: readonly string[] = [...SOURCE_FIELDS, ...CONFIG_FIELDS, 'description', 'tags'];

/** A job's document and configurations: what a template copies from a job, and a job from a template. */
export interface TemplateContent extends TemplateConfigs {
  /** JSON text. */
  readonly document: string;
  readonly documentSource?: string;
}

/** What CreateJob finds under a `jobTemplateArn`. */
export interface TemplateForJob extends TemplateContent {
  /** Becomes the job's, if the job is given none (developer guide, "Create a job from AWS managed templates …"). */
  readonly description: string;
  /** Only for managed templates; others take no `documentParameters` (API reference, CreateJob). */
  readonly parameters?: readonly DocumentParameter[];
}

/** A job as the source of a template: its windows are part of its schedule. */
export interface JobForTemplate extends Omit<TemplateContent, 'maintenanceWindows'> {
  readonly schedulingConfig?: { readonly maintenanceWindows?: unknown };
}

export interface StoredTemplate extends TemplateContent {
  readonly jobTemplateId: string;
  readonly jobTemplateArn: string;
  readonly description: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

export interface JobTemplatesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly region: string;
  readonly accountId: string;
  /** A job by its ARN: its document after substitution, for a template of one's own takes no parameters. */
  jobOf(jobArn: string): JobForTemplate | undefined;
  /** The text of the S3 object that a `documentSource` names. Refuses with a ServiceError. */
  documentAt(documentSource: string): string;
  /** Checks the document and the configurations as CreateJob checks its own. Refuses with a ServiceError. */
  validate(fields: TemplateContent): void;
  /** Keeps the tags of a template where ListTagsForResource finds them, none: forgets them. Absent: tags are refused. */
  tag?(jobTemplateArn: string, tags: readonly Tag[]): void;
}

/** The account's own job templates, and the door to the managed ones (API reference, …JobTemplate operations). */
export class JobTemplates {
  readonly managed: ManagedTemplates;
  readonly #templates: Collection<StoredTemplate>;
  readonly #options: JobTemplatesOptions;
  readonly #arnPrefix: string;

  constructor(options: JobTemplatesOptions) {
    this.#options = options;
    this.#templates = options.store.collection<StoredTemplate>('job-templates');
    this.#arnPrefix = `arn:aws:iot:${options.region}:${options.accountId}:jobtemplate/`;
    this.managed = new ManagedTemplates(options.region);
  }

  create(jobTemplateId: string, body: unknown): { jobTemplateArn: string; jobTemplateId: string } {
    text('jobTemplateId', jobTemplateId, JOB_ID);
    const fields = given(record(body));
    const unknown = Object.keys(fields).find((field) => !KNOWN_FIELDS.includes(field));
    if (unknown !== undefined) throw invalid(`${unknown} is not simulated`);
    if (this.#templates.get(jobTemplateId)) {
      // The model has this name here, where jobs have ResourceAlreadyExistsException.
      throw new ServiceError('ConflictException', `Job template ${jobTemplateId} already exists`);
    }
    const description = text('description', fields['description'], /^[^\p{C}]{1,2028}$/u);
    const tags = parseTags(fields['tags']);
    // No source says what wins when a job is given as the source and configurations too: here they replace the job's.
    const content = { ...this.#source(fields), ...configsOf(fields) };
    this.#options.validate(content);
    placeholdersIn(content.document);
    const jobTemplateArn = `${this.#arnPrefix}${jobTemplateId}`;
    if (tags && !this.#options.tag) throw invalid('tags is not simulated');
    if (tags) this.#options.tag?.(jobTemplateArn, tags);
    const createdAt = this.#options.clock.now();
    this.#templates.set(jobTemplateId, {
      jobTemplateId,
      jobTemplateArn,
      description,
      createdAt,
      ...content,
    });
    return { jobTemplateArn, jobTemplateId };
  }

  describe(jobTemplateId: string): object {
    const { createdAt, ...template } = this.#template(jobTemplateId);
    return { ...template, createdAt: createdAt / 1000 };
  }

  /** Jobs that were made from the template go on: they have copied it. */
  delete(jobTemplateId: string): void {
    const { jobTemplateArn } = this.#template(jobTemplateId);
    this.#templates.delete(jobTemplateId);
    this.#options.tag?.(jobTemplateArn, []);
  }

  /** Forgets all of the account's own, their tags too. */
  reset(): void {
    for (const { jobTemplateId } of [...this.#templates.values()]) this.delete(jobTemplateId);
  }

  /** In the order of creation; no source says which. */
  list(query: Query): { jobTemplates: object[]; nextToken?: string } {
    const { items, ...rest } = page(query, [...this.#templates.values()], byCreation);
    return {
      jobTemplates: items.map(({ jobTemplateArn, jobTemplateId, description, createdAt }) => ({
        jobTemplateArn,
        jobTemplateId,
        description,
        createdAt: createdAt / 1000,
      })),
      ...rest,
    };
  }

  /**
   * The template that CreateJob is given, managed or the account's own.
   * @throws ServiceError ResourceNotFoundException; InvalidRequestException for what is no ARN
   */
  templateFor(jobTemplateArn: unknown): TemplateForJob {
    const arn = text('jobTemplateArn', jobTemplateArn, /^arn:[!-~]{1,1596}$/);
    const managed = this.managed.byArn(arn);
    if (managed) {
      const { description, document, documentParameters: parameters } = managed;
      return { description, document, parameters };
    }
    const own = this.#byArn(arn);
    if (!own) throw new ServiceError('ResourceNotFoundException', `Job template ${arn} not found.`);
    const { jobTemplateId: _, jobTemplateArn: __, createdAt: ___, ...content } = own;
    return content;
  }

  /** Whether there is one of the account's own under this ARN. */
  has(jobTemplateArn: string): boolean {
    return this.#byArn(jobTemplateArn) !== undefined;
  }

  /** Exactly one of the three; a job brings its configurations along. */
  #source(fields: Readonly<Record<string, unknown>>): TemplateContent {
    const named = SOURCE_FIELDS.filter((field) => fields[field] !== undefined);
    if (named.length !== 1) {
      throw invalid(`expected exactly one of ${SOURCE_FIELDS.join(', ')}, got ${named.join(' and ') || 'none'}`);
    }
    if (fields['jobArn'] !== undefined) {
      const jobArn = text('jobArn', fields['jobArn'], /^\S+$/);
      const job = this.#options.jobOf(jobArn);
      if (!job) throw new ServiceError('ResourceNotFoundException', `Job ${jobArn} not found.`);
      const { document, documentSource, schedulingConfig } = job;
      const source = documentSource === undefined ? {} : { documentSource };
      const { maintenanceWindows } = schedulingConfig ?? {};
      return { document, ...source, ...configsOf(given({ ...job, maintenanceWindows })) };
    }
    if (fields['documentSource'] !== undefined) {
      const documentSource = text('documentSource', fields['documentSource'], /^.{1,1350}$/su);
      // Read once, here: no source says that a later change of the object changes the template.
      return { document: this.#options.documentAt(documentSource), documentSource };
    }
    return { document: text('document', fields['document'], /^.{0,32768}$/su) };
  }

  #template(jobTemplateId: string): StoredTemplate {
    const template = this.#templates.get(text('jobTemplateId', jobTemplateId, JOB_ID));
    if (template) return template;
    throw new ServiceError('ResourceNotFoundException', `Job template ${jobTemplateId} not found.`);
  }

  #byArn(arn: string): StoredTemplate | undefined {
    return arn.startsWith(this.#arnPrefix) ? this.#templates.get(arn.slice(this.#arnPrefix.length)) : undefined;
  }
}

function byCreation({ createdAt, jobTemplateId }: StoredTemplate): string {
  return numberedKey(createdAt, jobTemplateId);
}

/** Null counts as absent. */
function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
}

function configsOf(fields: Readonly<Record<string, unknown>>): TemplateConfigs {
  return Object.fromEntries(
    CONFIG_FIELDS.flatMap((field) => (fields[field] === undefined ? [] : [[field, fields[field]]])),
  );
}
