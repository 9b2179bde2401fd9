import { redact } from '../../system/redaction.ts';
import { basicAuthorization } from './admission.ts';
import { xmlText } from './expiry.ts';

/** Bytes of an error's body that are looked at. */
export const REFUSAL_BYTES = 4096;
const EXCERPT = 160;

/** A server's refusal in a phrase: its status, and a short excerpt of what it said in which no secret of these URLs is left. */
export function refusalText(
  status: string,
  contentType: string | undefined,
  body: string,
  urls: readonly URL[],
): string {
  // Cleaned before it is cut: half a secret would not be found.
  const said = short(withoutSecrets(excerptOf(contentType, body), urls));
  return said === '' ? status : `${status} (${said})`;
}

function excerptOf(contentType: string | undefined, body: string): string {
  // Of S3's error document only these two: the rest repeats what was signed.
  const code = xmlText(body, 'Code');
  if (code !== undefined) return [code, xmlText(body, 'Message') ?? ''].filter((part) => part !== '').join(': ');
  if (/<(!doctype html|html|head|title)\b/i.test(body)) return xmlText(body, 'title') ?? '';
  return /^(text\/|application\/(json|problem\+json))/i.test(contentType ?? '') ? body : '';
}

function short(text: string): string {
  const line = text.replace(/[\s\p{C}]+/gu, ' ').trim();
  return line.length > EXCERPT ? `${line.slice(0, EXCERPT)}…` : line;
}

/** Servers repeat what they were asked: values of the query and the password go, and whatever looks like a query. */
function withoutSecrets(text: string, urls: readonly URL[]): string {
  const secrets = urls
    .flatMap((url) => {
      const credentials = basicAuthorization(url)?.slice('Basic '.length) ?? '';
      return [...url.searchParams.values(), url.password, credentials, ...url.search.slice(1).split(/[&=]/)];
    })
    .flatMap((value) => [value, encodeURIComponent(value)])
    .filter((value) => value.length >= 4)
    .sort((a, b) => b.length - a.length);
  const cleaned = secrets.reduce((rest, secret) => rest.replaceAll(secret, '…'), text);
  return String(redact({ text: cleaned.replace(/\?\S*=\S*/g, '?…') })['text']);
}
