import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { errorCode, errorMessage, LocalFaultError } from '../errors.ts';
import type { ConnectionTrouble } from './connection.ts';

export interface TlsPaths {
  readonly certificatePath: string;
  readonly privateKeyPath: string;
  readonly rootCaPath?: string | undefined;
}

/** What mutual TLS needs, read and checked. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: string;
  /** Undefined: Node's bundled roots. */
  readonly rootCa: string | undefined;
  readonly x509: X509Certificate;
}

/**
 * Reads certificate, key and root CA. Throws a LocalFaultError, which ends the agent: nothing here mends itself.
 * Codes: CERTIFICATE_MISSING, CERTIFICATE_UNREADABLE, CERTIFICATE_INVALID, the same with KEY_ and ROOT_CA_, KEY_UNSAFE,
 * KEY_MISMATCH.
 */
export function loadTlsMaterial(paths: TlsPaths): TlsMaterial {
  const certificate = read('CERTIFICATE', 'certificatePath', paths.certificatePath);
  const x509 = parseCertificate('CERTIFICATE', 'certificatePath', paths.certificatePath, certificate);
  const key = read('KEY', 'privateKeyPath', paths.privateKeyPath);
  refuseUnsafeKey(paths.privateKeyPath);
  if (!x509.checkPrivateKey(parseKey(paths.privateKeyPath, key))) {
    throw new LocalFaultError(
      'KEY_MISMATCH',
      `privateKeyPath ${paths.privateKeyPath} does not match the certificate ${paths.certificatePath}: they must be the two halves of one pair`,
    );
  }
  if (paths.rootCaPath === undefined) return { certificate, key, rootCa: undefined, x509 };
  const rootCa = read('ROOT_CA', 'rootCaPath', paths.rootCaPath);
  parseCertificate('ROOT_CA', 'rootCaPath', paths.rootCaPath, rootCa);
  return { certificate, key, rootCa, x509 };
}

/** What is wrong with the device certificate's dates now; a device without a battery clock may yet learn the time. */
export function certificateTrouble(x509: X509Certificate, now: Date): ConnectionTrouble | undefined {
  if (now < new Date(x509.validFrom)) {
    return {
      code: 'DEVICE_CERTIFICATE_NOT_YET_VALID',
      message: `the device certificate is not valid before ${x509.validFrom}, and the device's clock says ${now.toISOString()}: set the clock (NTP)`,
    };
  }
  if (now > new Date(x509.validTo)) {
    return {
      code: 'DEVICE_CERTIFICATE_EXPIRED',
      message: `the device certificate expired on ${x509.validTo}, and the device's clock says ${now.toISOString()}: replace the certificate, or set the clock`,
    };
  }
  return undefined;
}

function read(kind: string, name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new LocalFaultError(
        `${kind}_MISSING`,
        `${name} ${path} does not exist: put the file there, or correct the path`,
      );
    }
    throw new LocalFaultError(
      `${kind}_UNREADABLE`,
      `${name} ${path} cannot be read: ${errorMessage(error)}: make it readable by the agent's user`,
      { cause: error },
    );
  }
}

function parseCertificate(kind: string, name: string, path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new LocalFaultError(`${kind}_INVALID`, `${name} ${path} is not a PEM certificate: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

function parseKey(path: string, pem: string): KeyObject {
  if (pem.includes('ENCRYPTED')) {
    throw new LocalFaultError(
      'KEY_INVALID',
      `privateKeyPath ${path} is encrypted, and nobody is there to type a passphrase: decrypt it (openssl pkey -in … -out …) and protect it by its mode`,
    );
  }
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new LocalFaultError(
      'KEY_INVALID',
      `privateKeyPath ${path} is not a PEM private key: ${errorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** Owner only; or owned by root and readable by one group, as PostgreSQL's libpq permits (libpq, SSL client keys). */
function refuseUnsafeKey(path: string): void {
  const { mode, uid } = statSync(path);
  const allowed = uid === 0 ? 0o740 : 0o700;
  if ((mode & 0o777 & ~allowed) === 0) return;
  throw new LocalFaultError(
    'KEY_UNSAFE',
    `privateKeyPath ${path} has mode ${(mode & 0o777).toString(8)}, which lets others at the key: chmod 600 ${path}`,
  );
}
