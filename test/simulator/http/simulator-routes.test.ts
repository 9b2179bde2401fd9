import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import {
  AttachPolicyCommand,
  CancelJobCommand,
  CreateJobCommand,
  CreateJobTemplateCommand,
  CreatePolicyCommand,
  CreateThingGroupCommand,
  DescribeJobCommand,
  DetachPolicyCommand,
  IoTClient,
  ListJobsCommand,
  ListJobTemplatesCommand,
  ListTagsForResourceCommand,
  ListThingPrincipalsCommand,
  ListThingsCommand,
  UpdateCertificateCommand,
  UpdateEventConfigurationsCommand,
} from '@aws-sdk/client-iot';
import { GetPendingJobExecutionsCommand, IoTJobsDataPlaneClient } from '@aws-sdk/client-iot-jobs-data-plane';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Simulator, type SimulatorAddresses } from '../../../src/simulator/simulator.ts';

/** What docs/simulator.md promises of `/_simulator/…`. */
let directory: string;
let simulator: Simulator;
let addresses: SimulatorAddresses;
let clients: MqttClient[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'simulator-routes-'));
  simulator = new Simulator({ dataDirectory: directory });
  addresses = await simulator.start();
  await simulator.addThing('pi');
  clients = [];
});

afterEach(async () => {
  for (const client of clients) await client.endAsync(true);
  await simulator.stop();
  rmSync(directory, { recursive: true });
});

const options = () => ({
  endpoint: `http://127.0.0.1:${addresses.httpPort}`,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  maxAttempts: 1,
});
const iot = () => new IoTClient(options());
const device = () => new IoTJobsDataPlaneClient(options());
const createJob = (jobId: string, fields: object = {}) =>
  iot().send(
    new CreateJobCommand({
      jobId,
      targets: ['arn:aws:iot:us-east-1:123456789012:thing/pi'],
      document: '{"a":1}',
      ...fields,
    }),
  );

const createTemplate = (jobTemplateId: string, fields: object = {}) =>
  iot().send(new CreateJobTemplateCommand({ jobTemplateId, description: 'd', document: '{}', ...fields }));

/** A connection with the thing's certificate that the broker ends at once. */
async function turnedAway(): Promise<void> {
  const file = (name: string) => readFileSync(join(directory, 'things', 'pi', name));
  const [cert, key, ca] = [file('certificate.pem'), file('private.key'), readFileSync(addresses.caPath)];
  const socket = connectTls({ host: '127.0.0.1', port: addresses.mqttPort, cert, key, ca });
  socket.on('error', () => socket.destroy());
  await once(socket, 'close');
}

async function certificateArn(): Promise<string> {
  const { principals = [] } = await iot().send(new ListThingPrincipalsCommand({ thingName: 'pi' }));
  return principals[0] ?? '';
}

const certificateId = async () => (await certificateArn()).replace(/.*\//, '');

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; answer: unknown }> {
  const url = `http://127.0.0.1:${addresses.httpPort}/_simulator/${path}`;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url, { method, ...(body === undefined ? {} : { body: text }) });
  return { status: response.status, answer: await response.json() };
}

async function connect(clientId = 'pi'): Promise<MqttClient> {
  const file = (name: string) => readFileSync(join(directory, 'things', 'pi', name));
  const client = await connectAsync({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port: addresses.mqttPort,
    ca: readFileSync(addresses.caPath),
    cert: file('certificate.pem'),
    key: file('private.key'),
    clientId,
    reconnectPeriod: 0,
  });
  clients.push(client);
  return client;
}

describe('time', () => {
  it('is moved, and what comes due on the way has happened when the answer comes', async () => {
    const startTime = new Date(Date.now() + 3_600_000).toISOString().slice(0, 16).replace('T', ' ');
    await createJob('later', { schedulingConfig: { startTime } });
    const before = await call('GET', 'time');
    const { answer } = await call('POST', 'time', { advanceSeconds: 3600 });
    expect(
      Date.parse((answer as { now: string }).now) - Date.parse((before.answer as { now: string }).now),
    ).toBeGreaterThanOrEqual(3_600_000);
    const { job } = await iot().send(new DescribeJobCommand({ jobId: 'later' }));
    expect(job?.status).toBe('IN_PROGRESS');
    expect(job?.lastUpdatedAt?.toISOString().slice(0, 16).replace('T', ' ')).toBe(startTime);
  });

  it.each([
    { advanceSeconds: -1 },
    { advanceSeconds: '5' },
    {},
    { seconds: 5 },
    'no JSON',
    '[]',
  ])('is not moved by %j', async (body) => {
    const { status, answer } = await call('POST', 'time', body);
    expect([status, Object.keys(answer as object)]).toEqual([400, ['message']]);
  });
});

