import { type IncomingHttpHeaders, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { Body } from './body.ts';

export interface GetOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Aborted: the connection is cut, whatever it is at. */
  readonly signal: AbortSignal;
  readonly ca?: string | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** For the caller to use up or destroy. */
  readonly body: Body;
}

/**
 * One GET on a connection of its own: no redirect is followed, nothing is decoded, no proxy of the environment is used,
 * and the certificate is always checked. The body ends with an error when the connection fails amid it.
 */
export function httpGet(url: URL, { headers, signal, ca }: GetOptions): Promise<HttpAnswer> {
  const target = new URL(url);
  // Node makes an Authorization header of them; who asks decides that.
  target.username = '';
  target.password = '';
  const options = {
    headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'thing-agent', ...headers },
    signal,
    agent: false as const,
  };
  return new Promise((resolve, reject) => {
    const request =
      target.protocol === 'https:'
        ? // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED in the environment does not undo it.
          requestTls(target, { ...options, rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) })
        : requestPlain(target, options);
    request.once('response', (answer) => {
      // What goes wrong after the head (bytes that are not HTTP, say) is told to the request only.
      request.on('error', (error) => answer.destroy(error));
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: new Body(answer) });
    });
    request.on('error', reject);
    request.end();
  });
}

/** Up to `most` bytes of a body as text; less when the connection fails. The body is used up. */
export async function readText(body: Body, most: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= most) break;
    }
  } catch {
    // An excerpt of a refusal: what has come is enough.
  }
  body.destroy();
  return Buffer.concat(chunks).subarray(0, most).toString('utf8');
}
