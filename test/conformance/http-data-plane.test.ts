import { request } from 'node:https';
import { IoTJobsDataPlane } from '@aws-sdk/client-iot-jobs-data-plane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, refusal, SECOND } from '../support/conformance-lab.ts';

/** The Jobs data plane over HTTP, through AWS's SDK, and over HTTPS with a client certificate. */
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

async function withJob(): Promise<{ thingName: string; jobId: string }> {
  const thingName = await lab.thing();
  const jobId = `job-of-${thingName}`;
  await lab.createJob(jobId, thingName, { document: '{"do": "it"}' });
  return { thingName, jobId };
}

/** An answer without what the SDK adds. */
function bare({ $metadata, ...answer }: { $metadata: unknown }): object {
  return answer;
}

describe('the answers', () => {
  it('of GetPendingJobExecutions have two lists and no timestamp (API reference, GetPendingJobExecutions)', async () => {
    const { thingName, jobId } = await withJob();
    expect(bare(await lab.dataPlane.getPendingJobExecutions({ thingName }))).toEqual({
      inProgressJobs: [],
      queuedJobs: [{ jobId, queuedAt: lab.now, lastUpdatedAt: lab.now, executionNumber: 1, versionNumber: 1 }],
    });
  });

  it('of StartNextPendingJobExecution name the thing, and have the document as a string (API reference, JobExecution)', async () => {
    const { thingName, jobId } = await withJob();
    const queuedAt = lab.now;
    lab.advance(SECOND);
    const answer = bare(await lab.dataPlane.startNextPendingJobExecution({ thingName, statusDetails: { a: 'b' } }));
    expect(answer).toEqual({
      execution: {
        thingName,
        jobId,
        status: 'IN_PROGRESS',
        statusDetails: { a: 'b' },
        queuedAt,
        startedAt: lab.now,
        lastUpdatedAt: lab.now,
        versionNumber: 2,
        executionNumber: 1,
        jobDocument: expect.any(String),
      },
    });
    const { execution } = answer as { execution: { jobDocument: string } };
    expect(JSON.parse(execution.jobDocument)).toEqual({ do: 'it' });
  });

  it('of DescribeJobExecution leave out the document on request, and know $next (API reference, DescribeJobExecution)', async () => {
    const { thingName, jobId } = await withJob();
    const declined = { thingName, includeJobDocument: false, executionNumber: 1 };
    const { execution } = await lab.dataPlane.describeJobExecution({ ...declined, jobId });
    expect(execution).toMatchObject({ thingName, jobId, status: 'QUEUED' });
    expect(execution).not.toHaveProperty('jobDocument');
    const next = await lab.dataPlane.describeJobExecution({ thingName, jobId: '$next' });
    expect(next.execution).toMatchObject({ jobId, jobDocument: expect.any(String) });
  });

  it('have no execution where nothing is pending (AWS IoT developer guide, Jobs device MQTT API)', async () => {
    const thingName = await lab.thing();
    expect(bare(await lab.dataPlane.startNextPendingJobExecution({ thingName }))).toEqual({});
    expect(bare(await lab.dataPlane.describeJobExecution({ thingName, jobId: '$next' }))).toEqual({});
  });

  it('of UpdateJobExecution are empty, with state and document on request (API reference, UpdateJobExecution)', async () => {
    const key = await withJob();
    expect(bare(await lab.dataPlane.updateJobExecution({ ...key, status: 'IN_PROGRESS' }))).toEqual({});
    const flags = { includeJobExecutionState: true, includeJobDocument: true };
    const answer = bare(await lab.dataPlane.updateJobExecution({ ...key, status: 'SUCCEEDED', ...flags }));
    expect(answer).toEqual({
      executionState: { status: 'SUCCEEDED', versionNumber: 3 },
      jobDocument: expect.stringMatching(/^\{"do": ?"it"\}$/),
    });
  });

  it('cause the same notifications as those over MQTT (AWS IoT developer guide, Jobs notifications)', async () => {
    const key = await withJob();
    const device = await lab.device(key.thingName);
    await device.listen();
    await lab.dataPlane.startNextPendingJobExecution(key);
    expect(await device.topics()).toEqual([]);
    await lab.dataPlane.updateJobExecution({ ...key, status: 'SUCCEEDED' });
    expect(await device.topics()).toEqual(['notify', 'notify-next']);
  });
});

