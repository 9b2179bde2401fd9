// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of job documents are written so
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Tag } from '../../../../src/simulator/jobs/tags.ts';
import {
  type JobForTemplate,
  JobTemplates,
  type JobTemplatesOptions,
  type TemplateContent,
} from '../../../../src/simulator/jobs/templates/job-templates.ts';
import { MovableClock } from '../../../../src/simulator/movable-clock.ts';
import { ServiceError } from '../../../../src/simulator/service-error.ts';
import { Store } from '../../../../src/simulator/store.ts';

const ARN = 'arn:aws:iot:us-east-1:123456789012:jobtemplate/t';
const JOB_ARN = 'arn:aws:iot:us-east-1:123456789012:job/j';
const WINDOWS = [{ startTime: 'cron(0 0 * * ? *)', durationInMinutes: 10 }];
const JOB: JobForTemplate & { targets: string[] } = {
  document: '{"from":"job"}',
  documentSource: 'https://s3.amazonaws.com/documents/job',
  timeoutConfig: { inProgressTimeoutInMinutes: 5 },
  abortConfig: { criteriaList: [] },
  schedulingConfig: { maintenanceWindows: WINDOWS },
  targets: ['not the business of a template'],
};
const stores: Store[] = [];

function lab({ path = ':memory:', ...overrides }: Partial<JobTemplatesOptions> & { path?: string } = {}) {
  const validated: TemplateContent[] = [];
  const store = new Store(path);
  stores.push(store);
  const templates = new JobTemplates({
    store,
    clock: new MovableClock({ source: () => 1_700_000_000_123 }),
    region: 'us-east-1',
    accountId: '123456789012',
    jobOf: (arn) => (arn === JOB_ARN ? JOB : undefined),
    documentAt: (url) => JSON.stringify({ url }),
    validate: (fields) => void validated.push(fields),
    ...overrides,
  });
  return { templates, validated };
}

afterEach(() => {
  for (const store of stores.splice(0)) store.close();
});

function refusal(act: () => unknown): { code?: string; message?: string } {
  try {
    act();
  } catch (error) {
    return error as { code: string; message: string };
  }
  return {};
}

test('a template keeps document and configurations, and gives them to a job', () => {
  const { templates, validated } = lab();
  const configs = {
    presignedUrlConfig: { expiresInSec: 60 },
    jobExecutionsRolloutConfig: { maximumPerMinute: 5 },
    abortConfig: { criteriaList: [] },
    timeoutConfig: { inProgressTimeoutInMinutes: 1 },
    jobExecutionsRetryConfig: { criteriaList: [] },
    maintenanceWindows: WINDOWS,
  };
  const created = templates.create('t', { document: '{}', description: 'd', ...configs });
  expect(created).toEqual({ jobTemplateId: 't', jobTemplateArn: ARN });
  expect(validated).toEqual([{ document: '{}', ...configs }]);
  expect(templates.describe('t')).toEqual({
    jobTemplateId: 't',
    jobTemplateArn: ARN,
    description: 'd',
    document: '{}',
    createdAt: 1_700_000_000.123,
    ...configs,
  });
  expect(templates.templateFor(ARN)).toEqual({ description: 'd', document: '{}', ...configs });
});

test('what CreateJob would refuse, a template refuses, and is not made', () => {
  const { templates } = lab({
    validate: () => {
      throw new ServiceError('InvalidRequestException', 'no');
    },
  });
  expect(refusal(() => templates.create('t', { document: '{}', description: 'd' })).message).toBe('no');
  expect(refusal(() => templates.describe('t')).code).toBe('ResourceNotFoundException');
});

test('a template made from a job copies its document and configurations, and nothing else', () => {
  const { templates } = lab();
  const { targets: _, schedulingConfig: __, ...content } = JOB;
  templates.create('t', { jobArn: JOB_ARN, description: 'd' });
  expect(templates.templateFor(ARN)).toEqual({ description: 'd', ...content, maintenanceWindows: WINDOWS });
});

test('configurations that are given replace those of the job', () => {
  const { templates } = lab();
  const timeoutConfig = { inProgressTimeoutInMinutes: 9 };
  templates.create('t', { jobArn: JOB_ARN, description: 'd', timeoutConfig });
  expect(templates.templateFor(ARN)).toMatchObject({ abortConfig: { criteriaList: [] }, timeoutConfig });
});

test('a template made from an unknown job is refused', () => {
  const { templates } = lab();
  expect(refusal(() => templates.create('t', { jobArn: `${JOB_ARN}x`, description: 'd' }))).toMatchObject({
    code: 'ResourceNotFoundException',
  });
});

