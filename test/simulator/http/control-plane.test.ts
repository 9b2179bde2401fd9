import { CreateThingTypeCommand, ListJobTemplatesCommand } from '@aws-sdk/client-iot';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OPERATIONS } from '../../../src/simulator/http/operations.ts';
import { registryOperations } from '../../../src/simulator/http/registry-operations.ts';
import { AUTHORIZATION, type ControlPlaneLab, openControlPlane, refusal } from './control-plane-lab.ts';

let lab: ControlPlaneLab;
let url: string;

beforeAll(async () => {
  const broken = () => {
    throw new Error('a fault with a /secret/path');
  };
  lab = await openControlPlane({ handlers: { ListStreams: broken } });
  url = lab.url;
});

afterAll(() => lab.close());

async function raw(method: string, path: string, headers: Record<string, string> = { authorization: AUTHORIZATION }) {
  const response = await fetch(url + path, { method, headers });
  return {
    status: response.status,
    type: response.headers.get('x-amzn-errortype'),
    requestId: response.headers.get('x-amzn-requestid'),
    body: (await response.json()) as { message?: string },
  };
}

test('every operation of the control plane that is not about jobs has a handler', () => {
  const { registry, authority } = lab;
  const handlers = registryOperations({ registry, authority, endpoint: () => undefined });
  const others = OPERATIONS.filter(({ service, name }) => service === 'iot' && !/Job|Targets/.test(name));
  expect(Object.keys(handlers).toSorted()).toEqual(others.map(({ name }) => name).toSorted());
});

test('an operation that is not simulated is refused by its name, or by its path', async () => {
  await expect(lab.iot.send(new ListJobTemplatesCommand({}))).rejects.toMatchObject(
    refusal('UnknownOperationException', 404, 'ListJobTemplates is not simulated'),
  );
  await expect(lab.iot.send(new CreateThingTypeCommand({ thingTypeName: 'pump' }))).rejects.toMatchObject(
    refusal('UnknownOperationException', 404, 'POST /thing-types/pump is no operation of the simulator'),
  );
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
  expect(lab.faults.splice(0)).toHaveLength(1);
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
      'thing-groups',
      'addThingToThingGroup',
      'principals',
      'target-policies',
      'attached-policies',
      'certificate',
      'register',
      'provisioning-templates',
      'versions',
      'event-configurations',
      'tags',
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
  expect(lab.faults).toEqual([]);
});
