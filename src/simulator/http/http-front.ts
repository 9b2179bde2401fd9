import { randomUUID } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerFactory,
} from 'fastify';
import { ServiceError } from '../service-error.ts';
import type { ServiceName } from '../service-name.ts';
import type { Call, Handlers } from './call.ts';
import { errorAnswer } from './errors.ts';
import { OPERATIONS, type Operation } from './operations.ts';

/** One HTTP port of the simulator. */
export interface HttpFrontOptions {
  /** Handlers by service; a service that is absent does not exist on this port. */
  readonly handlers: Readonly<Partial<Record<ServiceName, Handlers>>>;
  /** Who speaks, and to which service: refuses with a ServiceError. */
  authenticate(request: FastifyRequest): Caller;
  /** Whether the caller may do this: refuses with a ServiceError. Absent: whoever is known may do everything. */
  authorize?(caller: Caller, operation: string, call: Call): void;
  /** Whether this request shall fail for the sake of a test. */
  failure?(operation: string, service: ServiceName): ServiceError | undefined;
  /** Routes beside AWS's own, below `/_simulator/`: nobody has to be known for them. */
  readonly ownRoutes?: (app: FastifyInstance) => void;
  /** Called when an answer is on its way, so that notifications come after it. */
  answered(): void;
  /** Told about faults of the simulator itself. */
  onFault(error: unknown): void;
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca: string };
}

/** Who sent a request. */
export interface Caller {
  readonly service: ServiceName;
  /** Of a device that showed its certificate. */
  readonly certificateId?: string;
}

/** The second is how AWS IoT Core tells HTTPS from MQTT on port 443 (developer guide, Device communication protocols). */
const HTTP_PROTOCOLS = ['http/1.1', 'x-amzn-http-ca'];

/** CreateJob's document may have 32 KiB, a policy 2 KiB: 1 MiB is room for all and an end for a flood. */
const BODY_LIMIT = 1_048_576;

/** A server for the operations that the handlers answer; everything else is answered with a named exception. */
export function createHttpFront(options: HttpFrontOptions): FastifyInstance {
  const shared = {
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    // Percent-encoded, a thing name of 128 characters can take 384: find-my-way's default is 100.
    routerOptions: { maxParamLength: 2048 },
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => refuse(error, request, reply),
  };
  const callers = new WeakMap<FastifyRequest, Caller>();
  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const refusal = asServiceError(error);
    if (!(refusal instanceof ServiceError)) options.onFault(error);
    const { status, type, message } = errorAnswer(refusal, callers.get(request)?.service ?? 'iot-jobs-data');
    return reply
      .code(status)
      .header('x-amzn-requestid', randomUUID())
      .header('x-amzn-errortype', type)
      .type('application/json')
      .send(JSON.stringify({ message }));
  };
  const isOwn = (request: FastifyRequest): boolean =>
    options.ownRoutes !== undefined && /^\/_simulator(\/|$)/.test(pathOf(request));
  const { tls } = options;
  // An invalid client certificate is not refused by TLS: the service answers it with a named exception.
  const mutualTls = {
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    ALPNCallback: ({ protocols }: { protocols: string[] }) => HTTP_PROTOCOLS.find((name) => protocols.includes(name)),
  } as const;
  const serverFactory: FastifyServerFactory = (handler) =>
    tls ? createHttpsServer({ ...tls, ...mutualTls }, handler) : createHttpServer(handler);
  const app: FastifyInstance = fastify({ ...shared, serverFactory });

  // AWS clients send JSON under several content types, or none.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => done(null, text));
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    if (!isOwn(request)) return refuse(unknownOperation(request), request, reply);
    const message = `There is no ${request.method} ${pathOf(request)}: docs/simulator.md lists what there is`;
    return refuse(new ServiceError('UnknownOperationException', message), request, reply);
  });
  app.addHook('onRequest', async (request) => {
    if (!isOwn(request)) callers.set(request, options.authenticate(request));
  });
  app.addHook('onResponse', async () => {
    try {
      options.answered();
    } catch (error) {
      options.onFault(error);
    }
  });

  options.ownRoutes?.(app);
  for (const [route, operations] of byRoute()) {
    const [method = '', url = ''] = route.split(' ');
    app.route({
      method,
      url,
      handler: async (request, reply) => {
        const caller = callers.get(request);
        const operation = operations.find((candidate) => candidate.service === caller?.service);
        if (!caller || !operation) throw unknownOperation(request);
        const handler = options.handlers[operation.service]?.[operation.name];
        if (!handler) throw new ServiceError('UnknownOperationException', `${operation.name} is not simulated`);
        const call = callOf(request);
        options.authorize?.(caller, operation.name, call);
        const failure = options.failure?.(operation.name, operation.service);
        if (failure) throw failure;
        const answer = await handler(call);
        return reply
          .header('x-amzn-requestid', randomUUID())
          .type('application/json')
          .send(JSON.stringify(answer ?? {}));
      },
    });
  }
  return app;
}

/** Operations by method and path: the control and the data plane share two, told apart by the signature's scope. */
function byRoute(): Map<string, Operation[]> {
  const routes = new Map<string, Operation[]>();
  for (const operation of OPERATIONS) {
    const route = `${operation.method} ${operation.path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
    routes.set(route, [...(routes.get(route) ?? []), operation]);
  }
  return routes;
}

function callOf(request: FastifyRequest): Call {
  return {
    params: stringsOf(request.params),
    query: stringsOf(request.query),
    body: bodyOf(request.body),
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  };
}

function stringsOf(value: unknown): Record<string, string> {
  const strings: Record<string, string> = {};
  for (const [key, entry] of Object.entries(value ?? {})) {
    const first: unknown = Array.isArray(entry) ? entry[0] : entry;
    if (typeof first === 'string') strings[key] = first;
  }
  return strings;
}

function bodyOf(text: unknown): Record<string, unknown> {
  if (typeof text !== 'string' || text.trim() === '') return {};
  const value = parseJson(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new ServiceError('InvalidRequestException', 'The body of the request is not a JSON object');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function unknownOperation(request: FastifyRequest): ServiceError {
  const message = `${request.method} ${pathOf(request)} is no operation of the simulator`;
  return new ServiceError('UnknownOperationException', message);
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '';
}

/** Fastify's own refusals (bad URL, body too large, …) are the client's fault, and named so. */
function asServiceError(error: unknown): unknown {
  if (error instanceof ServiceError || !(error instanceof Error)) return error;
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (typeof status !== 'number' || status >= 500) return error;
  return new ServiceError('InvalidRequestException', error.message);
}
