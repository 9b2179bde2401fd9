import * as v from 'valibot';
import { STRING_MAP } from '../registry/string-map.ts';

/** Shapes of service model `iot` that several operations take. Names and limits that the registry checks are not here. */

/** A required string. */
export const TEXT = v.pipe(v.string(), v.nonEmpty());

export const ATTRIBUTE_PAYLOAD = v.strictObject({
  attributes: v.optional(STRING_MAP),
  merge: v.optional(v.boolean()),
});

export const TAGS = v.array(v.strictObject({ Key: v.string(), Value: v.optional(v.string()) }));

export const ROLE_ARN = v.pipe(v.string(), v.minLength(20), v.maxLength(2048));

export const STREAM_FILES = v.pipe(
  v.array(
    v.strictObject({
      fileId: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))),
      s3Location: v.optional(
        v.strictObject({ bucket: v.optional(TEXT), key: v.optional(TEXT), version: v.optional(v.string()) }),
      ),
    }),
  ),
  v.minLength(1),
  v.maxLength(50),
);

/** StreamDescription and, with 500 characters, TemplateDescription. */
export function description(most: number) {
  return v.pipe(v.string(), v.maxLength(most), v.regex(/^[^\p{C}]*$/u));
}
