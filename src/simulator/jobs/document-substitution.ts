import { parseS3Url, type S3Location } from '../objects/s3-url.ts';
import type { DocumentParameter } from './templates/managed-template-data.ts';
import { constraint, integer, invalid, record, structure, text } from './validation.ts';

/** How presigned URLs are made (API reference, PresignedUrlConfig). */
export interface PresignedUrlConfig {
  readonly roleArn?: string;
  /** 60–3,600; absent: 3,600. */
  readonly expiresInSec?: number;
}

export const DEFAULT_EXPIRES_IN_SECONDS = 3600;

/** Developer guide, AWS IoT Core quotas (an older edition): presigned URLs in one document. */
const MOST_PRESIGNED_URLS = 10;

/** `${aws:iot:<kind>:<rest>}`; none of the kinds that are simulated has a brace inside. */
const PLACEHOLDER = /\$\{aws:iot:(?<kind>[^:{}]*)(?::(?<rest>[^}]*))?\}/g;
/** A string of JSON text: a document is JSON before anything is put in, so a placeholder stands in one. */
const JSON_STRING = /"(?:[^"\\]|\\.)*"/gs;

const PARAMETER = 'parameter';
/**
 * By the kind of placeholder, how it writes its URL: the first form and its new name take it as it is, the second
 * percent-encoded (developer guide, "Managing jobs", placeholder version differences).
 */
const PRESIGNED: ReadonlyMap<string, 'encoded' | 'unencoded'> = new Map([
  ['s3-presigned-url', 'unencoded'],
  ['s3-presigned-url-v1', 'unencoded'],
  ['s3-presigned-url-v2', 'encoded'],
]);

export function parsePresignedUrlConfig(value: unknown): PresignedUrlConfig | undefined {
  const fields = structure('presignedUrlConfig', value, ['roleArn', 'expiresInSec']);
  if (!fields) return undefined;
  const roleArn = fields['roleArn'] ?? undefined;
  const expiresInSec = fields['expiresInSec'] ?? undefined;
  return {
    // Service model, RoleArn: 20–2,048 characters. There are no roles here, and none is assumed.
    ...(roleArn === undefined ? {} : { roleArn: text('presignedUrlConfig.roleArn', roleArn, /^.{20,2048}$/s) }),
    ...(expiresInSec === undefined
      ? {}
      : { expiresInSec: integer('presignedUrlConfig.expiresInSec', expiresInSec, 60, 3600) }),
  };
}

/** CreateJob's `documentParameters` (service model, ParameterMap), absent: none. */
export function parseDocumentParameters(value: unknown): Record<string, string> {
  const entries = Object.entries(record(value, 'documentParameters'));
  for (const [key, parameter] of entries) {
    if (!/^[a-zA-Z0-9_-]{1,128}$/.test(key)) {
      throw constraint('documentParameters', key, 'Map keys must satisfy [a-zA-Z0-9_-]{1,128}');
    }
    text(`documentParameters.${key}`, parameter, /^[^\p{C}]{1,30720}$/u);
  }
  return Object.fromEntries(entries.map(([key, parameter]) => [key, String(parameter)]));
}

/**
 * The document with its parameters put in. A value becomes the content of a JSON string and is escaped as such: it can
 * add neither fields nor steps (no source says what the service does with a quote; this is our decision). An optional
 * parameter that is not given is an empty string, as AWS IoT Device Client expects it.
 * @throws ServiceError InvalidRequestException naming the parameter that is missing, unknown or does not match
 */
export function substituteParameters(
  document: string,
  parameters: Readonly<Record<string, string>>,
  declared: readonly DocumentParameter[],
): string {
  const values = new Map(Object.entries(parameters));
  for (const key of values.keys()) {
    if (!declared.some((parameter) => parameter.key === key)) {
      throw invalid(`documentParameters.${key} is no parameter of the job template`);
    }
  }
  for (const { key, regex, optional } of declared) {
    const value = values.get(key);
    if (value === undefined && !optional) throw invalid(`documentParameters.${key} is required by the job template`);
    if (value !== undefined && !new RegExp(`^(?:${regex})$`, 'u').test(value)) {
      throw constraint(`documentParameters.${key}`, value, `Member must satisfy regular expression pattern: ${regex}`);
    }
  }
  return replacePlaceholders(document, (kind, rest, placeholder) => {
    if (kind !== PARAMETER) return placeholder;
    if (!declared.some(({ key }) => key === rest)) throw invalid(`The job template does not declare ${placeholder}`);
    return values.get(rest) ?? '';
  });
}

/** The document as one device is sent it, with a URL from `urlFor` for each placeholder: made anew for each delivery. */
export function presign(document: string, urlFor: (bucket: string, key: string, region?: string) => string): string {
  return replacePlaceholders(document, (kind, rest, placeholder) => {
    const form = PRESIGNED.get(kind);
    if (!form) return placeholder;
    const { bucket, key, region } = parseS3Url(rest, form);
    return urlFor(bucket, key, region);
  });
}

/**
 * The objects that presigned URLs are wanted for, in the order of the document.
 * @throws ServiceError InvalidRequestException for a placeholder that is malformed or of a kind that is not simulated
 */
export function placeholdersIn(document: string): S3Location[] {
  const found: S3Location[] = [];
  replacePlaceholders(document, (kind, rest, placeholder) => {
    const form = PRESIGNED.get(kind);
    if (form) found.push(parseS3Url(rest, form));
    else if (kind !== PARAMETER) throw invalid(`The placeholder \${aws:iot:${kind}:…} is not simulated`);
    return placeholder;
  });
  return found;
}

/** @throws ServiceError InvalidRequestException when the placeholders of a new job's document cannot be served */
export function checkPlaceholders(document: string, config: PresignedUrlConfig | undefined): void {
  const { length } = placeholdersIn(document);
  if (length > MOST_PRESIGNED_URLS) {
    throw invalid(`The document asks for ${length} presigned URLs; at most ${MOST_PRESIGNED_URLS} are possible`);
  }
  if (length > 0 && config?.roleArn === undefined) {
    throw invalid('presignedUrlConfig.roleArn is required by the placeholders in the document');
  }
}

/** Strings without placeholders, and all else, stay as they were written. */
function replacePlaceholders(
  document: string,
  replace: (kind: string, rest: string, placeholder: string) => string,
): string {
  return document.replace(JSON_STRING, (literal) => {
    const before = parseString(literal);
    if (before === undefined) return literal;
    const after = before.replace(PLACEHOLDER, (placeholder, kind: string, rest = '') =>
      replace(kind, rest, placeholder),
    );
    return after === before ? literal : JSON.stringify(after);
  });
}

/** Undefined when the text is no JSON string: then the document is no JSON, and CreateJob says so. */
function parseString(literal: string): string | undefined {
  try {
    const value: unknown = JSON.parse(literal);
    return typeof value === 'string' ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
