import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { CertificateAuthority } from '../certificate-authority.ts';
import { SimulatorStartError, starting } from '../start-error.ts';

/** An existing broker, as whoever runs the simulator names it. */
export interface BrokerOption {
  /** `mqtts://host:port`; the port is 8883 if it is left out. */
  readonly url: string;
  /** PEM, of who signed the broker's certificate; default the simulator's own authority. */
  readonly caPath?: string | undefined;
  /** PEM, what the simulator shows to the broker; default a certificate of its own authority. Both or none. */
  readonly certPath?: string | undefined;
  readonly keyPath?: string | undefined;
}

/** Where the broker is and how it is reached, all PEM. */
export interface BrokerTarget {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** For devices; absolute. */
  readonly caPath: string;
}

/** @throws SimulatorStartError naming the part of the option that is wrong. */
export async function brokerTarget(option: BrokerOption, authority: CertificateAuthority): Promise<BrokerTarget> {
  const address = addressOf(option.url);
  const caPath = resolve(option.caPath ?? authority.caPath);
  const ca = await starting('broker.caPath', `cannot use ${caPath}`, async () => {
    const pem = await readFile(caPath, 'utf8');
    new X509Certificate(pem);
    return pem;
  });
  return { ...address, ca, caPath, ...(await identity(option, authority)) };
}

function addressOf(url: string): { host: string; port: number } {
  // Not repeated in the message: it may hold a password.
  const refuse = (why: string): never => {
    throw new SimulatorStartError('broker.url', `what is given ${why}; expected mqtts://host:port`, undefined);
  };
  const parsed = URL.canParse(url) ? new URL(url) : refuse('is not a URL');
  // Devices get this address in their configuration, and an agent speaks nothing but TLS with certificates.
  if (parsed.protocol !== 'mqtts:') refuse('is not MQTT over TLS');
  if (parsed.hostname === '') refuse('names no host');
  if (parsed.username !== '' || parsed.password !== '') refuse('has a user, and devices have certificates only');
  if (!['', '/'].includes(parsed.pathname) || parsed.search !== '' || parsed.hash !== '') refuse('has a path');
  const port = parsed.port === '' ? 8883 : Number(parsed.port);
  if (port === 0) refuse('has no port');
  return { host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'), port };
}

async function identity(
  { certPath, keyPath }: BrokerOption,
  authority: CertificateAuthority,
): Promise<{ cert: string; key: string }> {
  if (certPath === undefined && keyPath === undefined) {
    const { certificatePem, privateKey } = await authority.issueDeviceCertificate();
    return { cert: certificatePem, key: privateKey };
  }
  if (certPath === undefined) throw incomplete('broker.certPath', 'a key');
  if (keyPath === undefined) throw incomplete('broker.keyPath', 'a certificate');
  const { cert, certificate } = await starting('broker.certPath', `cannot use ${certPath}`, async () => {
    const pem = await readFile(certPath, 'utf8');
    return { cert: pem, certificate: new X509Certificate(pem) };
  });
  const key = await starting('broker.keyPath', `cannot use ${keyPath}`, async () => {
    const pem = await readFile(keyPath, 'utf8');
    if (certificate.checkPrivateKey(createPrivateKey(pem))) return pem;
    throw new Error(`it is not the key of ${certPath}`);
  });
  return { cert, key };
}

function incomplete(option: 'broker.certPath' | 'broker.keyPath', given: string): SimulatorStartError {
  return new SimulatorStartError(option, `must be given with ${given}, or neither of the two`, undefined);
}
