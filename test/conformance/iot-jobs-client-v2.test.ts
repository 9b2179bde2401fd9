import { IoTClient, ListThingPrincipalsCommand } from '@aws-sdk/client-iot';
import { io, iot, iotjobs, mqtt } from 'aws-iot-device-sdk-v2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands, Lab } from '../support/lab.ts';

/**
 * AWS's own Jobs client drives the simulator over MQTT 3.1.1 and mutual TLS, as AWS's test of that client drives the
 * real service (aws-iot-device-sdk-js-v2, iotjobsclientv2.spec.ts).
 */
let lab: Lab;
let connection: mqtt.MqttClientConnection;
let client: iotjobs.IotJobsClientv2;
const thingName = 'pi';

beforeAll(async () => {
  lab = await Lab.start();
  const config = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(
    lab.thingFile(thingName, 'certificate.pem'),
    lab.thingFile(thingName, 'private.key'),
  )
    .with_certificate_authority_from_path(undefined, lab.ports.caPath)
    .with_endpoint('127.0.0.1')
    .with_port(lab.ports.mqttPort)
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

/** A stream of notifications, collected. */
async function collect<T>(stream: {
  on(event: 'incomingPublish', listener: (event: { message: T }) => void): unknown;
  on(event: 'subscriptionStatus', listener: (event: { type: number }) => void): unknown;
  open(): void;
}): Promise<T[]> {
  const messages: T[] = [];
  const subscribed = new Promise<void>((resolve) => stream.on('subscriptionStatus', () => resolve()));
  stream.on('incomingPublish', ({ message }) => messages.push(message));
  stream.open();
  await subscribed;
  return messages;
}

describe('IotJobsClientv2', () => {
  it('is connected with the certificate of the thing', async () => {
    expect(lab.iot).toBeInstanceOf(IoTClient);
    const { principals } = await lab.iot.send(new ListThingPrincipalsCommand({ thingName }));
    expect(principals).toHaveLength(1);
  });

  it('reads two empty arrays where nothing is pending (GetPendingJobExecutions)', async () => {
    const pending = await client.getPendingJobExecutions({ thingName });
    expect([pending.inProgressJobs, pending.queuedJobs]).toEqual([[], []]);
    expect(Number(pending.timestamp)).toBeGreaterThan(1.7e9);
    expect(Number(pending.timestamp)).toBeLessThan(1e11);
  });

  it('reads no execution where nothing is next (DescribeJobExecution $next, StartNextPendingJobExecution)', async () => {
    expect((await client.describeJobExecution({ thingName, jobId: '$next' })).execution).toBeUndefined();
    expect((await client.startNextPendingJobExecution({ thingName })).execution).toBeUndefined();
  });

  it('takes a job through its whole life with every notification and no other (AWS developer guide, Jobs notifications)', async () => {
    const notified = await collect(client.createJobExecutionsChangedStream({ thingName }));
    const next = await collect(client.createNextJobExecutionChangedStream({ thingName }));
    await lab.createJob('life', commands(['true']));
    await expect.poll(() => [notified.length, next.length], { timeout: 5_000 }).toEqual([1, 1]);
    expect(notified[0]?.jobs?.['QUEUED' as never]).toHaveLength(1);
    expect(next[0]?.execution).toMatchObject({ jobId: 'life', status: 'QUEUED' });

    const started = await client.startNextPendingJobExecution({ thingName });
    expect(started.execution).toMatchObject({ jobId: 'life', status: 'IN_PROGRESS', versionNumber: 2 });
    expect(started.execution?.jobDocument).toEqual(commands(['true']));
    const updated = await client.updateJobExecution({
      thingName,
      jobId: 'life',
      status: iotjobs.model.JobStatus.SUCCEEDED,
      includeJobExecutionState: true,
    });
    expect(updated.executionState).toMatchObject({ status: 'SUCCEEDED', versionNumber: 3 });
    await expect.poll(() => [notified.length, next.length], { timeout: 5_000 }).toEqual([2, 2]);
    expect(notified[1]?.jobs).toEqual({});
    expect(next[1]?.execution).toBeUndefined();
  });

  it('is told by code why an update is rejected (ErrorResponse)', async () => {
    const refused = client.updateJobExecution({
      thingName,
      jobId: 'nowhere',
      status: iotjobs.model.JobStatus.SUCCEEDED,
    });
    await expect(refused).rejects.toMatchObject({ modeledError: { code: 'ResourceNotFound' } });
    await lab.createJob('versioned', commands(['true']));
    const mismatch = client.updateJobExecution({
      thingName,
      jobId: 'versioned',
      status: iotjobs.model.JobStatus.IN_PROGRESS,
      expectedVersion: 99,
    });
    await expect(mismatch).rejects.toMatchObject({
      modeledError: {
        code: 'VersionMismatch',
        message: 'Expected version 99 but found version 1',
        executionState: { status: 'QUEUED', versionNumber: 1 },
      },
    });
  });
});
