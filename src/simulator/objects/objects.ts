import { randomUUID } from 'node:crypto';
import { constants, createWriteStream, lstatSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ServiceError } from '../service-error.ts';
import type { ByteRange } from './byte-range.ts';

/** An object, opened: size, tag and bytes are those of one state of it. */
export interface OpenObject {
  readonly size: number;
  /** With its quotes, as HTTP has it. */
  readonly etag: string;
  readonly lastModified: Date;
  /** The whole of it, or a part. Closes the object at its end. */
  stream(range?: ByteRange): Readable;
  /** For who does not stream. */
  close(): Promise<void>;
}

/** S3 user guide, "General purpose bucket naming rules". It cannot begin with a dot. */
const BUCKET = /^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const LONGEST_KEY = 1024;
const UPLOADS = '.uploads';

/**
 * The stand-in for S3: an object is the file `<directory>/<bucket>/<key>`, and may be put there by any means. Keys that
 * would name no file inside the bucket are refused, and symbolic links do not lead out of the directory.
 */
export class Objects {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Undefined when there is no such object. To be streamed or closed. */
  async read(bucket: string, key: string): Promise<OpenObject | undefined> {
    const path = this.#locate(bucket, key);
    if (path === undefined) return undefined;
    // What became a link just now is not followed.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return await opened(file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The object's text, for job documents; undefined when there is no such object or it is larger than `most` bytes. */
  text(bucket: string, key: string, most: number): string | undefined {
    const path = this.#locate(bucket, key);
    return path === undefined || statSync(path).size > most ? undefined : readFileSync(path, 'utf8');
  }

  /**
   * Stores what the stream gives, all of it or nothing: it is written aside and then renamed.
   * @throws ServiceError EntityTooLarge beyond `most` bytes; InvalidBucketName, InvalidURI, KeyTooLongError
   */
  async put(bucket: string, key: string, body: Readable, most: number): Promise<{ etag: string }> {
    const segments = segmentsOf(bucket, key);
    const root = this.#root();
    mkdirSync(join(root, UPLOADS), { recursive: true });
    const upload = join(root, UPLOADS, randomUUID());
    try {
      await pipeline(upTo(most, body), createWriteStream(upload, { flags: 'wx' }));
      const path = makeParent(root, segments, key);
      await renameTo(upload, path, key);
      return { etag: etagOf(statSync(path, { bigint: true })) };
    } finally {
      // Gone already when all went well.
      await rm(upload, { force: true });
    }
  }

  /** The file behind the names, with every link resolved. */
  #locate(bucket: string, key: string): string | undefined {
    const segments = segmentsOf(bucket, key);
    const root = realPath(this.#directory);
    const path = root && realPath(join(root, ...segments));
    return path?.startsWith(`${root}${sep}`) && statSync(path).isFile() ? path : undefined;
  }

  #root(): string {
    mkdirSync(this.#directory, { recursive: true });
    return realpathSync(this.#directory);
  }
}

/** The names as path segments; a real S3 would also take keys that no file can have, such as `a//b`. */
function segmentsOf(bucket: string, key: string): string[] {
  if (!BUCKET.test(bucket)) throw new ServiceError('InvalidBucketName', 'The specified bucket is not valid.');
  if (Buffer.byteLength(key) > LONGEST_KEY) throw new ServiceError('KeyTooLongError', 'Your key is too long');
  const segments = key.split('/');
  const names = segments.every((name) => !['', '.', '..'].includes(name) && Buffer.byteLength(name) <= 255);
  if (!names || key.includes('\0')) throw refusedKey(key);
  return [bucket, ...segments];
}

/** With every link resolved; undefined where there is nothing, or a file on the way, or a link to itself. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** Makes the directories of the key one by one, so that none is made behind a link that leads out. */
function makeParent(root: string, segments: readonly string[], key: string): string {
  let path = root;
  for (const segment of segments.slice(0, -1)) {
    const next = join(path, segment);
    try {
      mkdirSync(next);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    // Only a link needs resolving: doing it for each would take time by the square of the depth.
    const real = lstatSync(next).isSymbolicLink() ? realPath(next) : next;
    if (!real?.startsWith(`${root}${sep}`) || !statSync(real).isDirectory()) throw refusedKey(key);
    path = real;
  }
  return join(path, segments.at(-1) ?? '');
}

async function renameTo(upload: string, path: string, key: string): Promise<void> {
  try {
    await rename(upload, path);
  } catch (error) {
    // In S3 `a` and `a/b` may both be objects; a file cannot be a directory too.
    if (['EISDIR', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw refusedKey(key);
    throw error;
  }
}

function refusedKey(key: string): ServiceError {
  return new ServiceError('InvalidURI', `The key ${JSON.stringify(key)} can be no file of the simulator's bucket`);
}

async function opened(file: FileHandle): Promise<OpenObject> {
  const stats = await file.stat({ bigint: true });
  const size = Number(stats.size);
  return {
    size,
    etag: etagOf(stats),
    lastModified: stats.mtime,
    // Up to the size that was told: the file may grow meanwhile. Of nothing there is no last byte.
    stream: (range = { start: 0, end: size - 1 }) =>
      size === 0 ? nothing(file) : file.createReadStream({ start: range.start, end: range.end }),
    close: () => file.close(),
  };
}

function nothing(file: FileHandle): Readable {
  return Readable.from(
    (async function* () {
      await file.close();
      yield* [];
    })(),
  );
}

/** S3's is a hash of the content; this one changes whenever the file does, and costs no reading. */
function etagOf(stats: { mtimeNs: bigint; size: bigint; ino: bigint }): string {
  return `"${[stats.mtimeNs, stats.ino, stats.size].map((part) => part.toString(16)).join('-')}"`;
}

/** A pipeline would close the sender's connection on a failure; so it can still be answered. */
async function* upTo(most: number, body: Readable): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > most) throw tooLarge(most);
    yield chunk;
  }
}

export function tooLarge(most: number): ServiceError {
  return new ServiceError('EntityTooLarge', `The object is larger than ${most} bytes`);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
