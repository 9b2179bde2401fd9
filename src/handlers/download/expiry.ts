/** S3 API reference, "Error responses": the credentials that signed the URL are no longer good. */
const EXPIRED_CODES = ['ExpiredToken', 'TokenRefreshRequired', 'RequestExpired'];

/**
 * Whether a refusal means that a presigned URL has expired, and a fresh one would do. S3 says it of the URL by 403
 * AccessDenied "Request has expired", and of the credentials behind it by 400 ExpiredToken; servers that say less are
 * judged by the URL's own dates.
 * @param now epoch milliseconds, best the server's: a device's clock may be wrong.
 */
export function isExpired(url: URL, status: number, body: string, now: number): boolean {
  if (![400, 401, 403].includes(status)) return false;
  const code = xmlText(body, 'Code') ?? '';
  if (EXPIRED_CODES.includes(code) || /\bexpired\b/i.test(xmlText(body, 'Message') ?? '')) return true;
  const expiry = expiryOf(url);
  return expiry !== undefined && now >= expiry;
}

/** Epoch milliseconds after which a presigned URL of Signature Version 4 or 2, or of CloudFront, is refused. */
function expiryOf({ searchParams }: URL): number | undefined {
  const signedAt = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(searchParams.get('X-Amz-Date') ?? '');
  const lifetime = searchParams.get('X-Amz-Expires');
  if (signedAt !== null && lifetime !== null && /^\d{1,9}$/.test(lifetime)) {
    const [, year, month, day, hour, minute, second] = signedAt.map(Number);
    const start = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
    return start + Number(lifetime) * 1000;
  }
  const expires = searchParams.get('Expires');
  return searchParams.has('Signature') && expires !== null && /^\d{1,11}$/.test(expires)
    ? Number(expires) * 1000
    : undefined;
}

/** The text of the first element of this name in S3's error document, which nests nothing. */
export function xmlText(body: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1];
}
