import { ServiceError } from '../service-error.ts';

/** An object of S3, by the URL of AWS that names it. */
export interface S3Location {
  readonly bucket: string;
  readonly key: string;
  readonly region?: string;
}

/** S3 user guide, "Virtual hosting of buckets": path style, and virtual-hosted style; with a region or without. */
const HOST = String.raw`s3(?:\.dualstack)?(?:[.-](?<region>[a-z0-9-]+))?\.amazonaws\.com(?:\.cn)?`;
const PATH_STYLE = new RegExp(`^https://${HOST}/(?<bucket>[^/]+)/(?<key>.+)$`, 'su');
const VIRTUAL_STYLE = new RegExp(String.raw`^https://(?<bucket>[a-z0-9][a-z0-9.-]*?)\.${HOST}/(?<key>.+)$`, 'su');

/**
 * Reads an S3 URL. An encoded one is percent-decoded; in one that is not, each character stands for itself.
 * @throws ServiceError InvalidRequestException saying what is wrong with it
 */
export function parseS3Url(url: string, form: 'encoded' | 'unencoded'): S3Location {
  const groups = (PATH_STYLE.exec(url) ?? VIRTUAL_STYLE.exec(url))?.groups;
  const { bucket, key: path, region } = groups ?? {};
  if (bucket === undefined || path === undefined) {
    throw invalid(url, 'expected https://s3.<region>.amazonaws.com/<bucket>/<key>');
  }
  // Here objects have one version. The guide shows the question mark and the equals sign encoded.
  if (/(?:\?|%3F)versionId(?:=|%3D)/i.test(path)) throw invalid(url, 'versionId is not simulated');
  const key = form === 'encoded' ? decoded(url, path) : path;
  return { bucket, key, ...(region === undefined ? {} : { region }) };
}

function decoded(url: string, path: string): string {
  if (/[?#\s]/.test(path)) throw invalid(url, 'its key is not percent-encoded');
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) throw invalid(url, 'its percent-encoding is broken');
    throw error;
  }
}

function invalid(url: string, why: string): ServiceError {
  return new ServiceError('InvalidRequestException', `The S3 URL ${JSON.stringify(url)} cannot be used: ${why}`);
}