describe('state and reset', () => {
  it('shows things, certificates, jobs and executions, and no private key', async () => {
    await createJob('a');
    const { answer } = await call('GET', 'state');
    expect(answer).toMatchObject({
      accountId: '123456789012',
      settings: { answers: 'requester' },
      things: [{ thingName: 'pi' }],
      certificates: [{ status: 'ACTIVE' }],
      jobs: [{ jobId: 'a', status: 'IN_PROGRESS' }],
      executions: [{ jobId: 'a', thingName: 'pi', status: 'QUEUED' }],
    });
    expect(JSON.stringify(answer)).not.toContain('PRIVATE KEY');
  });

  it('shows connections with their subscriptions, faults, groups, policies and templates', async () => {
    const client = await connect();
    await client.subscribeAsync('a/b');
    await iot().send(new CreateThingGroupCommand({ thingGroupName: 'group' }));
    await createTemplate('template');
    await call('POST', 'faults', { kind: 'drop', topic: 'x' });
    expect((await call('GET', 'state')).answer).toMatchObject({
      connections: [{ clientId: 'pi', subscriptions: ['a/b'] }],
      faults: [{ kind: 'drop', topic: 'x', hits: 0 }],
      rates: { throttled: 0 },
      thingGroups: [{ thingGroupName: 'group' }],
      policies: [{ policyName: 'ThingAgentSimulator' }],
      jobTemplates: [{ jobTemplateId: 'template' }],
    });
  });

  it('forgets jobs, templates, their tags, settings, faults and messages, and keeps the registry and the time', async () => {
    const tags = [{ Key: 'key', Value: 'value' }];
    const { jobArn: resourceArn } = await createJob('a', { tags });
    const { jobTemplateArn } = await createTemplate('template', { tags });
    await connect();
    const before = await call('POST', 'time', { advanceSeconds: 86_400 });
    await call('PATCH', 'settings', { deviceMayCancel: true });
    await call('POST', 'faults', { kind: 'failNext', operation: 'ListJobs', code: 'InternalError' });
    await call('POST', 'reset');
    expect((await iot().send(new ListJobsCommand({}))).jobs).toEqual([]);
    expect((await iot().send(new ListThingsCommand({}))).things).toHaveLength(1);
    expect((await call('GET', 'settings')).answer).toMatchObject({ deviceMayCancel: false });
    expect((await call('GET', 'faults')).answer).toMatchObject({ faults: [] });
    expect((await call('GET', 'messages')).answer).toEqual({ messages: [] });
    expect((await iot().send(new ListJobTemplatesCommand({}))).jobTemplates).toEqual([]);
    await createJob('a');
    await createTemplate('template');
    for (const arn of [resourceArn, jobTemplateArn]) {
      expect((await iot().send(new ListTagsForResourceCommand({ resourceArn: arn }))).tags).toEqual([]);
    }
    const { now } = before.answer as { now: string };
    const after = (await call('GET', 'time')).answer as { now: string };
    expect(Date.parse(after.now)).toBeGreaterThanOrEqual(Date.parse(now));
  });

  it('forgets policies and groups with the registry', async () => {
    await iot().send(new CreateThingGroupCommand({ thingGroupName: 'group' }));
    await call('POST', 'reset', { registry: true });
    expect((await call('GET', 'state')).answer).toMatchObject({ thingGroups: [], policies: [], certificates: [] });
  });

  it('forgets the registry too if asked, and connections with its certificates are closed', async () => {
    const client = await connect();
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    await call('POST', 'reset', { registry: true });
    await closed;
    expect((await iot().send(new ListThingsCommand({}))).things).toEqual([]);
  });

  it('forgets no timer’s job twice: time goes on after a reset', async () => {
    await createJob('a', {
      timeoutConfig: { inProgressTimeoutInMinutes: 1 },
      jobExecutionsRolloutConfig: { maximumPerMinute: 1 },
    });
    await call('POST', 'reset');
    expect((await call('POST', 'time', { advanceSeconds: 86_400 })).status).toBe(200);
    await createJob('a');
  });
});

describe('what is not there', () => {
  it.each([
    ['GET', 'statee'],
    ['PUT', 'time'],
    ['GET', 'faults/fault-9'],
    ['DELETE', 'objects/a/b'],
    ['GET', ''],
  ])('%s %j is said to be, without a signature', async (method, path) => {
    const { status, answer } = await call(method, path);
    expect([status, (answer as { message: string }).message]).toEqual([
      404,
      expect.stringContaining('docs/simulator.md'),
    ]);
  });
});

