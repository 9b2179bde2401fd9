import { KeyObject, webcrypto } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AddThingToThingGroupCommand,
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateCertificateFromCsrCommand,
  CreatePolicyCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  type IoTClient,
} from '@aws-sdk/client-iot';
import { installReflectMetadata } from '../../src/simulator/reflect-metadata.ts';

/** As many things as one job is given to in a minute (AWS: at most 1,000), and so as many as one job has here. */
export const THINGS_OF_A_JOB = 1000;

const PREFIX = 'arn:aws:iot:us-east-1:123456789012';
const POLICY_NAME = 'Fleet';
/** What an agent needs, for its own thing: the variables are worked out at each message, as for a real fleet. */
const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${PREFIX}:client/\${iot:Connection.Thing.ThingName}` },
    {
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Receive'],
      Resource: `${PREFIX}:topic/$aws/things/\${iot:Connection.Thing.ThingName}/jobs/*`,
    },
    {
      Effect: 'Allow',
      Action: 'iot:Subscribe',
      Resource: `${PREFIX}:topicfilter/$aws/things/\${iot:Connection.Thing.ThingName}/jobs/*`,
    },
  ],
});
const AT_ONCE = 16;
const CURVE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export function thingName(index: number): string {
  return `fleet-${index}`;
}

export function certificatePath(directory: string, thing: string): string {
  return join(directory, `${thing}.pem`);
}

export function keyPath(directory: string, thing: string): string {
  return join(directory, `${thing}.key`);
}

/** The targets of one job. */
export interface JobTarget {
  readonly things: number;
  readonly targets: readonly string[];
}

/**
 * The jobs that reach the first `devices` things. Groups are cut wherever a step of the bench ends and after every 1,000,
 * so that every step is a whole number of groups, and no job has more things than may be given it at once.
 */
export function jobTargets(devices: number, steps: readonly number[]): JobTarget[] {
  const groups = groupsOf(steps).filter(({ to }) => to <= devices);
  const byJob = Map.groupBy(groups, ({ from }) => Math.floor(from / THINGS_OF_A_JOB));
  return [...byJob.values()].map((those) => ({
    things: those.reduce((sum, { from, to }) => sum + to - from, 0),
    targets: those.map(({ name }) => `${PREFIX}:thinggroup/${name}`),
  }));
}

/**
 * Registers things 0 to the largest step, each with a certificate of its own (a P-256 key made here, signed by
 * CreateCertificateFromCsr: RSA keys of CreateKeysAndCertificate cost the simulator some 100 ms each), and their groups.
 */
export async function register(iot: IoTClient, directory: string, steps: readonly number[]): Promise<void> {
  mkdirSync(directory, { recursive: true });
  await iot.send(new CreatePolicyCommand({ policyName: POLICY_NAME, policyDocument: POLICY }));
  const groups = groupsOf(steps);
  for (const { name } of groups) await iot.send(new CreateThingGroupCommand({ thingGroupName: name }));
  const members = groups.flatMap(({ name, from, to }) =>
    Array.from({ length: to - from }, (_, index) => ({ thing: thingName(from + index), group: name })),
  );
  const queue = members.values();
  const worker = async (): Promise<void> => {
    for (const { thing, group } of queue) await registerThing(iot, directory, thing, group);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function registerThing(iot: IoTClient, directory: string, thing: string, group: string): Promise<void> {
  const { csr, key } = await signingRequest();
  await iot.send(new CreateThingCommand({ thingName: thing }));
  const certificate = await iot.send(
    new CreateCertificateFromCsrCommand({ certificateSigningRequest: csr, setAsActive: true }),
  );
  const { certificateArn = '', certificatePem = '' } = certificate;
  await iot.send(new AttachPolicyCommand({ policyName: POLICY_NAME, target: certificateArn }));
  await iot.send(new AttachThingPrincipalCommand({ thingName: thing, principal: certificateArn }));
  await iot.send(new AddThingToThingGroupCommand({ thingName: thing, thingGroupName: group }));
  writeFileSync(keyPath(directory, thing), key, { mode: 0o600 });
  writeFileSync(certificatePath(directory, thing), certificatePem);
}

async function signingRequest(): Promise<{ csr: string; key: string }> {
  installReflectMetadata();
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: CURVE });
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
  return { csr: request.toString('pem'), key };
}

function groupsOf(steps: readonly number[]): { name: string; from: number; to: number }[] {
  const most = Math.max(...steps);
  const thousands = Array.from({ length: Math.floor(most / THINGS_OF_A_JOB) }, (_, k) => (k + 1) * THINGS_OF_A_JOB);
  const ends = [...new Set([...steps, ...thousands])].sort((a, b) => a - b);
  return ends.map((to, index) => ({ name: `fleet-to-${to}`, from: ends[index - 1] ?? 0, to }));
}
