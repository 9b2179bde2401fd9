import { readFile } from 'node:fs/promises';
import { errorMessage } from '../../errors.ts';
import { DownloadFailure } from './failure.ts';
import { ED25519_LARGEST_FILE, publicKeyOf } from './file-check.ts';
import { MemorySink } from './memory-sink.ts';
import { type Source, Transfer, type TransferOptions } from './transfer.ts';

/** Far more than any signature. */
const LARGEST_SIGNATURE = 16 * 1024;

/** The key that downloads have to be signed with, and how large a file may be to be checked against it. */
export interface SignatureKey {
  /** PEM. */
  readonly publicKey: string;
  readonly largestFile: number;
}

/**
 * Read anew for each download: a key that has been replaced counts at once.
 * @throws DownloadFailure when there is no such key: without it no download is good.
 */
export async function readSignatureKey(path: string): Promise<SignatureKey> {
  let publicKey: string;
  try {
    publicKey = await readFile(path, 'utf8');
  } catch (error) {
    const problem = `the public key for signatures cannot be read (download.publicKeyPath): ${errorMessage(error)}`;
    throw new DownloadFailure(problem, error);
  }
  const { digest } = publicKeyOf(publicKey);
  return { publicKey, largestFile: digest === undefined ? ED25519_LARGEST_FILE : Number.POSITIVE_INFINITY };
}

/** The signature in the file at `signatureUrl`, base64. */
export async function fetchSignature(source: Source, options: Omit<TransferOptions, 'cap'>): Promise<string> {
  const sink = new MemorySink();
  const cap = { bytes: LARGEST_SIGNATURE, reason: 'a signature is smaller' };
  try {
    await new Transfer(source, sink, { ...options, cap }).run();
  } catch (error) {
    if (error instanceof DownloadFailure) throw new DownloadFailure(`signatureUrl: ${error.message}`, error);
    throw error;
  }
  return sink.signature();
}
