import { join } from 'node:path';
import { io, iot, iotjobs, mqtt } from 'aws-iot-device-sdk-v2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CERTIFIED, ConformanceLab, SECOND } from '../support/conformance-lab.ts';

/**
 * AWS's own Jobs client drives the simulator over MQTT 3.1.1 and mutual TLS, as AWS's test of that client drives the
 * real service (aws-iot-device-sdk-js-v2, iotjobsclientv2.spec.ts).
 */
let lab: ConformanceLab;
let connection: mqtt.MqttClientConnection;
let client: iotjobs.IotJobsClientv2;
const { JobStatus } = iotjobs.model;

beforeAll(async () => {
  lab = await ConformanceLab.start();
  const directory = join(lab.directory, 'things', CERTIFIED);
  const config = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(
    join(directory, 'certificate.pem'),
    join(directory, 'private.key'),
  )
    .with_certificate_authority_from_path(undefined, lab.addresses.caPath)
    .with_endpoint('127.0.0.1')
    .with_port(lab.addresses.mqttPort)
    .with_client_id('conformance')
    .with_clean_session(true)
    .build();
  connection = new mqtt.MqttClient(new io.ClientBootstrap()).new_connection(config);
  await connection.connect();
  client = iotjobs.IotJobsClientv2.newFromMqtt311(connection, {
    maxRequestResponseSubscriptions: 6,
    maxStreamingSubscriptions: 4,
    operationTimeoutInSeconds: 10,
  });
});

afterAll(async () => {
  client?.close();
  await connection?.disconnect();
  await lab?.close();
});

interface Stream<T> {
  on(event: 'incomingPublish', listener: (event: { message: T }) => void): unknown;
  on(event: 'subscriptionStatus', listener: (event: { type: number }) => void): unknown;
  open(): void;
  close(): void;
}

const open: { close(): void }[] = [];

/** A stream of notifications, collected. */
async function collect<T>(stream: Stream<T>): Promise<T[]> {
  open.push(stream);
  const messages: T[] = [];
  const subscribed = new Promise<void>((resolve) => stream.on('subscriptionStatus', () => resolve()));
  stream.on('incomingPublish', ({ message }) => messages.push(message));
  stream.open();
  await subscribed;
  return messages;
}

describe('IotJobsClientv2', () => {
  it('connects by the ALPN that it offers on any port, and its certificate (AWS IoT developer guide, Device communication protocols)', async () => {
    expect(await client.getPendingJobExecutions({ thingName: CERTIFIED })).toMatchObject({ queuedJobs: [] });
  });

  it('reads two empty arrays where nothing is pending (API reference, GetPendingJobExecutions)', async () => {
    const { inProgressJobs, queuedJobs, timestamp } = await client.getPendingJobExecutions({
      thingName: await lab.thing(),
    });
    expect([inProgressJobs, queuedJobs]).toEqual([[], []]);
    expect(Number(timestamp)).toBe(lab.now);
  });

  it('reads no execution where nothing is next (API reference, DescribeJobExecution, StartNextPendingJobExecution)', async () => {
    const thingName = await lab.thing();
    expect((await client.describeJobExecution({ thingName, jobId: '$next' })).execution).toBeUndefined();
    expect((await client.startNextPendingJobExecution({ thingName })).execution).toBeUndefined();
  });

  it('takes a job through its whole life with every notification and no other (AWS IoT developer guide, Jobs notifications)', async () => {
    const thingName = await lab.thing();
    const notified = await collect(client.createJobExecutionsChangedStream({ thingName }));
    const next = await collect(client.createNextJobExecutionChangedStream({ thingName }));
    const queuedAt = lab.now;
    await lab.createJob('life', thingName, { document: { do: 'it' } });
    await expect.poll(() => [notified.length, next.length]).toEqual([1, 1]);
    expect(notified[0]?.jobs?.['QUEUED' as never]).toHaveLength(1);
    expect(next[0]?.execution).toMatchObject({ jobId: 'life', status: 'QUEUED' });

    lab.advance(SECOND);
    const started = await client.startNextPendingJobExecution({ thingName });
    const shown = { jobId: 'life', status: 'IN_PROGRESS', versionNumber: 2, queuedAt, startedAt: lab.now };
    expect(started.execution).toMatchObject({ ...shown, jobDocument: { do: 'it' } });
    expect((await client.getPendingJobExecutions({ thingName })).inProgressJobs).toMatchObject([{ jobId: 'life' }]);
    const updated = await client.updateJobExecution({
      thingName,
      jobId: 'life',
      status: JobStatus.SUCCEEDED,
      includeJobExecutionState: true,
    });
    expect(updated.executionState).toMatchObject({ status: 'SUCCEEDED', versionNumber: 3 });
    await expect.poll(() => [notified.length, next.length]).toEqual([2, 2]);
    expect(notified[1]?.jobs).toEqual({});
    expect(next[1]?.execution).toBeUndefined();
    for (const stream of open.splice(0)) stream.close();
  });

  it('describes a job by its id, with the document as an object (API reference, DescribeJobExecution)', async () => {
    const thingName = await lab.thing();
    await lab.createJob('described', thingName, { document: { do: 'it' } });
    const { execution } = await client.describeJobExecution({ thingName, jobId: 'described' });
    expect(execution).toMatchObject({ jobId: 'described', status: 'QUEUED', jobDocument: { do: 'it' } });
  });

  it('is told by code why a request is rejected (AWS IoT developer guide, Jobs device MQTT API, ErrorResponse)', async () => {
    const thingName = await lab.thing();
    const nowhere = client.updateJobExecution({ thingName, jobId: 'nowhere', status: JobStatus.SUCCEEDED });
    await expect(nowhere).rejects.toMatchObject({ modeledError: { code: 'ResourceNotFound' } });
    await lab.createJob('versioned', thingName);
    const versioned = { thingName, jobId: 'versioned' };
    const mismatch = client.updateJobExecution({ ...versioned, status: JobStatus.IN_PROGRESS, expectedVersion: 99 });
    await expect(mismatch).rejects.toMatchObject({
      modeledError: {
        code: 'VersionMismatch',
        message: 'Expected version 99 but found version 1',
        executionState: { status: 'QUEUED', versionNumber: 1 },
      },
    });
    const canceled = client.updateJobExecution({ ...versioned, status: JobStatus.CANCELED });
    await expect(canceled).rejects.toMatchObject({ modeledError: { code: 'InvalidRequest' } });
    await client.updateJobExecution({ ...versioned, status: JobStatus.FAILED });
    const again = client.updateJobExecution({ ...versioned, status: JobStatus.SUCCEEDED });
    await expect(again).rejects.toMatchObject({
      modeledError: { code: 'InvalidStateTransition', executionState: { status: 'FAILED' } },
    });
    await expect(client.describeJobExecution(versioned)).rejects.toMatchObject({
      modeledError: { code: 'TerminalStateReached' },
    });
  });
});
