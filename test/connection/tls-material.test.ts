import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Backoff } from '../../src/connection/backoff.ts';
import { certificateTrouble, loadTlsMaterial } from '../../src/connection/tls-material.ts';
import { CertificateAuthority } from '../../src/simulator/certificate-authority.ts';

const directory = mkdtempSync(join(tmpdir(), 'tls-material-'));
const certificatePath = join(directory, 'certificate.pem');
const privateKeyPath = join(directory, 'private.key');
let device: { certificatePem: string; privateKey: string };
let other: { certificatePem: string; privateKey: string };

beforeAll(async () => {
  const authority = await CertificateAuthority.open(directory);
  device = await authority.issueDeviceCertificate();
  other = await authority.issueDeviceCertificate();
});

beforeEach(() => {
  writeFileSync(certificatePath, device.certificatePem);
  writeFileSync(privateKeyPath, device.privateKey);
  chmodSync(privateKeyPath, 0o600);
});

afterAll(() => rmSync(directory, { recursive: true }));

const load =
  (changes: object = {}) =>
  () =>
    loadTlsMaterial({ certificatePath, privateKeyPath, ...changes });
const fault = (code: string, words: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(words) });

describe('certificate and key', () => {
  it('that are a pair, the key for its owner alone, are taken', () => {
    expect(load()().rootCa).toBeUndefined();
    expect(load({ rootCaPath: join(directory, 'ca.pem') })().rootCa).toContain('BEGIN CERTIFICATE');
  });

  it('that are missing or no PEM are faults with path', () => {
    expect(load({ certificatePath: '/nowhere/c.pem' })).toThrow(fault('CERTIFICATE_MISSING', '/nowhere/c.pem'));
    expect(load({ privateKeyPath: '/nowhere/k.key' })).toThrow(fault('KEY_MISSING', '/nowhere/k.key'));
    expect(load({ rootCaPath: '/nowhere/ca.pem' })).toThrow(fault('ROOT_CA_MISSING', '/nowhere/ca.pem'));
    expect(load({ rootCaPath: privateKeyPath })).toThrow(fault('ROOT_CA_INVALID', privateKeyPath));
    writeFileSync(certificatePath, 'no certificate');
    expect(load()).toThrow(fault('CERTIFICATE_INVALID', certificatePath));
  });

  it('that are of two pairs are a mismatch', () => {
    writeFileSync(privateKeyPath, other.privateKey);
    expect(load()).toThrow(fault('KEY_MISMATCH', certificatePath));
  });

  it('with a key that is no key, or is encrypted, are a fault', () => {
    writeFileSync(privateKeyPath, 'no key');
    expect(load()).toThrow(fault('KEY_INVALID', privateKeyPath));
    writeFileSync(privateKeyPath, '-----BEGIN ENCRYPTED PRIVATE KEY-----\n');
    expect(load()).toThrow(fault('KEY_INVALID', 'encrypted'));
  });

  it.each([0o644, 0o604, 0o660, 0o666])('with a key of mode %o are refused, with the remedy', (mode) => {
    chmodSync(privateKeyPath, mode);
    expect(load()).toThrow(fault('KEY_UNSAFE', 'chmod 600'));
  });
});

describe('the dates of the device certificate', () => {
  it('are told in words with the clock, on either side', () => {
    const x509 = new X509Certificate(device.certificatePem);
    expect(certificateTrouble(x509, new Date('1970-01-01'))?.code).toBe('DEVICE_CERTIFICATE_NOT_YET_VALID');
    expect(certificateTrouble(x509, new Date('2100-01-01'))?.code).toBe('DEVICE_CERTIFICATE_EXPIRED');
    expect(certificateTrouble(x509, new Date())).toBeUndefined();
  });
});

describe('the back-off', () => {
  it('starts at 1 s, doubles its ceiling to 120 s, and is spread between', () => {
    const lowest = new Backoff(() => 0);
    const highest = new Backoff(() => 1);
    const times = Array.from({ length: 9 }, () => highest.next());
    expect(times).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 120_000, 120_000, 120_000]);
    expect(Array.from({ length: 9 }, () => lowest.next())).toEqual(Array(9).fill(1_000));
  });

  it('starts anew only after a connection that lived 30 s', () => {
    const backoff = new Backoff(() => 1);
    backoff.next();
    backoff.connectionEnded(29_999);
    expect(backoff.next()).toBe(4_000);
    backoff.connectionEnded(30_000);
    expect(backoff.next()).toBe(2_000);
  });
});
