import { createHash, createPublicKey, createVerify, type KeyObject, verify } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { errorMessage } from '../../errors.ts';
import { DownloadFailure } from './failure.ts';
import type { FileCheck, SignatureCheck } from './target-file.ts';

/** Ed25519 signs a message in one piece (RFC 8032), and Node verifies it in memory: larger files need ECDSA. */
export const ED25519_LARGEST_FILE = 64 * 1024 * 1024;
export const ED25519_ADVICE = 'no larger one is checked against an Ed25519 signature, sign it with an ECDSA key';
const CHUNK = 256 * 1024;

/** The digest that goes with an ECDSA key's curve, as in RFC 7518, 3.4. */
const DIGESTS: Readonly<Record<string, string>> = { prime256v1: 'sha256', secp384r1: 'sha384' };

/** @throws DownloadFailure for a key that is none of those that signatures are checked with. */
export function publicKeyOf(pem: string): { readonly key: KeyObject; readonly digest: string | undefined } {
  if (pem.includes('PRIVATE KEY'))
    throw new DownloadFailure('the key for signatures is a private one: keep it off devices');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw new DownloadFailure(`the public key for signatures is not PEM: ${errorMessage(error)}`, error);
  }
  if (key.asymmetricKeyType === 'ed25519') return { key, digest: undefined };
  const curve = key.asymmetricKeyDetails?.namedCurve ?? '';
  const digest = key.asymmetricKeyType === 'ec' ? DIGESTS[curve] : undefined;
  if (digest !== undefined) return { key, digest };
  const kind = `${key.asymmetricKeyType} ${curve}`.trim();
  throw new DownloadFailure(`the public key for signatures is ${kind}: expected ECDSA on P-256 or P-384, or Ed25519`);
}

/** Reads a file from its start in pieces. Rejects with the signal's reason when that is aborted. */
export async function checkFile(
  file: FileHandle,
  signal: AbortSignal,
  signature: SignatureCheck | undefined,
): Promise<FileCheck> {
  const key = signature === undefined ? undefined : publicKeyOf(signature.publicKey);
  const { size } = await file.stat();
  if (key !== undefined && key.digest === undefined && size > ED25519_LARGEST_FILE) {
    throw new DownloadFailure(`the file has more than ${ED25519_LARGEST_FILE} bytes: ${ED25519_ADVICE}`);
  }
  const hash = createHash('sha256');
  const verifier = key?.digest === undefined ? undefined : createVerify(key.digest);
  const whole = key !== undefined && key.digest === undefined ? Buffer.alloc(size) : undefined;
  const buffer = Buffer.allocUnsafe(CHUNK);
  let position = 0;
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, CHUNK, position);
    if (bytesRead === 0) break;
    const chunk = buffer.subarray(0, bytesRead);
    hash.update(chunk);
    verifier?.update(chunk);
    if (whole !== undefined) chunk.copy(whole, position);
    position += bytesRead;
  }
  const sha256 = hash.digest('hex');
  if (signature === undefined || key === undefined) return { sha256, bytes: position };
  const bytes = Buffer.from(signature.signature, 'base64');
  const signatureIsValid =
    verifier?.verify(key.key, bytes) ?? (whole !== undefined && verify(null, whole, key.key, bytes));
  return { sha256, bytes: position, signatureIsValid };
}
