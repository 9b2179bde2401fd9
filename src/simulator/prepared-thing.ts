import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateAuthority } from './certificate-authority.ts';
import type { Registry } from './registry/registry.ts';
import { replaceFile } from './replace-file.ts';

/** Where the agent of a thing finds the simulator. */
export interface AgentEndpoint {
  readonly endpoint: string;
  readonly port: number;
  readonly rootCaPath: string;
}

const POLICY_NAME = 'ThingAgentSimulator';
const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
});

/**
 * Makes a thing ready for an agent: registered, with an active certificate and a policy, and a directory with its key,
 * its certificate and an agent configuration. A thing that has them keeps them; only the configuration is written anew.
 */
export async function prepareThing(
  name: string,
  directory: string,
  endpoint: AgentEndpoint,
  { registry, authority }: { registry: Registry; authority: CertificateAuthority },
): Promise<void> {
  if (!registry.thingExists(name)) registry.things.create(name);
  await mkdir(directory, { recursive: true });
  const certificatePath = join(directory, 'certificate.pem');
  const privateKeyPath = join(directory, 'private.key');
  const pem = (await keptCertificate(certificatePath, privateKeyPath, authority)) ?? (await issue());
  const arn = activate(registry, pem);
  if (!registry.policies.exists(POLICY_NAME)) registry.policies.create(POLICY_NAME, POLICY);
  registry.attachPolicy(POLICY_NAME, arn);
  registry.attachThingPrincipal(name, arn);
  const config = {
    thingName: name,
    ...endpoint,
    certificatePath,
    privateKeyPath,
    stateDirectory: join(directory, 'state'),
  };
  await replaceFile(join(directory, 'agent.json'), `${JSON.stringify(config, undefined, 2)}\n`, 0o644);

  async function issue(): Promise<string> {
    const { certificatePem, privateKey } = await authority.issueDeviceCertificate();
    // The certificate comes last: without it the next start issues a new pair.
    await replaceFile(privateKeyPath, privateKey, 0o600);
    await replaceFile(certificatePath, certificatePem, 0o644);
    return certificatePem;
  }
}

/** The thing's certificate from an earlier start, if its key is there too and our authority signed it. */
async function keptCertificate(
  certificatePath: string,
  privateKeyPath: string,
  authority: CertificateAuthority,
): Promise<string | undefined> {
  try {
    await readFile(privateKeyPath);
    const pem = await readFile(certificatePath, 'utf8');
    return authority.issued(pem) ? pem : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function activate(registry: Registry, pem: string): string {
  const known = registry.certificates.find(pem) ?? registry.certificates.register(pem, 'ACTIVE');
  if (known.status !== 'ACTIVE') registry.certificates.update(known.certificateId, 'ACTIVE');
  return known.certificateArn;
}
