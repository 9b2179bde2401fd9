import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateJobCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreateThingCommand,
  DescribeJobExecutionCommand,
  IoTClient,
} from '@aws-sdk/client-iot';
import { type Child, hasEnded, startThingAgent, stopChild } from './demo/child.ts';
import { DEMO_OBJECT, demoJobs } from './demo/jobs.ts';
import { LiveTable, type Row } from './demo/table.ts';

// Starts a simulator and one agent, gives the agent five jobs, and shows how each of them ends.

const THING = 'demo-thing';
const DEADLINE_SECONDS = 60;
const TERMINAL = new Set(['SUCCEEDED', 'FAILED', 'REJECTED', 'TIMED_OUT', 'CANCELED', 'REMOVED']);

process.chdir(join(import.meta.dirname, '..'));
const stop = new AbortController();
process.once('SIGINT', () => stop.abort(new Error('interrupted')));
process.once('SIGTERM', () => stop.abort(new Error('terminated')));
const deadline = setTimeout(
  () => stop.abort(new Error(`not every job had ended after ${DEADLINE_SECONDS} seconds`)),
  DEADLINE_SECONDS * 1000,
);

const directory = await mkdtemp(join(tmpdir(), 'thing-agent-demo-'));
const device = join(directory, 'device');
const jobs = demoJobs(device);
const children: Child[] = [];
try {
  process.exitCode = await unlessStopped(demo());
} catch (error) {
  say(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  for (const child of children) say(`\nLast lines of the ${child.name}:\n${await tail(child.logPath)}`);
  process.exitCode = 1;
} finally {
  clearTimeout(deadline);
  for (const child of children.toReversed()) await stopChild(child);
  await rm(directory, { recursive: true, force: true });
}

async function demo(): Promise<number> {
  say('Starting the simulator: AWS IoT Core and its Jobs service on this machine.');
  const simulator = startThingAgent(
    'simulator',
    [
      'simulate',
      '--mqtt-port',
      '0',
      '--http-port',
      '0',
      '--https-port',
      '0',
      '--data-dir',
      join(directory, 'simulator'),
    ],
    join(directory, 'simulator.log'),
  );
  children.push(simulator);
  const ready = parseReady(await simulator.firstLine);
  const iot = new IoTClient({
    endpoint: `http://127.0.0.1:${ready.httpPort}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'demo', secretAccessKey: 'demo' },
  });

  say(`Creating the thing ${THING} with a certificate and a policy.`);
  const configPath = await createThing(iot, ready.mqttPort, ready.caPath);
  say('Starting the agent with that certificate.');
  children.push(startThingAgent('agent', ['run', '--config', configPath], join(directory, 'agent.log')));

  const object = `http://127.0.0.1:${ready.httpPort}/_simulator/objects/${DEMO_OBJECT.path}`;
  await fetch(object, { method: 'PUT', body: DEMO_OBJECT.content });
  say('Creating five jobs:');
  for (const job of jobs) {
    say(`  ${job.jobId.padEnd(16)} ${job.about}`);
    await iot.send(
      new CreateJobCommand({
        jobId: job.jobId,
        targets: [`arn:aws:iot:us-east-1:123456789012:thing/${THING}`],
        ...job.input,
      }),
    );
  }

  say('\nTheir executions, live:');
  const rows = await watch(iot);
  say('\nAs the control plane reports them at the end:');
  for (const row of rows) {
    say(`  ${row.jobId.padEnd(16)} ${row.status}`);
    for (const [key, value] of Object.entries(row.details)) say(`    ${key}: ${value}`);
  }
  say('\nWhat the device has kept of fails-and-tidies:');
  for (const line of await localLog('fails-and-tidies')) say(`  ${line}`);
  const wrong = jobs.filter((job) => rows.find((row) => row.jobId === job.jobId)?.status !== job.expected);
  for (const job of wrong) say(`\n${job.jobId} should have ended ${job.expected}.`);
  if (wrong.length > 0) throw new Error(`${wrong.length} of ${jobs.length} jobs ended otherwise than expected`);
  say('\nEvery job ended as it should.');
  return 0;
}

async function createThing(iot: IoTClient, mqttPort: number, caPath: string): Promise<string> {
  await iot.send(new CreateThingCommand({ thingName: THING }));
  const made = await iot.send(new CreateKeysAndCertificateCommand({ setAsActive: true }));
  const { certificateArn, certificatePem } = made;
  const privateKey = made.keyPair?.PrivateKey;
  if (!certificateArn || !certificatePem || !privateKey) throw new Error('the simulator made no certificate');
  const policyDocument = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
  });
  await iot.send(new CreatePolicyCommand({ policyName: 'demo-policy', policyDocument }));
  await iot.send(new AttachPolicyCommand({ policyName: 'demo-policy', target: certificateArn }));
  await iot.send(new AttachThingPrincipalCommand({ thingName: THING, principal: certificateArn }));

  await mkdir(device, { mode: 0o700 });
  const path = (name: string): string => join(device, name);
  await writeFile(path('certificate.pem'), certificatePem);
  await writeFile(path('private.key'), privateKey, { mode: 0o600 });
  await copyFile('scripts/demo/greeting-plugin.mjs', path('greeting-plugin.mjs'));
  const config = {
    thingName: THING,
    endpoint: '127.0.0.1',
    port: mqttPort,
    certificatePath: path('certificate.pem'),
    privateKeyPath: path('private.key'),
    rootCaPath: caPath,
    stateDirectory: path('state'),
    handlers: { plugins: [path('greeting-plugin.mjs')] },
    // The simulator's stand-in for S3 speaks no HTTPS.
    policy: { allowPlainHttp: true, denyUsers: ['root'] },
  };
  await writeFile(path('agent.json'), `${JSON.stringify(config, null, 2)}\n`);
  return path('agent.json');
}

/** Polls the control plane until every execution has ended. */
async function watch(iot: IoTClient): Promise<readonly Row[]> {
  const table = new LiveTable(process.stdout);
  for (;;) {
    const rows = await Promise.all(jobs.map((job) => describe(iot, job.jobId)));
    table.show(rows);
    if (rows.every((row) => TERMINAL.has(row.status))) return rows;
    const ended = children.find(hasEnded);
    if (ended) throw new Error(`the ${ended.name} ended while jobs were open`);
    await pause(100, undefined, { signal: stop.signal });
  }
}

async function describe(iot: IoTClient, jobId: string): Promise<Row> {
  const { execution } = await iot.send(new DescribeJobExecutionCommand({ jobId, thingName: THING }));
  return { jobId, status: execution?.status ?? 'UNKNOWN', details: execution?.statusDetails?.detailsMap ?? {} };
}

function parseReady(line: string): { httpPort: number; mqttPort: number; caPath: string } {
  const ready: unknown = JSON.parse(line);
  if (typeof ready === 'object' && ready !== null && 'httpPort' in ready && 'mqttPort' in ready && 'caPath' in ready) {
    const { httpPort, mqttPort, caPath } = ready;
    if (typeof httpPort === 'number' && typeof mqttPort === 'number' && typeof caPath === 'string') {
      return { httpPort, mqttPort, caPath };
    }
  }
  throw new Error(`the simulator's ready line is not understood: ${line}`);
}

/** The output of a job's programs and what became of its steps, without the times. */
async function localLog(jobId: string): Promise<readonly string[]> {
  const text = await readFile(join(device, 'state', 'logs', `${jobId}-1.log`), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^\S+ /, ''));
}

async function unlessStopped<T>(work: Promise<T>): Promise<T> {
  const stopped = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason), { once: true });
  });
  return Promise.race([work, stopped]);
}

async function tail(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => String(error));
  return text.trimEnd().split('\n').slice(-15).join('\n');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
