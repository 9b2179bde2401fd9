import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands, Lab, type ThingAgentProcess } from '../support/lab.ts';

let lab: Lab;
let agent: ThingAgentProcess;
let attacker: MqttClient;

beforeAll(async () => {
  lab = await Lab.start();
  agent = await lab.startReadyAgent({ log: { level: 'info' } });
  attacker = await connectAsync({
    protocol: 'mqtts',
    host: '127.0.0.1',
    port: lab.ports.mqttPort,
    ca: readFileSync(lab.ports.caPath),
    cert: readFileSync(lab.thingFile('other', 'certificate.pem')),
    key: readFileSync(lab.thingFile('other', 'private.key')),
    clientId: 'other',
  });
});

afterAll(async () => {
  await attacker?.endAsync();
  await lab?.close();
});

const base = '$aws/things/pi/jobs';
const notices = ['notify', 'notify-next'];
const answers = ['get', 'start-next', 'j/get', 'j/update', '$next/get', '/update', 'a/b/c'].flatMap((topic) => [
  `${topic}/accepted`,
  `${topic}/rejected`,
]);
const requests = ['get', 'start-next', 'j/get', '$next/get', 'j/update', 'none', 'j/x/y', ''];
const summary = { jobId: 'ghost', executionNumber: 1, versionNumber: 1, queuedAt: 1, lastUpdatedAt: 1 };
const value = fc.oneof(
  fc.jsonValue(),
  fc.constant(summary),
  fc.constant([summary]),
  fc.constant({ QUEUED: [summary] }),
);
const message = fc
  .record(
    { execution: value, jobs: value, inProgressJobs: value, queuedJobs: value, timestamp: fc.jsonValue() },
    { requiredKeys: [] },
  )
  .map((object) => Buffer.from(JSON.stringify(object)));
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
  message,
  fc.constant(Buffer.alloc(128 * 1024, 0x20)),
);

describe('arbitrary bytes and JSON', () => {
  it('on every topic crash neither the agent nor the simulator, and lose no job', async () => {
    const topic = fc.constantFrom(...notices, ...answers, ...requests).map((suffix) => `${base}/${suffix}`);
    await fc.assert(
      fc.asyncProperty(topic, payload, async (to, bytes) => {
        await attacker.publishAsync(to, bytes, { qos: 1 });
      }),
      { interruptAfterTimeLimit: 5_000, markInterruptAsFailure: false, numRuns: 2_000 },
    );
    await lab.createJob('after', commands(['true']));
    expect((await lab.outcome('after', 25_000)).status).toBe('SUCCEEDED');
    expect(agent.child.exitCode).toBeNull();
  });
});
