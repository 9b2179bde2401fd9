import { constraint, list, structure, text } from './validation.ts';

/** A tag as requests carry it (service model, Tag). */
export interface Tag {
  readonly Key: string;
  readonly Value?: string;
}

/** At most 50 (AWS IoT quotas); keys 1–128 characters, values up to 256 (service model, Tag). */
export function parseTags(value: unknown): Tag[] | undefined {
  if (value === undefined) return undefined;
  return list('tags', value, 0, 50).map((entry, index) => {
    const tag = structure(`tags[${index}]`, entry, ['Key', 'Value']);
    if (!tag) throw constraint(`tags[${index}]`, entry, 'Member must not be null');
    const Key = text(`tags[${index}].Key`, tag['Key'], /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u);
    const { Value } = tag;
    if (Value === undefined || Value === null) return { Key };
    return { Key, Value: text(`tags[${index}].Value`, Value, /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u) };
  });
}
