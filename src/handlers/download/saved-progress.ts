import * as v from 'valibot';

/** What a start of the step leaves on disk for the next. */
const SavedProgressSchema = v.object({
  part: v.string(),
  /** Of the part's bytes so many are good, even after a power cut. */
  bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** Of the whole file; absent: the server has not said. */
  total: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  validator: v.optional(v.union([v.object({ etag: v.string() }), v.object({ lastModified: v.string() })])),
  /** Of the checked file, saved before the rename. */
  sha256: v.optional(v.string()),
});

export type SavedProgress = v.InferOutput<typeof SavedProgressSchema>;

/** Undefined for what no version of ours has saved: the download then starts from nothing. */
export function readProgress(value: unknown): SavedProgress | undefined {
  const parsed = v.safeParse(SavedProgressSchema, value);
  return parsed.success ? parsed.output : undefined;
}
