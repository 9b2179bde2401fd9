import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AttachPolicyCommand,
  CancelJobCommand,
  CreateJobCommand,
  CreatePolicyCommand,
  DeleteJobCommand,
  DescribeJobExecutionCommand as DescribeExecution,
  DescribeJobCommand,
  DetachPolicyCommand,
  GetJobDocumentCommand,
  IoTClient,
  ListJobExecutionsForJobCommand,
  ListJobExecutionsForThingCommand,
  ListJobsCommand,
  ListThingPrincipalsCommand,
  RegisterCertificateWithoutCACommand,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot';
import {
  DescribeJobExecutionCommand,
  GetPendingJobExecutionsCommand,
  IoTJobsDataPlaneClient,
  StartNextPendingJobExecutionCommand,
  UpdateJobExecutionCommand,
} from '@aws-sdk/client-iot-jobs-data-plane';
import { connectAsync } from 'mqtt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CertificateAuthority, certificateIdOf } from '../../src/simulator/certificate-authority.ts';
import { MovableClock } from '../../src/simulator/movable-clock.ts';
import { Simulator, type SimulatorAddresses } from '../../src/simulator/simulator.ts';

let directory: string;
let simulator: Simulator;
let addresses: SimulatorAddresses;
let iot: IoTClient;
let device: IoTJobsDataPlaneClient;
const thingName = 'pi';
const targets = ['arn:aws:iot:us-east-1:123456789012:thing/pi'];

