import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { byteRange } from '../objects/byte-range.ts';
import { type Objects, type OpenObject, tooLarge } from '../objects/objects.ts';
import { OBJECTS_PATH, type Presigner, type Verdict } from '../objects/presigner.ts';
import { ServiceError } from '../service-error.ts';

export interface ObjectRoutesOptions {
  readonly objects: Objects;
  readonly presigner: Presigner;
  /** The largest object that may be put; default 1 GiB. */
  readonly largestObject?: number;
  /** Told about faults of the simulator itself. */
  readonly onFault?: (error: unknown) => void;
}

/** HTTP statuses by error code (S3 API reference, "Error responses"); others: 400. */
const STATUS: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  InternalError: 500,
  InvalidRange: 416,
  NoSuchKey: 404,
  PreconditionFailed: 412,
  SignatureDoesNotMatch: 403,
};

/**
 * The S3 stand-in on the simulator's HTTP port: GET and HEAD for who has a presigned URL, PUT for the operator, who needs
 * none: the port is as open as the control plane beside it.
 */
export function registerObjectRoutes(app: FastifyInstance, options: ObjectRoutesOptions): void {
  const { objects, presigner, largestObject = 2 ** 30, onFault = () => undefined } = options;
  app.register(async (scope) => {
    // Bodies are streamed; the front's own parser takes them into memory.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    scope.setErrorHandler((error, request, reply) => refuse(asRefusal(error, onFault), request, reply));
    scope.route({
      method: ['GET', 'HEAD'],
      url: `${OBJECTS_PATH}/*`,
      handler: async (request, reply) => {
        const { bucket, key } = namesOf(request);
        const query = { ...(request.query as Readonly<Record<string, unknown>>) };
        admit(presigner.verify({ method: request.method, bucket, key, query }));
        const object = await objects.read(bucket, key);
        if (!object) throw new ServiceError('NoSuchKey', 'The specified key does not exist.');
        return answer(object, request, reply);
      },
    });
    scope.put(`${OBJECTS_PATH}/*`, async (request, reply) => {
      const { bucket, key } = namesOf(request);
      // Refused before it is read, if its length is told.
      if (Number(request.headers['content-length'] ?? 0) > largestObject) throw tooLarge(largestObject);
      const body = request.body instanceof Readable ? request.body : Readable.from([]);
      const { etag } = await objects.put(bucket, key, body, largestObject);
      return reply.header('etag', etag).header('x-amz-request-id', randomUUID()).send();
    });
  });
}

function namesOf(request: FastifyRequest): { bucket: string; key: string } {
  const path = (request.params as Readonly<Record<string, string>>)['*'] ?? '';
  const slash = path.indexOf('/');
  return slash < 0 ? { bucket: path, key: '' } : { bucket: path.slice(0, slash), key: path.slice(slash + 1) };
}

/** In S3's words. */
function admit(verdict: Verdict): void {
  switch (verdict.kind) {
    case 'ok':
      return;
    case 'unsigned':
      throw new ServiceError('AccessDenied', 'Access Denied');
    case 'bad signature':
      throw new ServiceError(
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
      );
    case 'expired':
      throw new Expired(verdict);
  }
}

/** S3 adds to this one refusal when it was that the URL expired. */
class Expired extends ServiceError {
  readonly details: Readonly<Record<string, string>>;

  constructor(verdict: Verdict & { readonly kind: 'expired' }) {
    super('AccessDenied', 'Request has expired');
    this.details = {
      'X-Amz-Expires': String(verdict.expiresInSeconds),
      Expires: isoSeconds(verdict.expiredAt),
      ServerTime: isoSeconds(verdict.now),
    };
  }
}

async function answer(object: OpenObject, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  try {
    const range = rangeOf(object, request);
    reply
      .code(range ? 206 : 200)
      .type('binary/octet-stream')
      .headers({
        'accept-ranges': 'bytes',
        'content-length': String(range ? range.end - range.start + 1 : object.size),
        etag: object.etag,
        'last-modified': object.lastModified.toUTCString(),
        'x-amz-request-id': randomUUID(),
      });
    if (range) reply.header('content-range', `bytes ${range.start}-${range.end}/${object.size}`);
    if (request.method !== 'HEAD') return reply.send(object.stream(range));
    await object.close();
    return reply.send();
  } catch (error) {
    await object.close();
    throw error;
  }
}

/** If-Match and If-Range are obeyed, for a download that is resumed must not mix two states of an object. */
function rangeOf(object: OpenObject, { headers }: FastifyRequest): { start: number; end: number } | undefined {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined && ifMatch !== '*' && !ifMatch.split(/\s*,\s*/).includes(object.etag)) {
    const message = 'At least one of the pre-conditions you specified did not hold';
    throw new ServiceError('PreconditionFailed', message);
  }
  const ifRange = headers['if-range'];
  const isCurrent = ifRange === undefined || [object.etag, object.lastModified.toUTCString()].includes(String(ifRange));
  const range = isCurrent ? byteRange(headers.range, object.size) : undefined;
  if (range === 'unsatisfiable') throw new UnsatisfiableRange(object.size);
  return range;
}

class UnsatisfiableRange extends ServiceError {
  readonly size: number;

  constructor(size: number) {
    super('InvalidRange', 'The requested range is not satisfiable');
    this.size = size;
  }
}

function asRefusal(error: unknown, onFault: (error: unknown) => void): ServiceError {
  if (error instanceof ServiceError) return error;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // Fastify's own refusals, of a broken content type for one, are the client's fault.
  if (error instanceof Error && typeof status === 'number' && status < 500) {
    return new ServiceError('InvalidRequest', error.message);
  }
  // The client went away in the middle of its upload.
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return new ServiceError('IncompleteBody', 'The request body was cut off');
  }
  onFault(error);
  return new ServiceError('InternalError', 'We encountered an internal error. Please try again.');
}

function refuse(error: ServiceError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const requestId = randomUUID();
  const fields = {
    Code: error.code,
    Message: error.message,
    ...(error instanceof Expired ? error.details : {}),
    Resource: request.url.split('?')[0] ?? '',
    RequestId: requestId,
  };
  const elements = Object.entries(fields).map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`);
  // The rest of such a body is not waited for.
  if (error.code === 'EntityTooLarge') reply.header('connection', 'close');
  if (error instanceof UnsatisfiableRange) reply.header('content-range', `bytes */${error.size}`);
  return reply
    .code(STATUS[error.code] ?? 400)
    .header('x-amz-request-id', requestId)
    .type('application/xml')
    .send(`<?xml version="1.0" encoding="UTF-8"?>\n<Error>${elements.join('')}</Error>`);
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function isoSeconds(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
