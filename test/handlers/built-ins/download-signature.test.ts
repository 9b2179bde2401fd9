import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ED25519_LARGEST_FILE } from '../../../src/handlers/download/file-check.ts';
import { answerWith, bytes, DownloadLab, sha256 } from './download-lab.ts';

const content = bytes(300_000);
let lab: DownloadLab;

beforeEach(async () => {
  lab = new DownloadLab();
  await lab.start();
  lab.handle = (request, response) => answerWith({ content, headers: { etag: '"1"' } }, request, response);
});
afterEach(() => lab.stop());

const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
const KINDS: readonly [string, string | null, { publicKey: KeyObject; privateKey: KeyObject }][] = [
  ['ECDSA on P-256', 'sha256', ec('P-256')],
  ['ECDSA on P-384', 'sha384', ec('P-384')],
  ['Ed25519', null, generateKeyPairSync('ed25519')],
];

/** Puts the key where the settings say. */
function install(key: KeyObject | string): { publicKeyPath: string } {
  const publicKeyPath = `${lab.directory}.pem`;
  writeFileSync(publicKeyPath, typeof key === 'string' ? key : key.export({ type: 'spki', format: 'pem' }));
  return { publicKeyPath };
}
afterEach(() => rmSync(`${lab.directory}.pem`, { force: true }));

describe.each(KINDS)('a key of %s', (_name, digest, { publicKey, privateKey }) => {
  test('takes what it has signed', async () => {
    const signature = sign(digest, content, privateKey).toString('base64');
    // As openssl breaks lines.
    const broken = `${signature.slice(0, 64)}\n${signature.slice(64)}\n`;
    expect((await lab.run({ signature: broken }, install(publicKey))).result).toMatchObject({
      outcome: 'succeeded',
      details: { sha256: sha256(content) },
    });
  });

  test('refuses what it has not: the file that was there stays', async () => {
    writeFileSync(lab.path(), 'old');
    const settings = install(publicKey);
    const right = sign(digest, content, privateKey);
    const flipped = Buffer.from(right);
    flipped.writeUInt8(flipped.readUInt8(flipped.length - 1) ^ 1, flipped.length - 1);
    const other = Buffer.from(content);
    other.writeUInt8(other.readUInt8(299_999) ^ 1, 299_999);
    const stranger = sign('sha256', content, ec('P-256').privateKey);
    const wrong = [flipped, sign(digest, other, privateKey), stranger, right.subarray(1), Buffer.from('x')];
    for (const signature of wrong) {
      const { result } = await lab.run({ signature: signature.toString('base64') }, settings);
      expect(result).toMatchObject({
        outcome: 'failed',
        reason: "the file does not fit its signature and this device's public key",
      });
    }
    expect(lab.content()?.toString()).toBe('old');
    expect(lab.names()).toEqual(['file.bin']);
  });

  test('takes a signature from a URL, as bytes and as base64', async () => {
    const signature = sign(digest, content, privateKey);
    for (const body of [signature, Buffer.from(`${signature.toString('base64')}\n`)]) {
      lab.handle = (request, response) => {
        const isFile = request.url === '/file.bin';
        answerWith({ content: isFile ? content : body, headers: {} }, request, response);
      };
      const { result } = await lab.run({ signatureUrl: lab.url('/file.sig') }, install(publicKey));
      expect(result).toMatchObject({ outcome: 'succeeded' });
    }
  });

  test('is asked too when the file is there already', async () => {
    writeFileSync(lab.path(), content);
    const input = {
      sha256: sha256(content),
      signature: sign(digest, Buffer.from('other'), privateKey).toString('base64'),
    };
    expect((await lab.run(input, install(publicKey))).result).toMatchObject({ outcome: 'failed' });
    const signature = sign(digest, content, privateKey).toString('base64');
    const { result } = await lab.run({ ...input, signature }, install(publicKey));
    expect(result).toMatchObject({ outcome: 'succeeded', details: { download: 'not needed: the file was there' } });
    expect(lab.requests).toHaveLength(0);
  });
});

