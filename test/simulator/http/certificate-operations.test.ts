import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  type CertificateStatus,
  CreateCertificateFromCsrCommand,
  CreateKeysAndCertificateCommand,
  CreatePolicyCommand,
  CreateThingCommand,
  DeleteCertificateCommand,
  DeleteThingCommand,
  DescribeCertificateCommand,
  DetachPolicyCommand,
  DetachThingPrincipalCommand,
  ListCertificatesCommand,
  ListPrincipalThingsCommand,
  ListThingPrincipalsCommand,
  RegisterCertificateCommand,
  RegisterCertificateWithoutCACommand,
  RegisterThingCommand,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { CertificateAuthority } from '../../../src/simulator/certificate-authority.ts';
import { type ControlPlaneLab, openControlPlane, refusal } from './control-plane-lab.ts';

const POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}';
const changed: string[] = [];
let lab: ControlPlaneLab;

beforeAll(async () => {
  const nothing = () => undefined;
  const certificateChanged = (id: string) => changed.push(id);
  lab = await openControlPlane({
    listener: { thingJoined: nothing, thingLeft: nothing, thingDeleted: nothing, certificateChanged },
  });
});

afterEach(() => {
  changed.length = 0;
});

afterAll(() => lab.close());

const make = (setAsActive?: boolean) => lab.iot.send(new CreateKeysAndCertificateCommand({ setAsActive }));
const update = (certificateId: string | undefined, newStatus: CertificateStatus) =>
  lab.iot.send(new UpdateCertificateCommand({ certificateId, newStatus }));
const remove = (certificateId: string | undefined, forceDelete?: boolean) =>
  lab.iot.send(new DeleteCertificateCommand({ certificateId, forceDelete }));

async function describe(certificateId: string | undefined) {
  return (await lab.iot.send(new DescribeCertificateCommand({ certificateId }))).certificateDescription;
}

async function list(input: ListCertificatesCommand['input'] = {}) {
  const answer = await lab.iot.send(new ListCertificatesCommand({ ascendingOrder: true, ...input }));
  return answer.certificates?.map((certificate) => certificate.certificateId);
}

async function request(key: { privateKey: KeyObject; publicKey: KeyObject }, name = 'CN=line-1'): Promise<string> {
  const algorithm =
    key.publicKey.asymmetricKeyType === 'rsa'
      ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
      : { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  // Imported late: it needs what the authority installs.
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509');
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name,
    keys: {
      privateKey: key.privateKey.toCryptoKey(algorithm, true, ['sign']),
      publicKey: key.publicKey.toCryptoKey(algorithm, true, ['verify']),
    },
    signingAlgorithm: algorithm,
  });
  return csr.toString('pem');
}

test('a certificate has an id made of its DER, a key that fits, and a life from active to deleted', async () => {
  const made = await make(true);
  const certificate = new X509Certificate(made.certificatePem ?? '');
  expect(made.certificateId).toBe(certificate.fingerprint256.replaceAll(':', '').toLowerCase());
  expect(certificate.subject).toBe('CN=AWS IoT Certificate');
  expect(made.keyPair?.PrivateKey).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
  const { certificateId } = made;
  const principal = made.certificateArn ?? '';

  await lab.iot.send(new CreateThingCommand({ thingName: 'owner' }));
  await lab.iot.send(new AttachThingPrincipalCommand({ thingName: 'owner', principal }));
  await lab.iot.send(new CreatePolicyCommand({ policyName: 'all', policyDocument: POLICY }));
  await lab.iot.send(new AttachPolicyCommand({ policyName: 'all', target: principal }));

  await expect(remove(certificateId)).rejects.toMatchObject(refusal('CertificateStateException', 406));
  await update(certificateId, 'INACTIVE');
  expect(await describe(certificateId)).toMatchObject({
    certificateArn: principal,
    certificateId,
    certificatePem: made.certificatePem,
    status: 'INACTIVE',
    certificateMode: 'DEFAULT',
    ownedBy: '123456789012',
    creationDate: expect.any(Date),
    lastModifiedDate: expect.any(Date),
    validity: { notBefore: new Date(certificate.validFrom), notAfter: new Date(certificate.validTo) },
  });
  await expect(remove(certificateId)).rejects.toMatchObject(refusal('DeleteConflictException', 409));
  await lab.iot.send(new DetachPolicyCommand({ policyName: 'all', target: principal }));
  await expect(remove(certificateId)).rejects.toMatchObject({ name: 'DeleteConflictException' });
  await expect(remove(certificateId, true)).rejects.toMatchObject({ name: 'DeleteConflictException' });
  await lab.iot.send(new DetachThingPrincipalCommand({ thingName: 'owner', principal }));
  await remove(certificateId);
  expect(await list()).toEqual([]);
  await expect(describe(certificateId)).rejects.toMatchObject(refusal('ResourceNotFoundException', 404));
});

