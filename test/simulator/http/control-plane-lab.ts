import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IoTClient } from '@aws-sdk/client-iot';
import { CertificateAuthority } from '../../../src/simulator/certificate-authority.ts';
import type { Handlers } from '../../../src/simulator/http/call.ts';
import { createHttpFront } from '../../../src/simulator/http/http-front.ts';
import { registryOperations } from '../../../src/simulator/http/registry-operations.ts';
import { signedService } from '../../../src/simulator/http/signature.ts';
import { MovableClock } from '../../../src/simulator/movable-clock.ts';
import { Registry } from '../../../src/simulator/registry/registry.ts';
import type { RegistryListener } from '../../../src/simulator/registry/registry-listener.ts';
import { Store } from '../../../src/simulator/store.ts';

export const AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/iot/aws4_request, SignedHeaders=host, Signature=0';

export const ROLE_ARN = 'arn:aws:iam::123456789012:role/provisioning';

/** The registry's control plane on a port of its own, with AWS's client for it. */
export interface ControlPlaneLab {
  readonly iot: IoTClient;
  readonly url: string;
  readonly registry: Registry;
  readonly authority: CertificateAuthority;
  readonly clock: MovableClock;
  /** Faults of the simulator itself. */
  readonly faults: unknown[];
  /** Sends a request that no client would make. */
  send(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; type: string | null; message?: string }>;
  close(): Promise<void>;
}

export async function openControlPlane(
  options: { handlers?: Handlers; listener?: RegistryListener } = {},
): Promise<ControlPlaneLab> {
  const directory = mkdtempSync(join(tmpdir(), 'thing-agent-control-plane-'));
  const faults: unknown[] = [];
  const authority = await CertificateAuthority.open(directory);
  const clock = new MovableClock();
  const store = new Store(':memory:');
  const registry = new Registry({
    ...{ store, clock, region: 'us-east-1', accountId: '123456789012' },
    ...(options.listener && { listener: options.listener }),
  });
  const endpoint = (type: string) => (type === 'iot:Data-ATS' ? '127.0.0.1:8883' : undefined);
  const app = createHttpFront({
    handlers: { iot: { ...registryOperations({ registry, authority, endpoint }), ...options.handlers } },
    authenticate: (request) => ({ service: signedService(request.headers.authorization, undefined) }),
    answered: () => undefined,
    onFault: (error) => faults.push(error),
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const iot = new IoTClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  return {
    ...{ iot, url, registry, authority, clock, faults },
    async send(method, path, body) {
      const response = await fetch(url + path, {
        method,
        headers: { authorization: AUTHORIZATION },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const answer = (await response.json()) as { message?: string };
      return { status: response.status, type: response.headers.get('x-amzn-errortype'), ...answer };
    },
    async close() {
      iot.destroy();
      await app.close();
      clock.stop();
      store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What a refusal of the service looks like to AWS's client. */
export function refusal(name: string, httpStatusCode: number, message?: unknown) {
  return { name, $metadata: { httpStatusCode }, ...(message !== undefined && { message }) };
}
