import type { Collection, Store } from '../store.ts';
import { invalidRequest, limitExceeded } from './refusals.ts';

/** A tag in the form of the API (service model `iot`, Tag). */
export interface Tag {
  readonly Key: string;
  readonly Value?: string | undefined;
}

/** "Maximum number of tags per resource: 50" (developer guide, "Tagging your AWS IoT resources"). */
const MOST_TAGS = 50;
/** Service model `iot`, TagKey. */
const KEY = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u;

/** The tags of every resource that can have some, by its ARN. */
export class Tags {
  readonly #tags: Collection<readonly Tag[]>;

  constructor(store: Store) {
    this.#tags = store.collection<readonly Tag[]>('tags');
  }

  list(arn: string): readonly Tag[] {
    return this.#tags.get(arn) ?? [];
  }

  /** The tags of a new resource, in place of any that were there. */
  set(arn: string, tags: readonly Tag[] = []): void {
    const checked = checkTags(tags);
    if (checked.length > 0) this.#tags.set(arn, checked);
    else this.#tags.delete(arn);
  }

  /** TagResource: adds tags, and gives those of a known key another value. */
  add(arn: string, tags: readonly Tag[]): void {
    const byKey = new Map([...this.list(arn), ...checkTags(tags)].map((tag) => [tag.Key, tag]));
    if (byKey.size > MOST_TAGS) throw limitExceeded(`A resource can have at most ${MOST_TAGS} tags`);
    this.#tags.set(arn, [...byKey.values()]);
  }

  delete(arn: string): void {
    this.#tags.delete(arn);
  }
}

/**
 * To be called before the resource is made.
 * @throws ServiceError InvalidRequestException
 */
export function checkTags(tags: readonly Tag[] = []): readonly Tag[] {
  const keys = new Set<string>();
  for (const { Key, Value = '' } of tags) {
    // The prefix is reserved (developer guide, "Tag restrictions and limitations").
    if (!KEY.test(Key) || Key.toLowerCase().startsWith('aws:')) {
      throw invalidRequest(`Invalid tag key: ${JSON.stringify(Key)}`);
    }
    if (Value.length > 256) throw invalidRequest(`The value of tag ${Key} is longer than 256 characters`);
    if (keys.has(Key)) throw invalidRequest(`The tag key ${Key} is given twice`);
    keys.add(Key);
  }
  if (keys.size > MOST_TAGS) throw invalidRequest(`A resource can have at most ${MOST_TAGS} tags`);
  return tags;
}