describe('the errors', () => {
  it('are ResourceNotFoundException, 404 (API reference, Jobs data plane)', async () => {
    const { thingName } = await withJob();
    const missing = refusal('ResourceNotFoundException', 404);
    const unknown = { thingName, jobId: 'nowhere' };
    await expect(lab.dataPlane.describeJobExecution(unknown)).rejects.toMatchObject(missing);
    await expect(lab.dataPlane.updateJobExecution({ ...unknown, status: 'FAILED' })).rejects.toMatchObject(missing);
    await expect(lab.dataPlane.getPendingJobExecutions({ thingName: 'nobody' })).rejects.toMatchObject(missing);
  });

  it('are InvalidRequestException, 400 (API reference, Jobs data plane)', async () => {
    const key = await withJob();
    const invalid = refusal('InvalidRequestException', 400);
    const refused = [
      lab.dataPlane.updateJobExecution({ ...key, status: undefined }),
      lab.dataPlane.updateJobExecution({ ...key, status: 'QUEUED' }),
      lab.dataPlane.updateJobExecution({ ...key, status: 'IN_PROGRESS', statusDetails: { 'a b': 'c' } }),
      lab.dataPlane.startNextPendingJobExecution({ ...key, stepTimeoutInMinutes: 0 }),
    ];
    for (const one of refused) await expect(one).rejects.toMatchObject(invalid);
  });

  it('are InvalidStateTransitionException, 409, for an ended execution (API reference, UpdateJobExecution)', async () => {
    const key = await withJob();
    await lab.dataPlane.updateJobExecution({ ...key, status: 'SUCCEEDED' });
    await expect(lab.dataPlane.updateJobExecution({ ...key, status: 'IN_PROGRESS' })).rejects.toMatchObject(
      refusal('InvalidStateTransitionException', 409),
    );
  });

  it('are InvalidStateTransitionException, 409, for another version: the model has no other (our decision)', async () => {
    const key = await withJob();
    await expect(
      lab.dataPlane.updateJobExecution({ ...key, status: 'IN_PROGRESS', expectedVersion: 9 }),
    ).rejects.toMatchObject(refusal('InvalidStateTransitionException', 409));
  });

  it('are TerminalStateException, 410, for the describe of an ended execution (API reference, DescribeJobExecution)', async () => {
    const key = await withJob();
    await lab.dataPlane.updateJobExecution({ ...key, status: 'SUCCEEDED' });
    await expect(lab.dataPlane.describeJobExecution(key)).rejects.toMatchObject(refusal('TerminalStateException', 410));
  });
});

describe('the errors of a service in trouble', () => {
  it.each([
    ['ThrottlingException', 429],
    ['ServiceUnavailableException', 503],
  ])('are %s, %d, on the data plane (API reference, Jobs data plane)', async (code, status) => {
    const { thingName } = await withJob();
    lab.simulator.faults.add({ kind: 'failNext', operation: 'GetPendingJobExecutions', code });
    await expect(lab.dataPlane.getPendingJobExecutions({ thingName })).rejects.toMatchObject(refusal(code, status));
    await lab.dataPlane.getPendingJobExecutions({ thingName });
  });

  it.each([
    ['ThrottlingException', 400],
    ['ServiceUnavailableException', 503],
    ['InternalFailureException', 500],
  ])('are %s, %d, on the control plane (API reference, AWS IoT)', async (code, status) => {
    const { thingName } = await withJob();
    lab.simulator.faults.add({ kind: 'failNext', operation: 'DescribeThing', code });
    await expect(lab.iot.describeThing({ thingName })).rejects.toMatchObject(refusal(code, status));
  });

  it('are got over by the SDK, which tries again (AWS SDKs and tools reference, Retry behavior)', async () => {
    const { thingName } = await withJob();
    const client = new IoTJobsDataPlane({ ...lab.clientOptions, maxAttempts: 3 });
    lab.simulator.faults.add({ kind: 'failNext', operation: 'GetPendingJobExecutions', code: 'ThrottlingException' });
    const { $metadata, queuedJobs } = await client.getPendingJobExecutions({ thingName });
    client.destroy();
    expect([$metadata.attempts, queuedJobs?.length]).toEqual([2, 1]);
  });
});

