import { createHash, createPrivateKey, createPublicKey, KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { installReflectMetadata } from './reflect-metadata.ts';
import { replaceFile } from './replace-file.ts';
import { ServiceError } from './service-error.ts';

type X509 = typeof import('@peculiar/x509');

/** A certificate in PEM for a key that its owner has. */
export interface CertifiedKey {
  readonly certificateId: string;
  readonly certificatePem: string;
}

/** A certificate with its key pair, all PEM, as CreateKeysAndCertificate answers with. */
export interface IssuedCertificate extends CertifiedKey {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** When an issued certificate is valid, epoch milliseconds. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

const DAY = 86_400_000;
const CURVE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
const CA_NAME = 'CN=thing-agent simulator CA';
/** OpenSSL's names of NIST P-256, P-384 and P-521. */
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];
/**
 * What AWS IoT writes into the certificates that it makes (developer guide, "X.509 client certificates"). One for a
 * signing request keeps the request's subject, unless that is empty: our decision, no source says.
 */
const DEVICE_NAME = 'CN=AWS IoT Certificate';
/** AWS IoT's device certificates end at this moment. */
const DEVICE_END = Date.UTC(2049, 11, 31, 23, 59, 59);

/** AWS's certificateId: the lower-case hex SHA-256 of the certificate's DER. */
export function certificateIdOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

/** The simulator's own certificate authority, kept in the data directory: devices trust its `ca.pem`. */
export class CertificateAuthority {
  /** Where a device finds the root certificate to trust. */
  readonly caPath: string;
  readonly caPem: string;
  readonly #x509: X509;
  readonly #key: webcrypto.CryptoKey;

  private constructor(x509: X509, caPath: string, caPem: string, key: webcrypto.CryptoKey) {
    this.#x509 = x509;
    this.caPath = caPath;
    this.caPem = caPem;
    this.#key = key;
  }

  /** Loads the authority from the directory, or makes one there. */
  static async open(directory: string): Promise<CertificateAuthority> {
    installReflectMetadata();
    const x509 = await import('@peculiar/x509');
    const caPath = join(directory, 'ca.pem');
    const keyPath = join(directory, 'ca.key');
    const existing = await readBoth(caPath, keyPath);
    if (existing) {
      const key = createPrivateKey(existing.key).toCryptoKey(CURVE, false, ['sign']);
      return new CertificateAuthority(x509, caPath, existing.pem, key);
    }
    const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: CA_NAME,
      notBefore: new Date(Date.now() - DAY),
      notAfter: new Date(DEVICE_END),
      signingAlgorithm: CURVE,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    const caPem = pem(certificate);
    // The certificate comes last: without it the next start makes a new pair.
    await replaceFile(keyPath, privatePem(keys.privateKey), 0o600);
    await writeFile(caPath, caPem);
    return new CertificateAuthority(x509, caPath, caPem, keys.privateKey);
  }

  /** A server certificate for these names and addresses, valid for a year. */
  async issueServerCertificate(names: readonly string[]): Promise<{ cert: string; key: string }> {
    const x509 = this.#x509;
    const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
    const alternatives = [...new Set(names)].map((name): { type: 'ip' | 'dns'; value: string } => ({
      type: isIP(name) ? 'ip' : 'dns',
      value: name,
    }));
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: 'CN=thing-agent simulator',
      issuer: CA_NAME,
      notBefore: new Date(Date.now() - DAY),
      notAfter: new Date(Date.now() + 365 * DAY),
      signingAlgorithm: CURVE,
      signingKey: this.#key,
      publicKey: keys.publicKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(alternatives),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(new x509.X509Certificate(this.caPem)),
      ],
    });
    return { cert: pem(certificate), key: privatePem(keys.privateKey) };
  }

  /** An RSA 2048 key pair and its client certificate, as AWS IoT makes them. */
  async issueDeviceCertificate(validity?: Validity): Promise<IssuedCertificate> {
    const keys = await webcrypto.subtle.generateKey(RSA, true, ['sign', 'verify']);
    return {
      ...(await this.#certifyDevice(keys.publicKey, DEVICE_NAME, validity)),
      privateKey: KeyObject.from(keys.privateKey).export({ type: 'pkcs1', format: 'pem' }).toString(),
      publicKey: KeyObject.from(keys.publicKey).export({ type: 'spki', format: 'pem' }).toString(),
    };
  }

  /**
   * A client certificate for the key of a certificate signing request in PEM. Each call makes another one.
   * @throws ServiceError InvalidRequestException for what is no request, is not signed with its own key, or has a key that
   * AWS IoT does not take
   */
  async certify(csr: string): Promise<CertifiedKey> {
    const request = this.#parseRequest(csr);
    if (!(await verified(request))) throw badRequest('it is not signed with its own key');
    if (!acceptable(new Uint8Array(request.publicKey.rawData))) {
      throw badRequest('its key is neither RSA of at least 2048 bits nor of NIST P-256, P-384 or P-521');
    }
    return this.#certifyDevice(request.publicKey, request.subject === '' ? DEVICE_NAME : request.subject);
  }

  #parseRequest(csr: string): InstanceType<X509['Pkcs10CertificateRequest']> {
    try {
      return new this.#x509.Pkcs10CertificateRequest(csr);
    } catch {
      // Whatever the parser says of it.
      throw badRequest('it cannot be parsed');
    }
  }

  async #certifyDevice(
    publicKey: webcrypto.CryptoKey | InstanceType<X509['PublicKey']>,
    subject: string,
    validity?: Validity,
  ): Promise<CertifiedKey> {
    const x509 = this.#x509;
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject,
      issuer: CA_NAME,
      notBefore: new Date(validity?.notBefore ?? Date.now() - DAY),
      notAfter: new Date(validity?.notAfter ?? DEVICE_END),
      signingAlgorithm: CURVE,
      signingKey: this.#key,
      publicKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        await x509.SubjectKeyIdentifierExtension.create(publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(new x509.X509Certificate(this.caPem)),
      ],
    });
    return { certificateId: certificateIdOf(new Uint8Array(certificate.rawData)), certificatePem: pem(certificate) };
  }

  /** Whether this authority signed the certificate. */
  issued(certificatePem: string): boolean {
    return new X509Certificate(certificatePem).verify(new X509Certificate(this.caPem).publicKey);
  }
}

/** A signature that cannot even be looked at is a wrong one. */
async function verified(request: { verify(): Promise<boolean> }): Promise<boolean> {
  try {
    return await request.verify();
  } catch {
    return false;
  }
}

/**
 * "An RSA key with a length of at least 2048 bits or an ECC key from NIST P-256, NIST P-384, or NIST P-521 curves"
 * (CreateCertificateFromCsr, API reference).
 */
function acceptable(spki: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    if (key.asymmetricKeyType === 'rsa') return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
    return CURVES.includes(key.asymmetricKeyDetails?.namedCurve ?? '');
  } catch {
    return false;
  }
}

function badRequest(why: string): ServiceError {
  return new ServiceError('InvalidRequestException', `The certificate signing request is invalid: ${why}`);
}

/** Positive and at most 20 bytes (RFC 5280, 4.1.2.2): the first bit stays clear. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return Buffer.from(bytes).toString('hex');
}

function pem(certificate: { toString(format: 'pem'): string }): string {
  return `${certificate.toString('pem').trim()}\n`;
}

function privatePem(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function readBoth(pemPath: string, keyPath: string): Promise<{ pem: string; key: string } | undefined> {
  try {
    return { pem: await readFile(pemPath, 'utf8'), key: await readFile(keyPath, 'utf8') };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
