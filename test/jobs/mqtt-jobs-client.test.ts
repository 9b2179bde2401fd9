import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateJobCommand, IoTClient } from '@aws-sdk/client-iot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection/connection.ts';
import { createMqttJsConnection } from '../../src/connection/mqttjs-connection.ts';
import { loadTlsMaterial } from '../../src/connection/tls-material.ts';
import { MqttJobsClient } from '../../src/jobs/mqtt-jobs-client.ts';
import { NEXT } from '../../src/jobs/topics.ts';
import { Simulator } from '../../src/simulator/simulator.ts';
import { silentLog } from '../support/silent-log.ts';

/** The client on a real connection to the simulator's broker. */
const directory = mkdtempSync(join(tmpdir(), 'jobs-client-'));
const simulator = new Simulator({ dataDirectory: directory });
const seen: string[] = [];
let iot: IoTClient;
let connection: Connection;
let client: MqttJobsClient;

beforeAll(async () => {
  const { mqttPort, httpPort, caPath } = await simulator.start();
  await simulator.addThing('pi');
  const thing = join(directory, 'things', 'pi');
  const tls = loadTlsMaterial({
    certificatePath: join(thing, 'certificate.pem'),
    privateKeyPath: join(thing, 'private.key'),
    rootCaPath: caPath,
  });
  const options = { endpoint: '127.0.0.1', port: mqttPort, clientId: 'pi', keepAliveSeconds: 60, tls };
  connection = createMqttJsConnection({ ...options, protocolVersion: 4 }, silentLog);
  client = new MqttJobsClient(connection, 'pi', silentLog);
  client.start({
    notify: (list) => seen.push(`notify ${list.queued.map((job) => job.jobId).join(' ')}`.trim()),
    notifyNext: (execution) => seen.push(`next ${execution?.jobId ?? 'nothing'}`),
  });
  const up = new Promise<void>((resolve) => connection.on('up', () => resolve()));
  connection.start();
  await up;
  await client.subscribe();
  iot = new IoTClient({
    endpoint: `http://127.0.0.1:${httpPort}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
});

afterAll(async () => {
  client.stop();
  await connection.stop();
  await simulator.stop();
  rmSync(directory, { recursive: true });
});

const create = (jobId: string) =>
  iot.send(
    new CreateJobCommand({
      jobId,
      targets: ['arn:aws:iot:us-east-1:123456789012:thing/pi'],
      document: `{"is":"${jobId}"}`,
    }),
  );

describe('the four operations', () => {
  it('say that nothing is pending', async () => {
    expect(await client.getPending()).toMatchObject({ inProgress: [], queued: [], unreadable: 0 });
    expect(await client.describe(NEXT, {})).toBeUndefined();
    expect(await client.startNext({})).toBeUndefined();
  });

  it('take an execution from the list to its end, with a notification for each change of the list', async () => {
    await create('a');
    await create('b');
    expect((await client.getPending()).queued.map((job) => job.jobId)).toEqual(['a', 'b']);
    expect(await client.describe(NEXT, {})).toMatchObject({ jobId: 'a', status: 'QUEUED', jobDocument: { is: 'a' } });
    expect(await client.describe('b', { includeJobDocument: false })).not.toHaveProperty('jobDocument');
    expect(await client.startNext({ statusDetails: { step: '1' } })).toMatchObject({
      jobId: 'a',
      status: 'IN_PROGRESS',
      statusDetails: { step: '1' },
    });
    const answer = await client.update('a', {
      status: 'SUCCEEDED',
      executionNumber: 1,
      includeJobExecutionState: true,
    });
    expect(answer.executionState).toMatchObject({ status: 'SUCCEEDED', versionNumber: 3 });
    await expect.poll(() => seen).toEqual(['notify a', 'next a', 'notify a b', 'notify b', 'next b']);
  });

  it('do not mix up their answers when many are under way at once', async () => {
    const ids = ['c', 'd', 'e', 'f'];
    for (const id of ids) await create(id);
    const answers = await Promise.all(ids.map((id) => client.describe(id, {})));
    expect(answers.map((execution) => execution?.jobDocument)).toEqual(ids.map((is) => ({ is })));
    const states = await Promise.allSettled([
      client.update('c', { status: 'FAILED', expectedVersion: 9 }),
      client.update('c', { status: 'IN_PROGRESS' }),
    ]);
    expect(states.map((state) => state.status)).toEqual(['rejected', 'fulfilled']);
  });

  it('reject with the service’s code and its class', async () => {
    await expect(client.describe('nowhere', {})).rejects.toMatchObject({
      code: 'JOBS_REJECTED',
      awsCode: 'ResourceNotFound',
      rejection: 'gone',
    });
    await expect(client.update('c', { status: 'SUCCEEDED', expectedVersion: 99 })).rejects.toMatchObject({
      awsCode: 'VersionMismatch',
      rejection: 'reread',
      executionState: { status: 'IN_PROGRESS' },
    });
  });

  it('end at once when their signal is aborted', async () => {
    const reason = new Error('enough');
    await expect(client.getPending(AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const pending = client.getPending(controller.signal);
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
  });
});