describe('a key that is of no use stops every download', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();

  test.each([
    ['of RSA', rsa.publicKey, /^the public key for signatures is rsa: expected ECDSA on P-256 or P-384, or Ed25519$/],
    ['of another curve', ec('secp256k1').publicKey, /^the public key for signatures is ec secp256k1: expected/],
    ['that is private', pem(ec('P-256').privateKey), /^the key for signatures is a private one: keep it off devices$/],
    ['that is none', 'not a key', /^the public key for signatures is not PEM: /],
  ])('%s', async (_name, key, reason) => {
    const { result } = await lab.run({ signature: 'AAAA' }, install(key));
    expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(reason) });
    expect(lab.requests).toHaveLength(0);
  });

  test('that is not there', async () => {
    const { result } = await lab.run({ signature: 'AAAA' }, { publicKeyPath: lab.path('missing.pem') });
    const reason = /^the public key for signatures cannot be read \(download\.publicKeyPath\): ENOENT/;
    expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(reason) });
  });
});

test('a signature that cannot be had ends it before the file is asked for', async () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const signatureUrl = lab.url('/file.sig');
  lab.handle = (_request, response) => response.writeHead(404).end();
  expect((await lab.run({ signatureUrl }, install(publicKey))).result).toMatchObject({
    reason: 'signatureUrl: the server answered 404 Not Found',
  });
  lab.handle = (request, response) => answerWith({ content: bytes(20_000), headers: {} }, request, response);
  expect((await lab.run({ signatureUrl }, install(publicKey))).result).toMatchObject({
    reason: 'signatureUrl: the file has more than 16384 bytes: a signature is smaller',
  });
  lab.handle = (request, response) => answerWith({ content: Buffer.alloc(0), headers: {} }, request, response);
  expect((await lab.run({ signatureUrl }, install(publicKey))).result).toMatchObject({
    reason: 'the file at signatureUrl is empty',
  });
  expect(lab.requests.map(({ url }) => url)).toEqual(['/file.sig', '/file.sig', '/file.sig']);
});

test('a file too large for an Ed25519 signature is refused before it is fetched, and one that is there too', async () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const size = ED25519_LARGEST_FILE + 1;
  lab.handle = (_request, response) => response.writeHead(200, { 'content-length': String(size) }).write('x');
  const reason = /^the file has more than 67108864 bytes: no larger one is checked against an Ed25519 signature/;
  const signature = 'AAAA';
  const { result } = await lab.run({ signature }, install(publicKey));
  expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(reason) });
  writeFileSync(lab.path(), '');
  truncateSync(lab.path(), size);
  const there = execFileSync('sha256sum', [lab.path()]).toString().slice(0, 64);
  const again = await lab.run({ signature, sha256: there }, install(publicKey));
  expect(again.result).toMatchObject({ outcome: 'failed', reason: expect.stringMatching(reason) });
});

test('a device without a key does not check a signature, and says so', async () => {
  const { result } = await lab.run({ signature: 'AAAA' });
  expect(result).toMatchObject({
    outcome: 'succeeded',
    details: { signature: 'not checked: this device has no public key (download.publicKeyPath)' },
  });
});

// docs/downloads.md, "Signatures".
test.each([
  [
    'ECDSA',
    ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'signing.key'],
    ['dgst', '-sha256', '-sign', 'signing.key', '-out', 'file.sig', 'file'],
  ],
  [
    'Ed25519',
    ['genpkey', '-algorithm', 'ED25519', '-out', 'signing.key'],
    ['pkeyutl', '-sign', '-rawin', '-inkey', 'signing.key', '-in', 'file', '-out', 'file.sig'],
  ],
])('the commands of the documentation make a good %s signature', async (_name, generate, signing) => {
  const openssl = (args: readonly string[]) => execFileSync('openssl', args, { cwd: lab.directory, stdio: 'pipe' });
  writeFileSync(lab.path('file'), content);
  openssl(generate);
  openssl(['pkey', '-in', 'signing.key', '-pubout', '-out', 'downloads.pem']);
  openssl(signing);
  const signature = openssl(['base64', '-A', '-in', 'file.sig']).toString();
  const settings = install(readFileSync(lab.path('downloads.pem'), 'utf8'));
  expect((await lab.run({ signature }, settings)).result).toMatchObject({ outcome: 'succeeded' });
});