test('force deletes an inactive certificate with its policies', async () => {
  const { certificateId, certificateArn } = await make();
  await lab.iot.send(new AttachPolicyCommand({ policyName: 'all', target: certificateArn }));
  await remove(certificateId, true);
});

test('a change of status and a deletion are told, a status that is there already is not', async () => {
  const { certificateId = '' } = await make(true);
  await update(certificateId, 'ACTIVE');
  expect(changed).toEqual([]);
  await update(certificateId, 'REVOKED');
  expect(changed).toEqual([certificateId]);
  await remove(certificateId);
  expect(changed).toEqual([certificateId, certificateId]);
});

test('no certificate is set to a status that is for the service alone', async () => {
  const { certificateId } = await make();
  const invalid = refusal('InvalidRequestException', 400);
  await expect(update(certificateId, 'PENDING_TRANSFER')).rejects.toMatchObject(invalid);
  await expect(update(certificateId, 'PENDING_ACTIVATION')).rejects.toMatchObject(invalid);
  expect(await lab.send('PUT', `/certificates/${certificateId}`)).toMatchObject({ status: 400 });
  await remove(certificateId);
});

test('certificates are listed in the order of their creation, forwards and backwards, in pages', async () => {
  const made: (string | undefined)[] = [];
  for (let index = 0; index < 3; index += 1) {
    made.push((await make()).certificateId);
    lab.clock.advance(1000);
  }
  expect(await list()).toEqual(made);
  const backwards = await lab.iot.send(new ListCertificatesCommand({}));
  expect(backwards.certificates?.map(({ certificateId }) => certificateId)).toEqual(made.toReversed());
  const first = await lab.iot.send(new ListCertificatesCommand({ pageSize: 2 }));
  expect(first.nextMarker).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
  const second = await lab.iot.send(new ListCertificatesCommand({ pageSize: 2, marker: first.nextMarker }));
  expect(second.certificates?.map(({ certificateId }) => certificateId)).toEqual([made[0]]);
  expect(second.nextMarker).toBeUndefined();
  for (const certificateId of made) await remove(certificateId);
});

test('a signing request gets a certificate for its key, and another one each time', async () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificateSigningRequest = await request(key);
  const create = () =>
    lab.iot.send(new CreateCertificateFromCsrCommand({ certificateSigningRequest, setAsActive: true }));
  const made = await create();
  const certificate = new X509Certificate(made.certificatePem ?? '');
  expect(certificate.publicKey.equals(createPublicKey(key.privateKey))).toBe(true);
  expect(certificate.subject).toBe('CN=line-1');
  expect(lab.authority.issued(made.certificatePem ?? '')).toBe(true);
  expect(await describe(made.certificateId)).toMatchObject({ status: 'ACTIVE' });
  expect((await create()).certificateId).not.toBe(made.certificateId);
  const registered = await lab.iot.send(
    new RegisterThingCommand({
      templateBody: JSON.stringify({
        Parameters: { CSR: { Type: 'String' } },
        Resources: {
          cert: { Type: 'AWS::IoT::Certificate', Properties: { CertificateSigningRequest: { Ref: 'CSR' } } },
        },
      }),
      parameters: { CSR: certificateSigningRequest },
    }),
  );
  const provisioned = new X509Certificate(registered.certificatePem ?? '');
  expect(provisioned.publicKey.equals(certificate.publicKey)).toBe(true);
  expect(registered.resourceArns?.['cert']).toContain(provisioned.fingerprint256.replaceAll(':', '').toLowerCase());
  const nameless = await request(generateKeyPairSync('rsa', { modulusLength: 2048 }), '');
  const other = await lab.iot.send(new CreateCertificateFromCsrCommand({ certificateSigningRequest: nameless }));
  expect(new X509Certificate(other.certificatePem ?? '').subject).toBe('CN=AWS IoT Certificate');
  expect(await describe(other.certificateId)).toMatchObject({ status: 'INACTIVE' });
});

