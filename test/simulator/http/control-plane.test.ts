import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  DeleteCertificateCommand,
  DeleteThingCommand,
  DescribeCertificateCommand,
  DescribeEndpointCommand,
  DescribeThingCommand,
  DetachPolicyCommand,
  DetachThingPrincipalCommand,
  GetPolicyCommand,
  IoTClient,
  ListCertificatesCommand,
  ListThingPrincipalsCommand,
  ListThingsCommand,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CertificateAuthority } from '../../../src/simulator/certificate-authority.ts';
import { systemClock } from '../../../src/simulator/clock.ts';
import { createHttpFront } from '../../../src/simulator/http/http-front.ts';
import { registryOperations } from '../../../src/simulator/http/registry-operations.ts';
import { signedService } from '../../../src/simulator/http/signature.ts';
import { Registry } from '../../../src/simulator/registry/registry.ts';
import { Store } from '../../../src/simulator/store.ts';

const directory = mkdtempSync(join(tmpdir(), 'thing-agent-control-plane-'));
const faults: unknown[] = [];
let app: FastifyInstance;
let url: string;
let iot: IoTClient;

beforeAll(async () => {
  const authority = await CertificateAuthority.open(directory);
  const registry = new Registry({
    store: new Store(':memory:'),
    clock: systemClock,
    region: 'us-east-1',
    accountId: '123456789012',
  });
  const endpoint = (type: string) => (type === 'iot:Data-ATS' ? '127.0.0.1:8883' : undefined);
  const broken = () => {
    throw new Error('a fault with a /secret/path');
  };
  app = createHttpFront({
    handlers: { iot: { ...registryOperations({ registry, authority, endpoint }), ListStreams: broken } },
    authenticate: (request) => signedService(request.headers.authorization, undefined),
    answered: () => undefined,
    onFault: (error) => faults.push(error),
  });
  url = await app.listen({ host: '127.0.0.1', port: 0 });
  iot = new IoTClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
});

afterAll(async () => {
  iot.destroy();
  await app.close();
  rmSync(directory, { recursive: true, force: true });
});

const AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/iot/aws4_request, SignedHeaders=host, Signature=0';

async function raw(method: string, path: string, headers: Record<string, string> = { authorization: AUTHORIZATION }) {
  const response = await fetch(url + path, { method, headers });
  return {
    status: response.status,
    type: response.headers.get('x-amzn-errortype'),
    requestId: response.headers.get('x-amzn-requestid'),
    body: (await response.json()) as { message?: string },
  };
}

test('a thing is created, described, listed and deleted', async () => {
  const created = await iot.send(
    new CreateThingCommand({ thingName: 'line:1_a-b', attributePayload: { attributes: { site: 'north' } } }),
  );
  expect(created.thingArn).toBe('arn:aws:iot:us-east-1:123456789012:thing/line:1_a-b');
  const described = await iot.send(new DescribeThingCommand({ thingName: 'line:1_a-b' }));
  expect(described).toMatchObject({ thingId: created.thingId, attributes: { site: 'north' }, version: 1 });
  const { things } = await iot.send(new ListThingsCommand({}));
  expect(things?.map((thing) => thing.thingName)).toContain('line:1_a-b');
  await iot.send(new DeleteThingCommand({ thingName: 'line:1_a-b' }));
  await expect(iot.send(new DescribeThingCommand({ thingName: 'line:1_a-b' }))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    $metadata: { httpStatusCode: 404 },
  });
});

test('the same thing again is the same thing, another with its name a conflict', async () => {
  const thingName = 'n'.repeat(128);
  const { thingId } = await iot.send(new CreateThingCommand({ thingName }));
  expect((await iot.send(new CreateThingCommand({ thingName }))).thingId).toBe(thingId);
  const different = new CreateThingCommand({ thingName, attributePayload: { attributes: { a: '1' } } });
  await expect(iot.send(different)).rejects.toMatchObject({
    name: 'ResourceAlreadyExistsException',
    $metadata: { httpStatusCode: 409 },
  });
});

test('lists come in pages', async () => {
  for (const thingName of ['page-1', 'page-2', 'page-3']) await iot.send(new CreateThingCommand({ thingName }));
  const names: (string | undefined)[] = [];
  let nextToken: string | undefined;
  do {
    const answer = await iot.send(new ListThingsCommand({ maxResults: 2, nextToken }));
    expect(answer.things?.length).toBeLessThanOrEqual(2);
    names.push(...(answer.things ?? []).map((thing) => thing.thingName));
    nextToken = answer.nextToken;
  } while (nextToken);
  expect(names).toEqual(expect.arrayContaining(['page-1', 'page-2', 'page-3']));
  expect(new Set(names).size).toBe(names.length);
});

