import { X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { CertificateAuthority } from '../certificate-authority.ts';
import { replaceFile } from '../replace-file.ts';

const RENEWED_BEFORE_END_MS = 30 * 86_400_000;

/**
 * A server certificate of the simulator's authority for a broker to use: `certificate.pem` and `private.key` in the
 * directory. What is there is kept as long as it fits, for the broker may be running with it.
 */
export async function writeServerCertificate(
  directory: string,
  host: string,
  authority: CertificateAuthority,
  names: readonly string[],
): Promise<void> {
  const certificatePath = join(directory, 'certificate.pem');
  const keyPath = join(directory, 'private.key');
  const wanted = [host, ...names];
  if (await fits(certificatePath, keyPath, wanted, authority)) return;
  await mkdir(directory, { recursive: true });
  const { cert, key } = await authority.issueServerCertificate(wanted);
  // The certificate comes last: without it the next start issues a new pair.
  await replaceFile(keyPath, key, 0o600);
  await replaceFile(certificatePath, cert, 0o644);
}

async function fits(
  certificatePath: string,
  keyPath: string,
  names: readonly string[],
  authority: CertificateAuthority,
): Promise<boolean> {
  try {
    await readFile(keyPath);
    const pem = await readFile(certificatePath, 'utf8');
    const certificate = new X509Certificate(pem);
    const named = names.every((name) => (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)));
    const lasts = Date.parse(certificate.validTo) > Date.now() + RENEWED_BEFORE_END_MS;
    return named && lasts && authority.issued(pem);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
