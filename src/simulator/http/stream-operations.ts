import * as v from 'valibot';
import { page } from '../page.ts';
import type { Registry } from '../registry/registry.ts';
import type { Stream } from '../registry/streams.ts';
import { checkTags } from '../registry/tags.ts';
import { flag, type Handlers, PAGE, param } from './call.ts';
import { operation } from './checked-operation.ts';
import { description, ROLE_ARN, STREAM_FILES, TAGS } from './shapes.ts';

/** Streams (AWS IoT API reference): kept and listed, not delivered over MQTT. */
export function streamOperations({ streams, tags }: Registry): Handlers {
  return {
    CreateStream: operation(
      {
        body: {
          description: v.optional(description(2028)),
          files: STREAM_FILES,
          roleArn: ROLE_ARN,
          tags: v.optional(TAGS),
        },
      },
      (call, { tags: wanted, ...fields }) => {
        checkTags(wanted);
        const stream = streams.create(param(call, 'streamId'), fields);
        tags.set(stream.streamArn, wanted);
        return summary(stream);
      },
    ),
    DescribeStream: operation({}, (call) => ({ streamInfo: streams.describe(param(call, 'streamId')) })),
    UpdateStream: operation(
      {
        body: {
          description: v.optional(description(2028)),
          files: v.optional(STREAM_FILES),
          roleArn: v.optional(ROLE_ARN),
        },
      },
      (call, fields) => summary(streams.update(param(call, 'streamId'), fields)),
    ),
    DeleteStream: operation({}, (call) => {
      const { streamId, streamArn } = streams.describe(param(call, 'streamId'));
      streams.delete(streamId);
      tags.delete(streamArn);
    }),
    ListStreams: operation({ query: [...PAGE, 'isAscendingOrder'] }, (call) => {
      const { items, ...rest } = page(call.query, streams.list(), ({ streamId }) => streamId, {
        descending: !flag(call, 'isAscendingOrder'),
      });
      return { streams: items.map(summary), ...rest };
    }),
  };
}

function summary({ streamId, streamArn, streamVersion, description }: Stream) {
  return { streamId, streamArn, streamVersion, description };
}
