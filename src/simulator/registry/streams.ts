import type { Clock } from '../clock.ts';
import type { Collection, Store } from '../store.ts';
import { alreadyExists, invalidRequest, notFound } from './refusals.ts';

/** A file of a stream (service model `iot`, StreamFile). */
export interface StreamFile {
  readonly fileId?: number | undefined;
  readonly s3Location?:
    | {
        readonly bucket?: string | undefined;
        readonly key?: string | undefined;
        readonly version?: string | undefined;
      }
    | undefined;
}

/** A stream in the form of DescribeStream; times are epoch seconds. It is kept, and not delivered over MQTT. */
export interface Stream {
  readonly streamId: string;
  readonly streamArn: string;
  readonly streamVersion: number;
  readonly description?: string | undefined;
  readonly files: readonly StreamFile[];
  readonly createdAt: number;
  readonly lastUpdatedAt: number;
  readonly roleArn: string;
}

/** What can be given for a stream. */
export interface StreamFields {
  readonly description?: string | undefined;
  readonly files?: readonly StreamFile[] | undefined;
  readonly roleArn?: string | undefined;
}

const STREAM_ID = /^[a-zA-Z0-9_-]{1,128}$/;

/** The streams of the account. */
export class Streams {
  readonly #streams: Collection<Stream>;
  readonly #arnPrefix: string;
  readonly #clock: Clock;

  constructor(store: Store, arnPrefix: string, clock: Clock) {
    this.#streams = store.collection<Stream>('streams');
    this.#arnPrefix = `${arnPrefix}:stream/`;
    this.#clock = clock;
  }

  exists(streamId: string): boolean {
    return this.#streams.get(streamId) !== undefined;
  }

  create(streamId: string, fields: StreamFields & { files: readonly StreamFile[]; roleArn: string }): Stream {
    if (!STREAM_ID.test(streamId)) throw invalidRequest(`Invalid stream id: ${JSON.stringify(streamId)}`);
    if (this.exists(streamId)) throw alreadyExists(`Stream ${streamId} already exists`);
    checkFiles(fields.files);
    const now = this.#clock.now() / 1000;
    const stream: Stream = {
      ...fields,
      streamId,
      streamArn: this.#arnPrefix + streamId,
      streamVersion: 1,
      createdAt: now,
      lastUpdatedAt: now,
    };
    this.#streams.set(streamId, stream);
    return stream;
  }

  /** @throws ServiceError ResourceNotFoundException */
  describe(streamId: string): Stream {
    const stream = this.#streams.get(streamId);
    if (!stream) throw notFound(`Stream ${streamId} not found.`);
    return stream;
  }

  list(): Stream[] {
    return [...this.#streams.values()];
  }

  /** What is not given stays. "The stream version will be incremented by one" (UpdateStream, API reference). */
  update(streamId: string, { description, files, roleArn }: StreamFields): Stream {
    const stream = this.describe(streamId);
    if (files) checkFiles(files);
    const updated: Stream = {
      ...stream,
      ...(description !== undefined && { description }),
      ...(files && { files }),
      ...(roleArn !== undefined && { roleArn }),
      streamVersion: stream.streamVersion + 1,
      lastUpdatedAt: this.#clock.now() / 1000,
    };
    this.#streams.set(streamId, updated);
    return updated;
  }

  delete(streamId: string): void {
    this.describe(streamId);
    this.#streams.delete(streamId);
  }
}

/** A file is asked for by its id, so two of one id are refused (our decision: no source says). */
function checkFiles(files: readonly StreamFile[]): void {
  const ids = files.map((file) => file.fileId);
  if (new Set(ids).size !== ids.length) throw invalidRequest('files: a fileId is given twice');
}
