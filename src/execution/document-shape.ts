import type * as v from 'valibot';
import { nearest } from '../system/suggestion.ts';
import { documentPath, type Problem } from './document-problems.ts';
import { entrySchema, isObjectNode, isRecordNode, itemSchema, type ObjectNode, resolved } from './schema-tree.ts';

/** A document as its schema can read it, and what the schema would not have told. */
export interface Shaped {
  /** Without what counts as absent, and without unknown keys. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Unknown keys. */
  readonly warnings: readonly Problem[];
}

/**
 * Reads a document's keys. An optional key whose value is `""` (a template parameter that was not given) or null (what
 * many languages write for nothing) is absent. Unknown keys are warnings. An array in an object's place, which Valibot
 * takes for an object, is a problem; so is a name that its records leave out without a word.
 */
export function shape(schema: v.GenericSchema, document: unknown): Shaped {
  const reader = new ShapeReader();
  const value = reader.read(schema, document, [], undefined);
  return { value, problems: reader.problems, warnings: reader.warnings };
}

/** Names with a meaning of their own to JavaScript's objects (Valibot, `_isValidObjectKey`). */
const UNUSABLE = ['__proto__', 'constructor', 'prototype'];

class ShapeReader {
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];

  /** `above`: the object that has this value under a key. As deep as the schema is, whatever the document. */
  read(schema: v.GenericSchema, value: unknown, keys: readonly unknown[], above: ObjectNode | undefined): unknown {
    const node = resolved(schema, value);
    const item = itemSchema(node);
    if (item && Array.isArray(value)) {
      return value.map((one: unknown, index) => this.read(item, one, [...keys, index], undefined));
    }
    const isObject = isObjectNode(node);
    if (!isObject && !isRecordNode(node)) return value;
    if (Array.isArray(value)) {
      this.problems.push({ path: documentPath(keys), message: 'expected an object, got an array' });
      return value;
    }
    if (typeof value !== 'object' || value === null) return value;
    if (isObject) return this.#readObject(node, value, keys, above);
    for (const name of UNUSABLE.filter((one) => Object.hasOwn(value, one))) {
      this.problems.push({
        path: documentPath([...keys, name]),
        message: 'cannot be a name here: JavaScript has a meaning of its own for it',
      });
    }
    return value;
  }

  #readObject(
    node: v.GenericSchema & ObjectNode,
    value: object,
    keys: readonly unknown[],
    above: ObjectNode | undefined,
  ): unknown {
    const takesOthers = node.type === 'loose_object' || node.type === 'object_with_rest';
    const entries: [string, unknown][] = [];
    for (const [key, child] of Object.entries(value)) {
      const schema = entrySchema(node, key);
      if (schema === undefined) {
        if (takesOthers) entries.push([key, child]);
        else this.#warn(node, value, [...keys, key], key, above);
      } else if (!((child === '' || child === null) && isOptional(schema))) {
        entries.push([key, this.read(schema, child, [...keys, key], node)]);
      }
    }
    // Defines properties and assigns none, so `__proto__` is a name like others.
    return Object.fromEntries(entries);
  }

  #warn(node: ObjectNode, value: object, keys: readonly unknown[], key: string, above: ObjectNode | undefined): void {
    const meant = suggestion(node, value, keys, key, above);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    this.warnings.push({ path: documentPath(keys), message: `unknown key${hint}` });
  }
}

function isOptional(schema: v.GenericSchema): boolean {
  return schema.type === 'optional' || schema.type === 'exact_optional';
}

/** A key that is right one level deeper or higher is more likely meant than one that is written alike. */
function suggestion(
  node: ObjectNode,
  value: object,
  keys: readonly unknown[],
  key: string,
  above: ObjectNode | undefined,
): string | undefined {
  for (const [name, child] of Object.entries(value)) {
    const schema = entrySchema(node, name);
    if (schema && entrySchema(resolved(schema, child), key)) return documentPath([...keys.slice(0, -1), name, key]);
  }
  if (above && entrySchema(above, key)) return documentPath([...keys.slice(0, -2), key]);
  return nearest(key, Object.keys(node.entries));
}
