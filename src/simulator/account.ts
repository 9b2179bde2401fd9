import { randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';
import { checkTogether, parseConfiguration } from './jobs/configuration/job-configuration.ts';
import { parseMaintenanceWindows } from './jobs/configuration/scheduling.ts';
import { DEFAULT_EXPIRES_IN_SECONDS, presign } from './jobs/document-substitution.ts';
import type { StoredJob } from './jobs/entities.ts';
import { checkDocument } from './jobs/job-documents.ts';
import { JobsService } from './jobs/jobs-service.ts';
import { JobTemplates, type TemplateContent } from './jobs/templates/job-templates.ts';
import { documentAt } from './objects/document-source.ts';
import { Objects } from './objects/objects.ts';
import { Presigner } from './objects/presigner.ts';
import { Registry } from './registry/registry.ts';
import type { Settings } from './settings.ts';
import type { Store } from './store.ts';

export interface AccountOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly region: string;
  readonly accountId: string;
  readonly settings: Settings;
  /** Where the objects of the S3 stand-in are kept. */
  readonly objectsDirectory: string;
  /** Where presigned URLs lead, without a slash at the end; asked when one is made. */
  baseUrl(): string;
  /** What the service publishes to whoever subscribed. */
  publish(topic: string, payload: object): void;
  /** A certificate has another status, or is gone. */
  certificateChanged(certificateId: string): void;
}

/** One account of AWS in one region: its registry, its jobs, its objects, and what they tell each other. No ports. */
export class Account {
  readonly arnPrefix: string;
  readonly registry: Registry;
  readonly jobs: JobsService;
  readonly templates: JobTemplates;
  readonly objects: Objects;
  readonly presigner: Presigner;
  readonly #store: Store;
  readonly #certificateChanged: (certificateId: string) => void;

  constructor(options: AccountOptions) {
    const { store, clock, region, accountId, settings } = options;
    this.#store = store;
    this.#certificateChanged = (certificateId) => options.certificateChanged(certificateId);
    this.arnPrefix = `arn:aws:iot:${region}:${accountId}`;
    this.registry = new Registry({
      ...{ store, clock, region, accountId },
      listener: {
        thingJoined: (thingName, groupName, before) => this.jobs.membership.thingJoined(thingName, groupName, before),
        thingLeft: (thingName, groupName) => this.jobs.membership.thingLeft(thingName, groupName),
        thingDeleted: (thingName) => this.jobs.membership.thingDeleted(thingName),
        certificateChanged: this.#certificateChanged,
      },
    });
    this.objects = new Objects(options.objectsDirectory);
    // A new secret with each start: URLs live for an hour at most.
    this.presigner = new Presigner(randomBytes(32), clock, () => options.baseUrl());
    const source = (url: string): string => documentAt(this.objects, url);
    this.templates = new JobTemplates({
      ...{ store, clock, region, accountId },
      jobOf: (jobArn) => this.jobs.jobOf(jobArn),
      documentAt: source,
      validate: (content) => checkTemplate(content, clock.now()),
      tag: (arn, tags) => this.registry.tags.set(arn, tags),
    });
    this.jobs = new JobsService({
      ...{ store, clock, region, accountId },
      directory: this.registry,
      publish: (topic, payload) => options.publish(topic, payload),
      decisions: () => settings.current,
      templateFor: (arn) => this.templates.templateFor(arn),
      documentAt: source,
      presigned: (job) => this.#presigned(job),
      tag: (arn, tags) => this.registry.tags.set(arn, tags),
      untag: (arn) => this.registry.tags.delete(arn),
    });
  }

  /** Forgets all jobs and their templates; with the registry everything else that is kept, certificates included. */
  reset({ registry }: { readonly registry: boolean }): void {
    const certificates = this.registry.certificates.list();
    this.jobs.reset();
    this.templates.reset();
    if (!registry) return;
    this.#store.clear();
    for (const { certificateId } of certificates) this.#certificateChanged(certificateId);
  }

  #presigned(job: StoredJob): string {
    if (!job.presignedUrlConfig) return job.document;
    const { expiresInSec = DEFAULT_EXPIRES_IN_SECONDS } = job.presignedUrlConfig;
    return presign(job.document, (bucket, key, region) => this.presigner.url(bucket, key, expiresInSec, { region }));
  }
}

/** As CreateJob checks its own (API reference, CreateJobTemplate). */
function checkTemplate(content: TemplateContent, now: number): void {
  const { document, maintenanceWindows, ...configs } = content;
  checkDocument(document);
  checkTogether(parseConfiguration({ ...configs }, now));
  if (maintenanceWindows !== undefined) parseMaintenanceWindows('maintenanceWindows', maintenanceWindows);
}