test('a documentSource is read when the template is made, and kept beside the document', () => {
  const { templates } = lab();
  templates.create('t', { documentSource: 'https://s3.amazonaws.com/b/k', description: 'd' });
  expect(templates.templateFor(ARN)).toEqual({
    description: 'd',
    document: '{"url":"https://s3.amazonaws.com/b/k"}',
    documentSource: 'https://s3.amazonaws.com/b/k',
  });
});

test.each([
  [{ document: '{}' }, "Value null at 'description'"],
  [{ document: '{}', description: '' }, "at 'description'"],
  [{ document: '{}', description: 'x'.repeat(2029) }, "at 'description'"],
  [{ description: 'd' }, 'exactly one of jobArn, document, documentSource, got none'],
  [{ description: 'd', document: '{}', jobArn: JOB_ARN }, 'got jobArn and document'],
  [{ description: 'd', document: {} }, "at 'document'"],
  [{ description: 'd', document: 'x'.repeat(32_769) }, "at 'document'"],
  [{ description: 'd', documentSource: 'x'.repeat(1351) }, "at 'documentSource'"],
  [
    { description: 'd', document: '{}', destinationPackageVersions: ['x'] },
    'destinationPackageVersions is not simulated',
  ],
  [{ description: 'd', document: '{}', schedulingConfig: {} }, 'schedulingConfig is not simulated'],
  [{ description: 'd', document: '{"u":"${aws:iot:s3-presigned-url-upload}"}' }, '-upload:…} is not simulated'],
  [{ description: 'd', document: '{}', tags: [{ Key: '' }] }, 'tags[0].Key'],
  [{ description: 'd', document: '{}', tags: [{ Key: 'k', Value: 1 }] }, 'tags[0].Value'],
  [{ description: 'd', document: '{}', tags: [null] }, 'tags[0]'],
])('%j is refused', (body, message) => {
  const { code, message: heard } = refusal(() => lab().templates.create('t', body));
  expect(code).toBe('InvalidRequestException');
  expect(heard).toContain(message);
});

test('null is as good as nothing', () => {
  const { templates } = lab();
  templates.create('t', { document: '{}', description: 'd', jobArn: null, timeoutConfig: null, tags: null });
  expect(templates.templateFor(ARN)).toEqual({ description: 'd', document: '{}' });
});

test('tags are handed over for ListTagsForResource, and taken back with the template', () => {
  const tagged: [string, readonly Tag[]][] = [];
  const { templates } = lab({ tag: (arn, tags) => void tagged.push([arn, tags]) });
  const tags = [{ Key: 'k', Value: 'v' }, { Key: 'alone' }];
  templates.create('t', { document: '{}', description: 'd', tags });
  expect(templates.describe('t')).not.toHaveProperty('tags');
  expect(templates.templateFor(ARN)).toEqual({ description: 'd', document: '{}' });
  templates.delete('t');
  expect(tagged).toEqual([
    [ARN, tags],
    [ARN, []],
  ]);
});

test('where tags would be lost they are refused', () => {
  const tagged = { document: '{}', description: 'd', tags: [{ Key: 'k' }] };
  expect(refusal(() => lab().templates.create('t', tagged)).message).toBe('tags is not simulated');
});

test('the ARN of a managed template gives its document and its parameters', () => {
  const found = lab().templates.templateFor('arn:aws:iot:us-east-1::jobtemplate/AWS-Run-Command:1.0');
  expect(found.document).toContain('"runCommand"');
  expect(found.parameters?.map(({ key }) => key)).toEqual(['command', 'runAsUser']);
});

test('no other ARN gives a template', () => {
  const { templates } = lab();
  templates.create('t', { document: '{}', description: 'd' });
  for (const arn of [
    `${ARN}x`,
    ARN.replace('us-east-1', 'eu-west-1'),
    ARN.replace('123456789012', '000000000000'),
    'arn:aws:iot:us-east-1::jobtemplate/t',
    'arn:aws:iot:us-east-1::jobtemplate/AWS-Reboot:2.0',
    'arn:x',
  ]) {
    expect(refusal(() => templates.templateFor(arn)).code, arn).toBe('ResourceNotFoundException');
  }
  expect(refusal(() => templates.templateFor('t')).code).toBe('InvalidRequestException');
  expect(refusal(() => templates.templateFor(1)).code).toBe('InvalidRequestException');
});

test('templates survive a restart', () => {
  const directory = mkdtempSync(join(tmpdir(), 'thing-agent-templates-'));
  try {
    const path = join(directory, 'store.sqlite');
    lab({ path }).templates.create('t', { document: '{}', description: 'd' });
    for (const store of stores.splice(0)) store.close();
    expect(lab({ path }).templates.templateFor(ARN)).toEqual({ description: 'd', document: '{}' });
    for (const store of stores.splice(0)) store.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