describe('settings', () => {
  it('decide at once who is sent an answer, and the unit of times in events', async () => {
    const [pi, other] = [await connect(), await connect('other')];
    const received: [string, { createdAt?: number }][] = [];
    other.on('message', (topic, payload) => received.push([topic, JSON.parse(payload.toString())]));
    await other.subscribeAsync(['$aws/things/pi/jobs/#', '$aws/events/#']);
    await call('PATCH', 'settings', { answers: 'subscribers', eventTimes: 'milliseconds' });
    await pi.publishAsync('$aws/things/pi/jobs/get', '', { qos: 1 });
    await expect.poll(() => received.map(([topic]) => topic)).toEqual(['$aws/things/pi/jobs/get/accepted']);
    await iot().send(new UpdateEventConfigurationsCommand({ eventConfigurations: { JOB: { Enabled: true } } }));
    await createJob('a');
    await iot().send(new CancelJobCommand({ jobId: 'a' }));
    await expect.poll(() => received.find(([topic]) => topic === '$aws/events/job/a/canceled')?.[1]).toBeDefined();
    const event = received.find(([topic]) => topic === '$aws/events/job/a/canceled')?.[1];
    expect(event?.createdAt).toBeGreaterThan(1e12);
  });

  it('are changed one by one', async () => {
    expect((await call('PATCH', 'settings', { deletionSeconds: 5 })).answer).toMatchObject({
      deletionSeconds: 5,
      answers: 'requester',
    });
  });

  it.each([
    [{ nonsense: true }, 'nonsense'],
    [{ answers: 'all' }, 'answers'],
    [{ deletionSeconds: -1 }, 'deletionSeconds'],
    ['{"deletionSeconds": 1e400}', 'deletionSeconds'],
    [{ deviceMayCancel: true, restartStepTimer: 'yes' }, 'restartStepTimer'],
  ])('%j is refused by name, and nothing is changed', async (body, name) => {
    const before = await call('GET', 'settings');
    const { status, answer } = await call('PATCH', 'settings', body);
    expect([status, (answer as { message: string }).message]).toEqual([400, expect.stringContaining(name)]);
    expect(await call('GET', 'settings')).toEqual(before);
  });
});

describe('faults', () => {
  it('the next operation fails over HTTP, with the exception and its status, once', async () => {
    await call('POST', 'faults', {
      kind: 'failNext',
      operation: 'GetPendingJobExecutions',
      code: 'ThrottlingException',
    });
    const ask = () => device().send(new GetPendingJobExecutionsCommand({ thingName: 'pi' }));
    await expect(ask()).rejects.toMatchObject({ name: 'ThrottlingException', $metadata: { httpStatusCode: 429 } });
    await ask();
  });

  it('the next operation fails over MQTT with the code of that API', async () => {
    await call('POST', 'faults', { kind: 'failNext', operation: 'GetPendingJobExecutions', code: 'RequestThrottled' });
    const client = await connect();
    const answer = new Promise<[string, string]>((resolve) =>
      client.once('message', (topic, payload) => resolve([topic, payload.toString()])),
    );
    await client.publishAsync('$aws/things/pi/jobs/get', '{"clientToken":"t"}', { qos: 1 });
    const [topic, payload] = await answer;
    expect([topic, JSON.parse(payload)]).toMatchObject([
      '$aws/things/pi/jobs/get/rejected',
      { code: 'RequestThrottled', clientToken: 't' },
    ]);
  });

  it.each([
    ['internalError', 'InternalFailureException', 500],
    ['throttled', 'ThrottlingException', 400],
    ['unavailable', 'ServiceUnavailableException', 503],
  ])('a rate of 1 for %s fails everything with %s %d', async (rate, name, httpStatusCode) => {
    await call('PUT', 'faults/rates', { [rate]: 1 });
    await expect(iot().send(new ListJobsCommand({}))).rejects.toMatchObject({ name, $metadata: { httpStatusCode } });
    await call('DELETE', 'faults');
    await iot().send(new ListJobsCommand({}));
  });

  it('are listed with their hits, and removed by id', async () => {
    const { answer } = await call('POST', 'faults', { kind: 'drop', topic: 'nowhere', times: 3 });
    const { id } = answer as { id: string };
    expect((await call('GET', 'faults')).answer).toMatchObject({ faults: [{ id, kind: 'drop', times: 3, hits: 0 }] });
    expect((await call('DELETE', `faults/${id}`)).status).toBe(200);
    expect((await call('DELETE', `faults/${id}`)).status).toBe(404);
  });

  it('an order that is not understood is refused with the field', async () => {
    const { status, answer } = await call('POST', 'faults', { kind: 'delay' });
    expect([status, (answer as { message: string }).message]).toEqual([400, expect.stringMatching(/^ms: expected/)]);
  });
});

