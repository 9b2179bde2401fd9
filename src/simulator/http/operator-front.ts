import type { FastifyInstance } from 'fastify';
import type { Account } from '../account.ts';
import type { CertificateAuthority } from '../certificate-authority.ts';
import type { ServiceError } from '../service-error.ts';
import type { ServiceName } from '../service-name.ts';
import { createHttpFront } from './http-front.ts';
import { jobTemplateOperations } from './job-template-operations.ts';
import { deviceOperations, jobsOperations } from './jobs-operations.ts';
import { registerObjectRoutes } from './object-routes.ts';
import { registryOperations } from './registry-operations.ts';
import { signedService } from './signature.ts';
import { registerSimulatorRoutes, type SimulatorControl } from './simulator-routes.ts';

export interface OperatorFrontOptions {
  readonly account: Account;
  readonly authority: CertificateAuthority;
  readonly control: SimulatorControl;
  /** `host:port` for an endpoint type; undefined for a type that is not simulated. */
  endpoint(type: string): string | undefined;
  answered(): void;
  failure(operation: string, service: ServiceName): ServiceError | undefined;
  onFault(error: unknown): void;
}

/** The HTTP port: control plane and data plane for whoever signs, told apart by the scope, and the simulator's own routes. */
export function createOperatorFront(options: OperatorFrontOptions): FastifyInstance {
  const { account, authority, control, endpoint, onFault } = options;
  const { registry, jobs, templates } = account;
  const jobResourceExists = (arn: string): boolean => jobs.jobOf(arn) !== undefined || templates.has(arn);
  return createHttpFront({
    handlers: {
      iot: {
        ...registryOperations({ registry, authority, endpoint, jobResourceExists }),
        ...jobsOperations(jobs),
        ...jobTemplateOperations(templates),
      },
      'iot-jobs-data': deviceOperations(jobs),
    },
    authenticate: (request) => ({
      service: signedService(request.headers.authorization, credentialOf(request.query)),
    }),
    failure: (operation, service) => options.failure(operation, service),
    ownRoutes: (app) => {
      registerObjectRoutes(app, { ...account, onFault });
      registerSimulatorRoutes(app, control);
    },
    answered: () => options.answered(),
    onFault,
  });
}

/** A presigned request carries its scope in the query. */
function credentialOf(query: unknown): string | undefined {
  if (typeof query !== 'object' || query === null || !('X-Amz-Credential' in query)) return undefined;
  const credential = query['X-Amz-Credential'];
  return typeof credential === 'string' ? credential : undefined;
}
