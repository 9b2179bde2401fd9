import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.ts';

/** Where the objects are, below the base URL. */
export const OBJECTS_PATH = '/_simulator/objects';

/** A URL signed for one method is no good for another: a GET URL answers HEAD with 403, in S3 too. */
export type SignedMethod = 'GET' | 'HEAD';

export type Verdict =
  | { readonly kind: 'ok' }
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'bad signature' }
  /** Times in epoch milliseconds. */
  | { readonly kind: 'expired'; readonly expiresInSeconds: number; readonly expiredAt: number; readonly now: number };

/** The parts of a request that its signature covers, decoded. */
export interface SignedRequest {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: Readonly<Record<string, unknown>>;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/**
 * Presigned URLs with S3's parameters (S3 API reference, "Authenticating requests: using query parameters"). The
 * signature is an HMAC of the same parts, but not SigV4's: nobody else holds the key. The host is not part of it,
 * whatever `X-Amz-SignedHeaders` says, so that the simulator can be reached by several names.
 */
export class Presigner {
  readonly #secret: Uint8Array;
  readonly #clock: Clock;
  readonly #baseUrl: () => string;

  /** `baseUrl` is asked when a URL is made, since the port is known only then; without a slash at its end. */
  constructor(secret: Uint8Array, clock: Clock, baseUrl: () => string) {
    this.#secret = secret;
    this.#clock = clock;
    this.#baseUrl = baseUrl;
  }

  /** No two are the same: as with Jobs' assumed role, each carries a token of its own. */
  url(
    bucket: string,
    key: string,
    expiresInSeconds: number,
    { region = 'us-east-1', method = 'GET' }: { region?: string | undefined; method?: SignedMethod } = {},
  ): string {
    const date = basicTime(this.#clock.now());
    const query: Record<string, string> = {
      'X-Amz-Algorithm': ALGORITHM,
      'X-Amz-Credential': `ASIASIMULATOREXAMPLE/${date.slice(0, 8)}/${region}/s3/aws4_request`,
      'X-Amz-Date': date,
      'X-Amz-Expires': String(expiresInSeconds),
      'X-Amz-Security-Token': randomBytes(24).toString('base64url'),
      'X-Amz-SignedHeaders': 'host',
    };
    query['X-Amz-Signature'] = this.#sign({ method, bucket, key, query });
    const path = [bucket, ...key.split('/')].map(encodeURIComponent).join('/');
    return `${this.#baseUrl()}${OBJECTS_PATH}/${path}?${new URLSearchParams(query)}`;
  }

  verify(request: SignedRequest): Verdict {
    const { 'X-Amz-Signature': signature, 'X-Amz-Date': date, 'X-Amz-Expires': expires } = request.query;
    if (typeof signature !== 'string') return { kind: 'unsigned' };
    const right = Buffer.from(this.#sign(request));
    const given = Buffer.from(signature);
    if (given.length !== right.length || !timingSafeEqual(given, right)) return { kind: 'bad signature' };
    // Signed, hence ours and well-formed.
    const expiresInSeconds = Number(expires);
    const expiredAt = timeOf(String(date)) + expiresInSeconds * 1000;
    const now = this.#clock.now();
    return now < expiredAt ? { kind: 'ok' } : { kind: 'expired', expiresInSeconds, expiredAt, now };
  }

  /** Every parameter but the signature counts, whatever their order. */
  #sign({ method, bucket, key, query }: SignedRequest): string {
    const parameters = Object.entries(query)
      .filter(([name]) => name !== 'X-Amz-Signature')
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return createHmac('sha256', this.#secret)
      .update(JSON.stringify([method, bucket, key, parameters]))
      .digest('hex');
  }
}

/** ISO 8601 basic format, whole seconds: `20261124T035725Z`. */
function basicTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

function timeOf(basic: string): number {
  return Date.parse(basic.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}