describe('messages', () => {
  const ask = async () => (await connect()).publishAsync('$aws/things/pi/jobs/get', '{"clientToken":"t"}', { qos: 1 });
  const TOPIC = '$aws/things/pi/jobs/get';

  it('are listed with direction, client, topic, time and payload, and chosen by client, topic, number and count', async () => {
    await ask();
    await expect
      .poll(async () => (await call('GET', `messages?topic=${encodeURIComponent(`${TOPIC}/accepted`)}`)).answer)
      .toMatchObject({ messages: [{ direction: 'out', client: 'pi', payload: { inProgressJobs: [] } }] });
    const { answer } = await call('GET', 'messages?client=pi&limit=2');
    const { messages } = answer as { messages: { seq: number; direction: string; topic: string; time: string }[] };
    expect(messages.map(({ direction, topic }) => [direction, topic])).toEqual([
      ['in', TOPIC],
      ['out', `${TOPIC}/accepted`],
    ]);
    expect(Date.parse(messages[0]?.time ?? '')).toBeGreaterThan(1.7e12);
    expect((await call('GET', `messages?since=${messages[1]?.seq}`)).answer).toEqual({ messages: [] });
    for (const wrong of [
      'messages?nonsense=1',
      'messages?topic=a/%23/b',
      'messages?limit=x',
      'messages/stream?since=1',
    ]) {
      expect((await call('GET', wrong)).status).toBe(400);
    }
  });

  it('name the connections that were refused, and why', async () => {
    await call('POST', 'faults', { kind: 'refuse', times: 1 });
    await turnedAway();
    await iot().send(new UpdateCertificateCommand({ certificateId: await certificateId(), newStatus: 'INACTIVE' }));
    await turnedAway();
    await iot().send(new UpdateCertificateCommand({ certificateId: await certificateId(), newStatus: 'ACTIVE' }));
    await call('POST', 'time', { advanceSeconds: 40 * 365 * 86_400 });
    await turnedAway();
    const { messages } = (await call('GET', 'messages')).answer as { messages: { event: string; reason: string }[] };
    expect(messages.map(({ event, reason }) => `${event}: ${reason}`)).toEqual([
      'refuse: refused on order',
      'refuse: the certificate: it is INACTIVE',
      'refuse: the certificate: it has expired',
    ]);
  });

  it('say what was withheld for want of iot:Receive', async () => {
    const target = await certificateArn();
    await iot().send(new DetachPolicyCommand({ policyName: 'ThingAgentSimulator', target }));
    const actions = ['iot:Connect', 'iot:Publish', 'iot:Subscribe'];
    const policyDocument = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
    });
    await iot().send(new CreatePolicyCommand({ policyName: 'deaf', policyDocument }));
    await iot().send(new AttachPolicyCommand({ policyName: 'deaf', target }));
    await (await connect()).publishAsync(TOPIC, '', { qos: 1 });
    const withheld = async () => {
      const { messages } = (await call('GET', 'messages')).answer as {
        messages: { event?: string; reason?: string }[];
      };
      return messages.find(({ event }) => event === 'withhold')?.reason;
    };
    await expect.poll(withheld).toBe(`no policy allows iot:Receive on ${TOPIC}/accepted`);
  });

  it('of a stream are those of the client that was asked for', async () => {
    const url = `http://127.0.0.1:${addresses.httpPort}/_simulator/messages/stream?client=other`;
    const reader = (await fetch(url)).body?.pipeThrough(new TextDecoderStream()).getReader();
    await ask();
    await connect('other');
    const first = (await reader?.read())?.value ?? '';
    await reader?.cancel();
    expect(JSON.parse(first.split('\n')[0] ?? '')).toMatchObject({ event: 'connect', client: 'other' });
  });

  it('come as a stream, a line of JSON each', async () => {
    const response = await fetch(
      `http://127.0.0.1:${addresses.httpPort}/_simulator/messages/stream?topic=${encodeURIComponent('$aws/#')}`,
    );
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    await ask();
    let text = '';
    while (text.split('\n').length < 3) text += (await reader?.read())?.value ?? '';
    await reader?.cancel();
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { direction: string; topic: string });
    expect(lines.map(({ direction, topic }) => `${direction} ${topic}`)).toEqual([
      `in ${TOPIC}`,
      `out ${TOPIC}/accepted`,
    ]);
  });
});