describe('HTTPS with a client certificate', () => {
  interface Answer {
    readonly status: number | undefined;
    readonly type: unknown;
    readonly body: unknown;
  }

  /** As a device without an SDK asks. */
  function get(path: string, certificate: object): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const { httpsPort: port } = lab.addresses;
    const { ca } = lab.credentials();
    const call = request({ host: 'localhost', port, path, ca, agent: false, ...certificate }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as unknown;
        resolve({ status: response.statusCode, type: response.headers['x-amzn-errortype'], body });
      });
    });
    call.on('error', reject).end();
    return promise;
  }

  it('needs no signature (AWS IoT developer guide, Device communication protocols)', async () => {
    const { thingName, jobId } = await withJob();
    expect(await get(`/things/${thingName}/jobs`, lab.credentials())).toMatchObject({
      status: 200,
      body: { inProgressJobs: [], queuedJobs: [{ jobId }] },
    });
  });

  it('is refused without a certificate, and with an inactive one (API reference, CertificateValidationException)', async () => {
    const refused = { status: 400, type: expect.stringMatching(/^CertificateValidationException/) };
    expect(await get('/things/x/jobs', {})).toMatchObject(refused);
    const { certificateId, certificatePem: cert, keyPair } = await lab.iot.createKeysAndCertificate({});
    const inactive = { cert, key: keyPair?.PrivateKey };
    expect(await get('/things/x/jobs', inactive)).toMatchObject(refused);
    await lab.iot.updateCertificate({ certificateId, newStatus: 'ACTIVE' });
    expect(await get('/things/x/jobs', inactive)).not.toMatchObject(refused);
  });

  it('is refused where the policy does not allow it: ForbiddenException, 403 (AWS IoT developer guide, Jobs policies)', async () => {
    const { thingName, jobId } = await withJob();
    const made = await lab.iot.createKeysAndCertificate({ setAsActive: true });
    const device = { cert: made.certificatePem, key: made.keyPair?.PrivateKey };
    const forbidden = { status: 403, type: expect.stringMatching(/^ForbiddenException/) };
    expect(await get(`/things/${thingName}/jobs`, device)).toMatchObject(forbidden);
    const Action = 'iotjobsdata:GetPendingJobExecutions';
    const Statement = [{ Effect: 'Allow', Action, Resource: `arn:aws:iot:*:*:thing/${thingName}` }];
    const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
    await lab.iot.createPolicy({ policyName: 'get-pending', policyDocument });
    await lab.iot.attachPolicy({ policyName: 'get-pending', target: made.certificateArn });
    expect(await get(`/things/${thingName}/jobs`, device)).toMatchObject({ status: 200 });
    expect(await get(`/things/${thingName}/jobs/${jobId}`, device)).toMatchObject(forbidden);
    expect(await get(`/things/${await lab.thing()}/jobs`, device)).toMatchObject(forbidden);
  });

  it('serves AWS’s SDK too (AWS IoT developer guide, Device communication protocols)', async () => {
    const { thingName, jobId } = await withJob();
    const { httpsPort } = lab.addresses;
    const device = new IoTJobsDataPlane({
      ...lab.clientOptions,
      endpoint: `https://localhost:${httpsPort}`,
      requestHandler: { httpsAgent: { ...lab.credentials() } },
    });
    try {
      const { execution } = await device.startNextPendingJobExecution({ thingName });
      expect(execution).toMatchObject({ thingName, jobId, status: 'IN_PROGRESS' });
    } finally {
      device.destroy();
    }
  });
});
