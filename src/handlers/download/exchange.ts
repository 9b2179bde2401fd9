import { STATUS_CODES } from 'node:http';
import { basicAuthorization, denialOf, shownUrl } from './admission.ts';
import { type Asked, type Reading, readAnswer } from './answer.ts';
import { isExpired } from './expiry.ts';
import { DownloadFailure } from './failure.ts';
import { type HttpAnswer, httpGet, readText } from './http-get.ts';
import { REFUSAL_BYTES, refusalText } from './refusal.ts';
import type { DownloadSettings } from './settings.ts';
import { ifRange } from './validator.ts';

const MOST_REDIRECTS = 5;

export type Exchanged =
  | { readonly kind: 'body'; readonly answer: HttpAnswer; readonly reading: Reading & { readonly kind: 'body' } }
  | { readonly kind: 'useless part'; readonly reason: string; readonly rangesWork: boolean }
  | { readonly kind: 'trouble'; readonly reason: string; readonly afterMs: number }
  | { readonly kind: 'expired'; readonly reason: string };

/**
 * Asks for a file, or for what is missing of it, and follows redirects to where it is; each hop is held against the
 * policy. A body is for the caller to use up or destroy.
 * @throws DownloadFailure for what no other try would change; whatever Node throws for a fault of the network.
 */
export async function exchange(
  first: URL,
  asked: Asked,
  settings: DownloadSettings,
  signal: AbortSignal,
): Promise<Exchanged> {
  let url = first;
  let from: URL | undefined;
  for (let hop = 0; hop <= MOST_REDIRECTS; hop += 1) {
    const denial = denialOf(url, settings, from);
    if (denial !== undefined) throw new DownloadFailure(from ? `redirected to ${shownUrl(url)}: ${denial}` : denial);
    const answer = await httpGet(url, { headers: headersFor(url, first, asked), signal, ca: settings.ca });
    const reading = readAnswer(answer.status, answer.headers, asked, Date.now());
    if (reading.kind !== 'redirect') return judge(answer, reading, url, first);
    answer.body.destroy();
    const next = URL.parse(reading.location, url.href);
    if (next === null) throw new DownloadFailure(`${shownUrl(url)} redirects to what is no URL`);
    from = url;
    url = next;
  }
  throw new DownloadFailure(`more than ${MOST_REDIRECTS} redirects, the last to ${shownUrl(url)}`);
}

function headersFor(url: URL, first: URL, { start, validator }: Asked): Record<string, string> {
  // Credentials are for the server that the document names, and no other (RFC 9110, 15.4).
  const authorization = url.origin === first.origin ? basicAuthorization(first) : undefined;
  return {
    ...(authorization === undefined ? {} : { authorization }),
    ...(start === 0 || validator === undefined ? {} : { range: `bytes=${start}-`, 'if-range': ifRange(validator) }),
  };
}

async function judge(
  answer: HttpAnswer,
  reading: Exclude<Reading, { kind: 'redirect' }>,
  url: URL,
  first: URL,
): Promise<Exchanged> {
  if (reading.kind === 'body') return { kind: 'body', answer, reading };
  const { status: code, headers } = answer;
  // Of a success there may be gigabytes behind, and nothing to read in them.
  const body = code < 300 ? '' : await readText(answer.body, REFUSAL_BYTES);
  answer.body.destroy();
  if (reading.kind === 'useless part') return reading;
  // The server's own words for its status may be anything.
  const status = `${code} ${STATUS_CODES[code] ?? ''}`.trim();
  const reason = `the server answered ${refusalText(status, headers['content-type'], body, [url, first])}`;
  if (reading.kind === 'trouble') return { kind: 'trouble', reason, afterMs: reading.afterMs };
  const served = Date.parse(headers.date ?? '');
  if (isExpired(url, code, body, Number.isNaN(served) ? Date.now() : served)) return { kind: 'expired', reason };
  throw new DownloadFailure(reading.reason ?? reason);
}
