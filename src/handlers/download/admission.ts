import type { DownloadSettings } from './settings.ts';

export type SourceRules = Pick<DownloadSettings, 'hostDenied' | 'allowPlainHttp'>;

/** Why nothing is fetched from this URL; undefined when it may be. `from` is the URL that redirected to it. */
export function denialOf(url: URL, rules: SourceRules, from?: URL): string | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return `a URL of ${url.protocol} is not supported`;
  // What was asked for in private is not fetched in the open, whatever the policy says of plain URLs.
  if (from?.protocol === 'https:' && url.protocol === 'http:') return 'a redirect from https: to http: is refused';
  const host = hostOf(url);
  const rule = rules.hostDenied(host);
  if (rule !== undefined) return `host ${host} is denied by ${rule}`;
  return url.protocol === 'http:' && !rules.allowPlainHttp ? 'http: is denied by policy.allowPlainHttp' : undefined;
}

/** A name with a dot at its end is the same host (RFC 1034, 3.1): a list that names it must not miss that. */
function hostOf(url: URL): string {
  const { hostname } = url;
  let end = hostname.length;
  // Not by /\.+$/, which takes a minute for a name that is as long as a document may be.
  while (hostname[end - 1] === '.') end -= 1;
  return hostname.slice(0, end);
}

/** The URL for people: without user, password and query, which are secrets in presigned URLs. */
export function shownUrl(url: URL): string {
  const shown = `${url.protocol}//${url.host}${url.pathname}`;
  return shown.length > 200 ? `${shown.slice(0, 200)}…` : shown;
}

/** The Authorization header that a URL's user and password ask for (RFC 7617). */
export function basicAuthorization(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
  return `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