test('what is no signing request, or has a key that AWS IoT does not take, is refused', async () => {
  const create = (certificateSigningRequest: string) =>
    lab.iot.send(new CreateCertificateFromCsrCommand({ certificateSigningRequest }));
  const invalid = refusal('InvalidRequestException', 400);
  await expect(create('no request')).rejects.toMatchObject(invalid);
  const good = await request(generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  await expect(create(good.replace(/.{8}\n-----END/, 'AAAAAAAA\n-----END'))).rejects.toMatchObject(invalid);
  const weak = await request(generateKeyPairSync('rsa', { modulusLength: 1024 }));
  await expect(create(weak)).rejects.toMatchObject(invalid);
});

test('a certificate of our authority is registered once', async () => {
  const { certificatePem } = await lab.authority.issueDeviceCertificate();
  const register = () =>
    lab.iot.send(
      new RegisterCertificateCommand({ certificatePem, caCertificatePem: lab.authority.caPem, status: 'ACTIVE' }),
    );
  const { certificateId } = await register();
  expect(await describe(certificateId)).toMatchObject({ status: 'ACTIVE', certificateMode: 'DEFAULT' });
  await expect(register()).rejects.toMatchObject(refusal('ResourceAlreadyExistsException', 409));
});

test('a certificate of another authority is registered only without one', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'thing-agent-other-ca-'));
  const other = await CertificateAuthority.open(directory);
  rmSync(directory, { recursive: true });
  const { certificatePem } = await other.issueDeviceCertificate();
  const invalid = refusal('CertificateValidationException', 400);
  const send = (input: RegisterCertificateCommand['input']) => lab.iot.send(new RegisterCertificateCommand(input));
  await expect(send({ certificatePem })).rejects.toMatchObject(invalid);
  await expect(send({ certificatePem: 'no certificate' })).rejects.toMatchObject(invalid);
  const ours = await lab.authority.issueDeviceCertificate();
  const wrongCa = { certificatePem: ours.certificatePem, caCertificatePem: other.caPem };
  await expect(send(wrongCa)).rejects.toMatchObject(invalid);
  const register = () => lab.iot.send(new RegisterCertificateWithoutCACommand({ certificatePem }));
  const { certificateId } = await register();
  expect(await describe(certificateId)).toMatchObject({ status: 'INACTIVE', certificateMode: 'SNI_ONLY' });
  await expect(register()).rejects.toMatchObject(refusal('ResourceAlreadyExistsException', 409));
  const transferred = new RegisterCertificateWithoutCACommand({ certificatePem, status: 'PENDING_TRANSFER' });
  await expect(lab.iot.send(transferred)).rejects.toMatchObject(refusal('InvalidRequestException', 400));
});

test('things and their principals find each other', async () => {
  const { certificateArn: principal = '', certificateId = '' } = await make();
  for (const thingName of ['p1', 'p2']) {
    await lab.iot.send(new CreateThingCommand({ thingName }));
    await lab.iot.send(new AttachThingPrincipalCommand({ thingName, principal }));
    await lab.iot.send(new AttachThingPrincipalCommand({ thingName, principal }));
  }
  const things = async (input: object = {}) =>
    (await lab.iot.send(new ListPrincipalThingsCommand({ principal, ...input }))).things;
  expect(await things()).toEqual(['p1', 'p2']);
  expect(await things({ maxResults: 1 })).toEqual(['p1']);
  expect(lab.registry.thingsOfCertificate(certificateId)).toEqual(['p1', 'p2']);
  const { principals } = await lab.iot.send(new ListThingPrincipalsCommand({ thingName: 'p1' }));
  expect(principals).toEqual([principal]);
  const attached = new DeleteThingCommand({ thingName: 'p1' });
  await expect(lab.iot.send(attached)).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  await lab.iot.send(new DetachThingPrincipalCommand({ thingName: 'p1', principal }));
  expect(await things()).toEqual(['p2']);
  await lab.iot.send(attached);
});

test('a thing or principal that does not exist is attached and detached to nothing', async () => {
  const { certificateArn } = await make();
  const unknown = `arn:aws:iot:us-east-1:123456789012:cert/${'0'.repeat(64)}`;
  await lab.iot.send(new CreateThingCommand({ thingName: 'alone' }));
  const missing = refusal('ResourceNotFoundException', 404);
  for (const Command of [AttachThingPrincipalCommand, DetachThingPrincipalCommand]) {
    const send = (thingName: string, principal: string | undefined) =>
      lab.iot.send(new Command({ thingName, principal }));
    await expect(send('alone', unknown)).rejects.toMatchObject(missing);
    await expect(send('nobody', certificateArn)).rejects.toMatchObject(missing);
    await expect(send('alone', 'me@example.org')).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  }
  const list = new ListPrincipalThingsCommand({ principal: unknown });
  await expect(lab.iot.send(list)).rejects.toMatchObject(missing);
});

test('an exclusive principal is refused by name', async () => {
  const { certificateArn: principal } = await make();
  const attach = (thingPrincipalType: 'EXCLUSIVE_THING' | 'NON_EXCLUSIVE_THING') =>
    lab.iot.send(new AttachThingPrincipalCommand({ thingName: 'alone', principal, thingPrincipalType }));
  await expect(attach('EXCLUSIVE_THING')).rejects.toMatchObject(
    refusal('InvalidRequestException', 400, 'thingPrincipalType: EXCLUSIVE_THING is not simulated'),
  );
  await attach('NON_EXCLUSIVE_THING');
});