test('a certificate has an id made of its DER, a key that fits, and a life from active to deleted', async () => {
  const made = await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
  const certificate = new X509Certificate(made.certificatePem ?? '');
  expect(made.certificateId).toBe(certificate.fingerprint256.replaceAll(':', '').toLowerCase());
  expect(certificate.subject).toBe('CN=AWS IoT Certificate');
  expect(made.keyPair?.PrivateKey).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
  const { certificateId } = made;
  const principal = made.certificateArn ?? '';

  await iot.send(new CreateThingCommand({ thingName: 'owner' }));
  await iot.send(new AttachThingPrincipalCommand({ thingName: 'owner', principal }));
  const { principals } = await iot.send(new ListThingPrincipalsCommand({ thingName: 'owner' }));
  expect(principals).toEqual([principal]);
  await iot.send(new CreatePolicyCommand({ policyName: 'all', policyDocument: '{"Version":"2012-10-17"}' }));
  expect((await iot.send(new GetPolicyCommand({ policyName: 'all' }))).policyDocument).toBe('{"Version":"2012-10-17"}');
  await iot.send(new AttachPolicyCommand({ policyName: 'all', target: principal }));

  const remove = () => iot.send(new DeleteCertificateCommand({ certificateId }));
  await expect(remove()).rejects.toMatchObject({
    name: 'CertificateStateException',
    $metadata: { httpStatusCode: 406 },
  });
  await iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }));
  const { certificateDescription } = await iot.send(new DescribeCertificateCommand({ certificateId }));
  expect(certificateDescription?.status).toBe('INACTIVE');
  expect(certificateDescription?.creationDate).toBeInstanceOf(Date);
  await expect(remove()).rejects.toMatchObject({ name: 'DeleteConflictException', $metadata: { httpStatusCode: 409 } });
  await iot.send(new DetachPolicyCommand({ policyName: 'all', target: principal }));
  await expect(remove()).rejects.toMatchObject({ name: 'DeleteConflictException' });
  await iot.send(new DetachThingPrincipalCommand({ thingName: 'owner', principal }));
  await remove();
  const { certificates } = await iot.send(new ListCertificatesCommand({}));
  expect(certificates).toEqual([]);
});

test('the endpoint is a host with its port', async () => {
  const { endpointAddress } = await iot.send(new DescribeEndpointCommand({ endpointType: 'iot:Data-ATS' }));
  expect(endpointAddress).toBe('127.0.0.1:8883');
});

test('an operation that is not simulated is refused by its name', async () => {
  await expect(iot.send(new CreateThingGroupCommand({ thingGroupName: 'g' }))).rejects.toMatchObject({
    name: 'UnknownOperationException',
    message: 'CreateThingGroup is not simulated',
    $metadata: { httpStatusCode: 404 },
  });
});

test('a field that would have no effect is refused', async () => {
  const typed = new CreateThingCommand({ thingName: 'typed', thingTypeName: 'pump' });
  await expect(iot.send(typed)).rejects.toMatchObject({
    name: 'InvalidRequestException',
    message: 'thingTypeName is not simulated',
  });
});

test('an unknown path is an UnknownOperationException with a request id', async () => {
  const answer = await raw('GET', '/nowhere');
  expect(answer).toMatchObject({ status: 404, type: 'UnknownOperationException' });
  expect(answer.body.message).toBe('GET /nowhere is no operation of the simulator');
  expect(answer.requestId).toMatch(/^[0-9a-f-]{36}$/);
});

test('an unsigned request is refused with 403', async () => {
  expect(await raw('GET', '/things', {})).toMatchObject({ status: 403, type: 'MissingAuthenticationTokenException' });
});

test('a request signed for another service is refused with 403', async () => {
  const authorization = AUTHORIZATION.replace('/iot/', '/s3/');
  expect(await raw('GET', '/things', { authorization })).toMatchObject({
    status: 403,
    type: 'InvalidSignatureException',
  });
});

test('a fault of the simulator is an InternalFailureException that tells nothing of the inside', async () => {
  const answer = await raw('GET', '/streams');
  expect(answer).toMatchObject({ status: 500, type: 'InternalFailureException' });
  expect(answer.body.message).not.toContain('secret');
  expect(faults.splice(0)).toHaveLength(1);
});

test('no path, method or body brings it down or counts as a fault', async () => {
  const segment = fc.oneof(
    fc.constantFrom(
      'things',
      'jobs',
      '$next',
      '%24next',
      'certificates',
      'policies',
      'pi',
      '%',
      '%ff',
      '..',
      '__proto__',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'PATCH'),
      fc.array(segment, { maxLength: 5 }),
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => new TextEncoder().encode(text)),
      ),
      async (method, segments, body) => {
        const response = await fetch(`${url}/${segments.join('/')}`, {
          method,
          headers: { authorization: AUTHORIZATION, 'content-type': 'application/json' },
          ...(method !== 'GET' && { body: new Uint8Array(body) }),
        });
        await response.arrayBuffer();
        expect(response.status).not.toBe(500);
      },
    ),
    { interruptAfterTimeLimit: 4_000, numRuns: 1_000 },
  );
  expect(faults).toEqual([]);
});