async function startSimulator(): Promise<void> {
  simulator = new Simulator({ dataDirectory: directory });
  addresses = await simulator.start();
  await simulator.addThing(thingName);
  const client = {
    endpoint: `http://127.0.0.1:${addresses.httpPort}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  };
  iot = new IoTClient(client);
  device = new IoTJobsDataPlaneClient(client);
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'thing-agent-simulator-'));
  await startSimulator();
});

afterEach(async () => {
  iot.destroy();
  device.destroy();
  await simulator.stop();
  await rm(directory, { recursive: true, force: true });
});

const file = (name: string): string => join(directory, 'things', thingName, name);
const refusal = (name: string, httpStatusCode: number) => ({ name, $metadata: { httpStatusCode } });

test('a job lives from creation to its result over both HTTP services', async () => {
  await iot.send(new CreateJobCommand({ jobId: 'j1', targets, document: '{"do":"it"}' }));
  const pending = await device.send(new GetPendingJobExecutionsCommand({ thingName }));
  expect(pending.inProgressJobs).toEqual([]);
  expect(pending.queuedJobs).toMatchObject([{ jobId: 'j1', versionNumber: 1 }]);

  const { execution: started } = await device.send(new StartNextPendingJobExecutionCommand({ thingName }));
  expect(started).toMatchObject({ jobId: 'j1', thingName, status: 'IN_PROGRESS', jobDocument: '{"do":"it"}' });
  const { execution: next } = await device.send(new DescribeJobExecutionCommand({ thingName, jobId: '$next' }));
  expect(next).toMatchObject({ jobId: 'j1', thingName });

  const update = { thingName, jobId: 'j1', includeJobExecutionState: true, includeJobDocument: true };
  const wrongVersion = new UpdateJobExecutionCommand({ ...update, status: 'SUCCEEDED', expectedVersion: 99 });
  await expect(device.send(wrongVersion)).rejects.toMatchObject(refusal('InvalidStateTransitionException', 409));
  const done = new UpdateJobExecutionCommand({ ...update, status: 'SUCCEEDED', statusDetails: { a: 'b' } });
  expect(await device.send(done)).toMatchObject({
    executionState: { status: 'SUCCEEDED', statusDetails: { a: 'b' } },
    jobDocument: '{"do":"it"}',
  });
  await expect(device.send(done)).rejects.toMatchObject(refusal('InvalidStateTransitionException', 409));

  const { execution } = await iot.send(new DescribeExecution({ thingName, jobId: 'j1' }));
  expect(execution).toMatchObject({ status: 'SUCCEEDED', statusDetails: { detailsMap: { a: 'b' } } });
  expect(execution?.queuedAt).toBeInstanceOf(Date);
  const { job } = await iot.send(new DescribeJobCommand({ jobId: 'j1' }));
  expect(job).toMatchObject({ jobId: 'j1', status: 'COMPLETED' });
  expect((await iot.send(new GetJobDocumentCommand({ jobId: 'j1' }))).document).toBe('{"do":"it"}');
  const { executionSummaries } = await iot.send(new ListJobExecutionsForThingCommand({ thingName }));
  expect(executionSummaries).toMatchObject([{ jobId: 'j1', jobExecutionSummary: { status: 'SUCCEEDED' } }]);
  const forJob = await iot.send(new ListJobExecutionsForJobCommand({ jobId: 'j1' }));
  expect(forJob.executionSummaries).toMatchObject([{ thingArn: targets[0] }]);
});

test('a job is canceled and deleted, and then nobody knows it', async () => {
  await iot.send(new CreateJobCommand({ jobId: 'j2', targets, document: '{}' }));
  await iot.send(new CancelJobCommand({ jobId: 'j2', comment: 'no' }));
  expect((await iot.send(new DescribeJobCommand({ jobId: 'j2' }))).job?.status).toBe('CANCELED');
  await iot.send(new DeleteJobCommand({ jobId: 'j2' }));
  expect((await iot.send(new ListJobsCommand({}))).jobs).toEqual([]);
  await expect(device.send(new DescribeJobExecutionCommand({ thingName, jobId: 'j2' }))).rejects.toMatchObject(
    refusal('ResourceNotFoundException', 404),
  );
});

test('state survives a restart', async () => {
  const key = readFileSync(file('private.key'), 'utf8');
  await iot.send(new CreateJobCommand({ jobId: 'kept', targets, document: '{}' }));
  await simulator.stop();
  await startSimulator();
  expect((await iot.send(new DescribeJobCommand({ jobId: 'kept' }))).job?.jobId).toBe('kept');
  expect(readFileSync(file('private.key'), 'utf8')).toBe(key);
  expect(JSON.parse(readFileSync(file('agent.json'), 'utf8'))).toMatchObject({ port: addresses.mqttPort });
  expect((await overHttps(thingFiles())).status).toBe(200);
});

test('a thing gets a key that only its owner can read', () => {
  expect(statSync(file('private.key')).mode & 0o777).toBe(0o600);
});

test('a port in use is named, and nothing stays open', async () => {
  const other = new Simulator({ dataDirectory: join(directory, 'other'), httpPort: addresses.httpPort });
  await expect(other.start()).rejects.toMatchObject({ option: 'httpPort' });
});

interface Credentials {
  readonly cert?: string;
  readonly key?: string;
}

const thingFiles = (): Credentials => ({
  cert: readFileSync(file('certificate.pem'), 'utf8'),
  key: readFileSync(file('private.key'), 'utf8'),
});

function overHttps(
  { ALPNProtocols, ...credentials }: Credentials & { readonly ALPNProtocols?: string[] },
  path = '/things/pi/jobs',
): Promise<{ status: number; type: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; type: unknown }>();
  const ca = readFileSync(addresses.caPath, 'utf8');
  request(
    {
      host: '127.0.0.1',
      port: addresses.httpsPort,
      path,
      ca,
      agent: false,
      ...credentials,
      ...(ALPNProtocols && { ALPNProtocols }),
    },
    (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, type: response.headers['x-amzn-errortype'] });
    },
  )
    .on('error', reject)
    .end();
  return promise;
}

const REFUSED = { status: 400, type: 'CertificateValidationException' };

test('a device asks for its jobs over HTTPS with its certificate', async () => {
  expect(await overHttps(thingFiles())).toEqual({ status: 200, type: undefined });
});

test.each(['x-amzn-http-ca', 'http/1.1'])('HTTPS speaks to who offers the protocol %s', async (protocol) => {
  const offered = { ...thingFiles(), ALPNProtocols: [protocol] };
  expect(await overHttps(offered)).toEqual({ status: 200, type: undefined });
});

test('a certificate of another authority is good over HTTPS and MQTT once it is registered', async () => {
  const foreign = await CertificateAuthority.open(await mkdtemp(join(directory, 'foreign-')));
  const { certificatePem: cert, privateKey: key } = await foreign.issueDeviceCertificate();
  const connect = () =>
    connectAsync({
      ...{ protocol: 'mqtts', host: '127.0.0.1', port: addresses.mqttPort, clientId: 'foreign', cert, key },
      ...{ ca: readFileSync(addresses.caPath), reconnectPeriod: 0, connectTimeout: 5_000 },
    });
  expect(await overHttps({ cert, key })).toEqual(REFUSED);
  const registered = await iot.send(
    new RegisterCertificateWithoutCACommand({ certificatePem: cert, status: 'ACTIVE' }),
  );
  await iot.send(new AttachPolicyCommand({ policyName: 'ThingAgentSimulator', target: registered.certificateArn }));
  expect(await overHttps({ cert, key })).toEqual({ status: 200, type: undefined });
  await (await connect()).endAsync();
});

test('over HTTPS a policy may depend on the certificate’s subject', async () => {
  const { principals = [] } = await iot.send(new ListThingPrincipalsCommand({ thingName }));
  const target = principals[0] ?? '';
  await iot.send(new DetachPolicyCommand({ policyName: 'ThingAgentSimulator', target }));
  const attach = async (policyName: string, commonName: string) => {
    const Condition = { StringEquals: { 'iot:Certificate.Subject.CommonName': commonName } };
    const Statement = [{ Effect: 'Allow', Action: 'iotjobsdata:*', Resource: '*', Condition }];
    const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
    await iot.send(new CreatePolicyCommand({ policyName, policyDocument }));
    await iot.send(new AttachPolicyCommand({ policyName, target }));
  };
  await attach('other', 'another name');
  expect(await overHttps(thingFiles())).toEqual({ status: 403, type: 'ForbiddenException' });
  await attach('own', 'AWS IoT Certificate');
  expect(await overHttps(thingFiles())).toEqual({ status: 200, type: undefined });
});

test('over HTTPS a fault on order and rates are met too, and a certificate ends with the time that is moved', async () => {
  simulator.faults.add({ kind: 'failNext', operation: 'GetPendingJobExecutions', code: 'RequestThrottled' });
  expect(await overHttps(thingFiles())).toEqual({ status: 429, type: 'ThrottlingException' });
  expect(await overHttps(thingFiles())).toEqual({ status: 200, type: undefined });
  simulator.clock.advance(40 * 365 * 86_400_000);
  expect(await overHttps(thingFiles())).toEqual(REFUSED);
});

test('time that was moved stays so after a restart', async () => {
  simulator.clock.advance(7 * 86_400_000);
  await simulator.stop();
  await startSimulator();
  expect(simulator.clock.ahead).toBeGreaterThanOrEqual(7 * 86_400_000);
});

test('what a timer brings about is published at once, whoever asks or not', async () => {
  const client = await connectAsync({
    ...{ protocol: 'mqtts', host: '127.0.0.1', port: addresses.mqttPort, clientId: thingName, reconnectPeriod: 0 },
    ...{ ca: readFileSync(addresses.caPath), ...thingFiles() },
  });
  const heard: string[] = [];
  client.on('message', (topic) => heard.push(topic));
  const timeoutConfig = { inProgressTimeoutInMinutes: 1 };
  await iot.send(new CreateJobCommand({ jobId: 'j1', targets, document: '{}', timeoutConfig }));
  await device.send(new StartNextPendingJobExecutionCommand({ thingName }));
  await client.subscribeAsync(`$aws/things/${thingName}/jobs/notify-next`);
  simulator.clock.advance(61_000);
  await expect.poll(() => heard).toEqual([`$aws/things/${thingName}/jobs/notify-next`]);
  // A schedule and a rollout are timers of jobs, not of executions.
  const jobExecutionsRolloutConfig = { maximumPerMinute: 1 };
  const all = [...targets, 'arn:aws:iot:us-east-1:123456789012:thing/late'];
  await simulator.addThing('late');
  await iot.send(
    new CreateJobCommand({ jobId: 'j2', targets: [...all].reverse(), document: '{}', jobExecutionsRolloutConfig }),
  );
  simulator.clock.advance(61_000);
  await expect.poll(() => heard.length).toBe(2);
  await client.endAsync();
});

test('the control plane does not exist on the HTTPS port', async () => {
  expect(await overHttps(thingFiles(), '/things')).toEqual({ status: 404, type: 'UnknownOperationException' });
});

test('over HTTPS no certificate, an unknown, an expired, a future and a foreign one are refused', async () => {
  const authority = await CertificateAuthority.open(directory);
  const foreign = await CertificateAuthority.open(await mkdtemp(join(directory, 'foreign-')));
  const now = Date.now();
  const issued = await Promise.all([
    authority.issueDeviceCertificate(),
    authority.issueDeviceCertificate({ notBefore: now - 10 * 86_400_000, notAfter: now - 86_400_000 }),
    authority.issueDeviceCertificate({ notBefore: now + 86_400_000, notAfter: now + 10 * 86_400_000 }),
    foreign.issueDeviceCertificate(),
  ]);
  expect(await overHttps({})).toEqual(REFUSED);
  for (const { certificatePem: cert, privateKey: key } of issued)
    expect(await overHttps({ cert, key })).toEqual(REFUSED);
});

test('over HTTPS a certificate that was deactivated is refused', async () => {
  const der = Buffer.from((thingFiles().cert ?? '').replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  await iot.send(new UpdateCertificateCommand({ certificateId: certificateIdOf(der), newStatus: 'INACTIVE' }));
  expect(await overHttps(thingFiles())).toEqual(REFUSED);
});

test('with a clock that stands in the past, a device connects all the same, and its times are those of the clock', async () => {
  const past = Date.UTC(2026, 0, 5);
  const elsewhere = await mkdtemp(join(tmpdir(), 'simulator-past-'));
  const still = new Simulator({ dataDirectory: elsewhere, clock: new MovableClock({ source: () => past }) });
  const { mqttPort, caPath } = await still.start();
  await still.addThing('pi');
  const file = (name: string) => readFileSync(join(elsewhere, 'things', 'pi', name));
  const client = await connectAsync({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port: mqttPort,
    ca: readFileSync(caPath),
    cert: file('certificate.pem'),
    key: file('private.key'),
    clientId: 'pi',
    reconnectPeriod: 0,
  });
  try {
    const answer = new Promise<string>((resolve) =>
      client.once('message', (_topic, payload) => resolve(payload.toString())),
    );
    await client.publishAsync('$aws/things/pi/jobs/get', '', { qos: 1 });
    expect(JSON.parse(await answer)).toMatchObject({ timestamp: past / 1000 });
  } finally {
    await client.endAsync(true);
    await still.stop();
    await rm(elsewhere, { recursive: true });
  }
});
