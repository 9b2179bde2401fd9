import { TLSSocket } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { Account } from '../account.ts';
import { checkClientCertificate } from '../client-certificate.ts';
import type { Clock } from '../clock.ts';
import type { PolicyEvaluator } from '../policy/policy-evaluator.ts';
import { ServiceError } from '../service-error.ts';
import type { ServiceName } from '../service-name.ts';
import { param } from './call.ts';
import { authorizeDevice } from './device-authorization.ts';
import { createHttpFront } from './http-front.ts';
import { deviceOperations } from './jobs-operations.ts';

export interface DeviceFrontOptions {
  readonly account: Account;
  readonly policies: PolicyEvaluator;
  readonly clock: Clock;
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
  answered(): void;
  failure(operation: string, service: ServiceName): ServiceError | undefined;
  onFault(error: unknown): void;
}

/** The HTTPS port: the data plane for a device that shows its certificate, as far as its policies allow. */
export function createDeviceFront(options: DeviceFrontOptions): FastifyInstance {
  const { account, policies, clock, tls } = options;
  const { registry, arnPrefix } = account;
  const authorization = {
    ...{ registry, arnPrefix, policies },
    certificatePemOf: (id: string) => registry.certificatePemOf(id),
  };
  return createHttpFront({
    handlers: { 'iot-jobs-data': deviceOperations(account.jobs) },
    authenticate: ({ raw: { socket } }) => {
      const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
      // At each request: a connection may outlive its certificate.
      const checked = checkClientCertificate(shown?.raw, (id) => registry.certificateStatus(id), clock);
      if ('certificateId' in checked) return { service: 'iot-jobs-data', ...checked };
      throw new ServiceError('CertificateValidationException', `The certificate is invalid: ${checked.problem}`);
    },
    authorize: ({ certificateId = '' }, operation, call) =>
      authorizeDevice(authorization, certificateId, operation, param(call, 'thingName')),
    failure: (operation, service) => options.failure(operation, service),
    answered: () => options.answered(),
    onFault: (error) => options.onFault(error),
    tls,
  });
}
