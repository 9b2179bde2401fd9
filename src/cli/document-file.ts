import { createReadStream } from 'node:fs';
import { errorCode, errorMessage } from '../errors.ts';

export type DocumentFile =
  | { readonly kind: 'document'; readonly document: unknown; readonly characters: number }
  | { readonly kind: 'notJson'; readonly problem: string }
  | { readonly kind: 'unreadable'; readonly problem: string };

/** Bytes that are read of a file: far more than a document has, so that a device or a disk image is no trap. */
const MOST_BYTES = 1_048_576;

/** A document as it stands in a file; `-` is standard input, once. Never rejects. */
export async function readDocument(file: string): Promise<DocumentFile> {
  let bytes: Buffer;
  try {
    bytes = await firstBytes(file === '-' ? process.stdin : createReadStream(file));
  } catch (error) {
    return unreadable(`cannot be read: ${READ_ERRORS.get(errorCode(error) ?? '') ?? errorMessage(error)}`);
  }
  if (bytes.length > MOST_BYTES) return unreadable('is larger than 1 MiB, and no job document');
  try {
    // A byte order mark is left out (WHATWG Encoding, "UTF-8 decode").
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const document: unknown = JSON.parse(withUrls(text));
    return { kind: 'document', document, characters: text.length };
  } catch (error) {
    const problem = error instanceof SyntaxError ? oneLine(error.message) : 'it is not UTF-8';
    return { kind: 'notJson', problem: `is not JSON: ${problem}` };
  }
}

const READ_ERRORS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file'],
  ['EACCES', 'permission denied'],
  ['EISDIR', 'it is a directory'],
]);

function unreadable(problem: string): DocumentFile {
  return { kind: 'unreadable', problem };
}

async function firstBytes(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    length += bytes.length;
    if (length > MOST_BYTES) break;
  }
  return Buffer.concat(chunks);
}

/**
 * A device is sent a presigned URL where an author writes `${aws:iot:s3-presigned-url:https://…}` or one of its forms
 * `-v1` and `-v2` (developer guide, "Managing jobs"): the object's URL inside stands for it.
 */
function withUrls(text: string): string {
  return text.replace(/\$\{aws:iot:s3-presigned-url(?:-v[12])?:([^}"\\]*)\}/g, '$1');
}

/** V8 quotes the text around the place, line ends and all. */
function oneLine(message: string): string {
  return message.replace(/\p{C}+/gu, ' ');
}
