import { ServiceError } from '../service-error.ts';
import type { Objects } from './objects.ts';
import { parseS3Url } from './s3-url.ts';

/** As large as a job document may be (service model, JobDocument). */
const LARGEST_DOCUMENT = 32_768;

/**
 * The job document that a `documentSource` of CreateJob or CreateJobTemplate names: the URL of an object, as S3's
 * console shows it, that is percent-encoded.
 * @throws ServiceError InvalidRequestException; no source says what the service answers for an object that is not there
 */
export function documentAt(objects: Objects, documentSource: string): string {
  const { bucket, key } = parseS3Url(documentSource, 'encoded');
  const document = readDocument(objects, bucket, key);
  if (document !== undefined) return document;
  const what = `${JSON.stringify(documentSource)} is no object of up to ${LARGEST_DOCUMENT} bytes`;
  throw new ServiceError('InvalidRequestException', `documentSource: ${what}`);
}

function readDocument(objects: Objects, bucket: string, key: string): string | undefined {
  try {
    return objects.text(bucket, key, LARGEST_DOCUMENT);
  } catch (error) {
    // A name that S3 would not take names no object; its error code is not one of this API's.
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}
