import { resolve } from 'node:path';
import type { CertificateAuthority } from '../certificate-authority.ts';
import type { AgentEndpoint } from '../prepared-thing.ts';
import { starting } from '../start-error.ts';
import { writeServerCertificate } from './certificate.ts';
import { ExternalBroker, type ExternalBrokerOptions } from './external-broker.ts';
import { type BrokerOption, brokerTarget } from './target.ts';

/**
 * The broker that the option names, not started yet, and where devices find it. If the broker is to have a certificate
 * of our authority, one is written into the directory first: a broker that waits for it can then be started.
 */
export async function attachBroker(
  option: BrokerOption,
  deps: Omit<ExternalBrokerOptions, 'target'> & {
    readonly authority: CertificateAuthority;
    readonly directory: string;
    /** Further names for the broker's certificate. */
    readonly names: readonly string[];
  },
): Promise<{ broker: ExternalBroker; endpoint: AgentEndpoint }> {
  const { authority, directory, names, ...rest } = deps;
  const target = await brokerTarget(option, authority);
  const { host, port, caPath } = target;
  if (caPath === resolve(authority.caPath)) {
    await starting('dataDirectory', `cannot use ${directory}`, () =>
      writeServerCertificate(directory, host, authority, names),
    );
  }
  return { broker: new ExternalBroker({ ...rest, target }), endpoint: { endpoint: host, port, rootCaPath: caPath } };
}
