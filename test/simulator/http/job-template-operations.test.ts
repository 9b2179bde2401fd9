import {
  CreateJobTemplateCommand,
  DeleteJobTemplateCommand,
  DescribeJobTemplateCommand,
  DescribeManagedJobTemplateCommand,
  IoTClient,
  ListJobTemplatesCommand,
  ListManagedJobTemplatesCommand,
} from '@aws-sdk/client-iot';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHttpFront } from '../../../src/simulator/http/http-front.ts';
import { jobTemplateOperations } from '../../../src/simulator/http/job-template-operations.ts';
import { signedService } from '../../../src/simulator/http/signature.ts';
import { JobTemplates } from '../../../src/simulator/jobs/templates/job-templates.ts';
import { MovableClock } from '../../../src/simulator/movable-clock.ts';
import { Store } from '../../../src/simulator/store.ts';

const NOW = Date.parse('2026-01-02T03:04:05.678Z');
const store = new Store(':memory:');
const faults: unknown[] = [];
let app: FastifyInstance;
let iot: IoTClient;

beforeAll(async () => {
  const templates = new JobTemplates({
    store,
    clock: new MovableClock({ source: () => NOW }),
    region: 'us-east-1',
    accountId: '123456789012',
    jobOf: () => undefined,
    documentAt: () => '{}',
    validate: () => undefined,
  });
  app = createHttpFront({
    handlers: { iot: jobTemplateOperations(templates) },
    authenticate: (request) => ({ service: signedService(request.headers.authorization, undefined) }),
    answered: () => undefined,
    onFault: (error) => faults.push(error),
  });
  iot = new IoTClient({
    endpoint: await app.listen({ host: '127.0.0.1', port: 0 }),
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
});

afterAll(async () => {
  iot.destroy();
  await app.close();
  store.close();
  expect(faults).toEqual([]);
});

function createTemplate(jobTemplateId: string) {
  return iot.send(
    new CreateJobTemplateCommand({
      jobTemplateId,
      description: 'restarts the pump',
      document: '{"operation":"restart"}',
      jobExecutionsRolloutConfig: { maximumPerMinute: 10 },
      maintenanceWindows: [{ startTime: 'cron(0 18 ? * MON *)', durationInMinutes: 60 }],
    }),
  );
}

test('a template is created, described, listed and deleted', async () => {
  const { jobTemplateArn } = await createTemplate('pump');
  expect(jobTemplateArn).toBe('arn:aws:iot:us-east-1:123456789012:jobtemplate/pump');
  expect(await iot.send(new DescribeJobTemplateCommand({ jobTemplateId: 'pump' }))).toMatchObject({
    jobTemplateArn,
    jobTemplateId: 'pump',
    description: 'restarts the pump',
    document: '{"operation":"restart"}',
    createdAt: new Date(NOW),
    jobExecutionsRolloutConfig: { maximumPerMinute: 10 },
    maintenanceWindows: [{ startTime: 'cron(0 18 ? * MON *)', durationInMinutes: 60 }],
  });
  const { jobTemplates } = await iot.send(new ListJobTemplatesCommand({}));
  expect(jobTemplates).toEqual([
    { jobTemplateArn, jobTemplateId: 'pump', description: 'restarts the pump', createdAt: new Date(NOW) },
  ]);
  await iot.send(new DeleteJobTemplateCommand({ jobTemplateId: 'pump' }));
  for (const command of [DescribeJobTemplateCommand, DeleteJobTemplateCommand]) {
    await expect(iot.send(new command({ jobTemplateId: 'pump' }) as DescribeJobTemplateCommand)).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      $metadata: { httpStatusCode: 404 },
    });
  }
});

// API reference, CreateJobTemplate: ConflictException, "a resource with the same name already exists".
test('a second template of one name is a conflict', async () => {
  await createTemplate('twice');
  await expect(createTemplate('twice')).rejects.toMatchObject({
    name: 'ConflictException',
    $metadata: { httpStatusCode: 409 },
  });
});

test('an id that cannot be is refused', async () => {
  for (const id of ['a b', 'x'.repeat(65), 'a:b']) {
    await expect(createTemplate(id)).rejects.toMatchObject({ name: 'InvalidRequestException' });
  }
});

test('templates come in pages, in the order of their creation', async () => {
  for (const id of ['page-1', 'page-2', 'page-3']) await createTemplate(id);
  const ids: (string | undefined)[] = [];
  let nextToken: string | undefined;
  do {
    const answer = await iot.send(new ListJobTemplatesCommand({ maxResults: 2, nextToken }));
    ids.push(...(answer.jobTemplates ?? []).map((template) => template.jobTemplateId));
    nextToken = answer.nextToken;
  } while (nextToken);
  expect(ids.filter((id) => id?.startsWith('page'))).toEqual(['page-1', 'page-2', 'page-3']);
  await expect(iot.send(new ListJobTemplatesCommand({ maxResults: 251 }))).rejects.toMatchObject({
    name: 'InvalidRequestException',
  });
});

test('a managed template is described, by its version or without', async () => {
  const templateName = 'AWS-Reboot';
  const described = await iot.send(new DescribeManagedJobTemplateCommand({ templateName }));
  expect(described).toMatchObject({
    templateName,
    templateArn: 'arn:aws:iot:us-east-1::jobtemplate/AWS-Reboot:1.0',
    description: 'A managed job template for rebooting the device.',
    templateVersion: '1.0',
    environments: ['LINUX'],
  });
  expect(described.documentParameters?.map(({ key, optional }) => [key, optional])).toEqual([
    ['runAsUser', true],
    ['pathToHandler', true],
  ]);
  const versioned = new DescribeManagedJobTemplateCommand({ templateName, templateVersion: '1.0' });
  expect((await iot.send(versioned)).document).toBe(described.document);
});

test('an unknown managed template, or version of one, is not found', async () => {
  for (const unknown of [{ templateName: 'AWS-None' }, { templateName: 'AWS-Reboot', templateVersion: '2.0' }]) {
    await expect(iot.send(new DescribeManagedJobTemplateCommand(unknown))).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      $metadata: { httpStatusCode: 404 },
    });
  }
  const malformed = new DescribeManagedJobTemplateCommand({ templateName: 'AWS-Reboot', templateVersion: 'one' });
  await expect(iot.send(malformed)).rejects.toMatchObject({ name: 'InvalidRequestException' });
});

test('managed templates are listed in pages, without their documents, or one by its name', async () => {
  const first = await iot.send(new ListManagedJobTemplatesCommand({ maxResults: 5 }));
  const second = await iot.send(new ListManagedJobTemplatesCommand({ maxResults: 5, nextToken: first.nextToken }));
  const all = [...(first.managedJobTemplates ?? []), ...(second.managedJobTemplates ?? [])];
  expect(all).toHaveLength(8);
  expect(second.nextToken).toBeUndefined();
  expect(all.find(({ templateName }) => templateName === 'AWS-Reboot')).toEqual({
    templateArn: 'arn:aws:iot:us-east-1::jobtemplate/AWS-Reboot:1.0',
    templateName: 'AWS-Reboot',
    description: 'A managed job template for rebooting the device.',
    environments: ['LINUX'],
    templateVersion: '1.0',
  });
  const one = await iot.send(new ListManagedJobTemplatesCommand({ templateName: 'AWS-Run-Command' }));
  expect(one.managedJobTemplates?.map(({ templateName }) => templateName)).toEqual(['AWS-Run-Command']);
  await expect(iot.send(new ListManagedJobTemplatesCommand({ templateName: 'AWS-None' }))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  });
});
