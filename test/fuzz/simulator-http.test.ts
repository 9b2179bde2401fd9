import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATIONS } from '../../src/simulator/http/operations.ts';
import { commands, Lab } from '../support/lab.ts';

/** The whole simulator as a process, both HTTP ports: the jobs operations with whatever anybody sends. */
let lab: Lab;

beforeAll(async () => {
  lab = await Lab.start();
  await lab.createJob('job', commands(['true']));
});

afterAll(() => lab.close());

const word = fc.oneof(
  fc.constantFrom(
    'things',
    'pi',
    'jobs',
    'job',
    '$next',
    'cancel',
    'job-document',
    'executionNumber',
    '1',
    '..',
    '%00',
    '',
  ),
  fc.string({ unit: 'binary', maxLength: 10 }).map((text) => encodeURIComponent(text.toWellFormed())),
);
const path = fc.array(word, { maxLength: 5 }).map((words) => `/${words.join('/')}`);
const body = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc
    .oneof(
      fc.jsonValue(),
      fc.record(
        {
          status: fc.oneof(fc.constantFrom('IN_PROGRESS', 'QUEUED'), fc.jsonValue()),
          statusDetails: fc.jsonValue(),
          expectedVersion: fc.jsonValue(),
          targets: fc.jsonValue(),
          document: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
    )
    .map((value) => new TextEncoder().encode(JSON.stringify(value))),
);
const method = fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'PATCH');
const bounded = { interruptAfterTimeLimit: 4_000, markInterruptAsFailure: false, numRuns: 3_000 };

describe('any method, path and body', () => {
  it('on the HTTP port, in either scope, is answered and never with a fault', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('iot', 'iot-jobs-data'), method, path, body, async (scope, verb, to, bytes) => {
        const authorization = `AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/${scope}/aws4_request, SignedHeaders=host, Signature=0`;
        const response = await fetch(`http://127.0.0.1:${lab.ports.httpPort}${to}`, {
          method: verb,
          headers: { authorization, 'content-type': 'application/json' },
          ...(verb === 'GET' ? {} : { body: new Uint8Array(bytes) }),
        });
        await response.arrayBuffer();
        expect(response.status).not.toBe(500);
      }),
      bounded,
    );
    await lab.createJob('after', commands(['true']));
    expect(await lab.statuses()).toMatchObject({ after: 'QUEUED' });
  });

  it('on the HTTPS port is answered and never with a fault', async () => {
    const agent = new Agent({
      // A connection each: the server may close one after an answer that did not wait for the body.
      keepAlive: false,
      ca: readFileSync(lab.ports.caPath),
      cert: readFileSync(lab.thingFile('pi', 'certificate.pem')),
      key: readFileSync(lab.thingFile('pi', 'private.key')),
    });
    const send = (verb: string, to: string, bytes: Uint8Array) =>
      new Promise<number>((resolve, reject) => {
        const options = { agent, host: '127.0.0.1', port: lab.ports.httpsPort, method: verb, path: to };
        const call = request(options, (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
        });
        call.on('error', reject);
        call.end(verb === 'GET' ? undefined : bytes);
      });
    await fc.assert(
      fc.asyncProperty(method, path, body, async (verb, to, bytes) => {
        expect(await send(verb, to, bytes)).not.toBe(500);
      }),
      bounded,
    );
    agent.destroy();
    expect(await send('GET', '/things/pi/jobs', new Uint8Array())).toBe(200);
  });
});

/** Fields that operations look at, and names that objects have of themselves. */
const FIELDS = [
  ...['targets', 'document', 'documentSource', 'jobTemplateArn', 'documentParameters', 'targetSelection', 'tags'],
  ...['jobExecutionsRolloutConfig', 'abortConfig', 'timeoutConfig', 'jobExecutionsRetryConfig', 'schedulingConfig'],
  ...['presignedUrlConfig', 'maintenanceWindows', 'description', 'namespaceId', 'jobArn', 'attributePayload'],
  ...['thingGroupName', 'thingName', 'parentGroupName', 'thingGroupProperties', 'certificateSigningRequest'],
  ...['certificatePem', 'policyDocument', 'target', 'templateBody', 'templateName', 'parameters', 'files', 'roleArn'],
  ...['eventConfigurations', 'resourceArn', 'criteriaList', 'status', 'statusDetails', 'expectedVersion', '__proto__'],
];
const THING = 'arn:aws:iot:us-east-1:123456789012:thing/pi';
const value = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue() },
  fc.constantFrom<unknown>(
    [THING],
    '{"a":1}',
    THING,
    'pi',
    { criteriaList: [{}] },
    { attributes: { constructor: 'x' } },
  ),
);
const operationBody = fc
  .dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 6 })
  .map((fields) => new TextEncoder().encode(JSON.stringify(fields)));
const parameter = fc.oneof(fc.constantFrom('pi', 'job', '1', 'constructor', '__proto__', '$next'), word);

describe('every operation of the table, with whatever fields', () => {
  it('is answered and never with a fault', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...OPERATIONS),
        fc.infiniteStream(parameter),
        fc.dictionary(fc.constantFrom('maxResults', 'nextToken', 'force', 'status', 'recursive'), fc.string()),
        operationBody,
        async ({ service, method: verb, path: template }, parameters, query, bytes) => {
          const to = template.replaceAll(/\{\w+\}/g, () => String(parameters.next().value || 'x'));
          const authorization = `AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
          const url = `http://127.0.0.1:${lab.ports.httpPort}${to}?${new URLSearchParams(query)}`;
          const response = await fetch(url, {
            method: verb,
            headers: { authorization, 'x-amzn-principal': THING },
            ...(verb === 'GET' ? {} : { body: bytes }),
          });
          const text = await response.text();
          expect([response.status, text]).not.toEqual([500, expect.anything()]);
        },
      ),
      { ...bounded, interruptAfterTimeLimit: 8_000 },
    );
    expect(await lab.control('GET', 'time')).toMatchObject({ aheadSeconds: 0 });
  });

  it('and so are the simulator’s own endpoints', async () => {
    const endpoint = fc.constantFrom(
      'time',
      'settings',
      'faults',
      'faults/rates',
      'messages',
      'state',
      'objects/a/b',
      'reset',
    );
    await fc.assert(
      fc.asyncProperty(endpoint, method, fc.oneof(body, operationBody), async (to, verb, bytes) => {
        const url = `http://127.0.0.1:${lab.ports.httpPort}/_simulator/${to}`;
        const response = await fetch(url, { method: verb, ...(verb === 'GET' ? {} : { body: new Uint8Array(bytes) }) });
        await response.arrayBuffer();
        expect(response.status).not.toBe(500);
      }),
      bounded,
    );
    expect(await lab.control('GET', 'settings')).toMatchObject({ answers: 'requester' });
  });
});
