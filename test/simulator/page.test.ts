import { describe, expect, it } from 'vitest';
import { numberedKey, page } from '../../src/simulator/page.ts';

const name = (item: string) => item;

describe('a page of a list', () => {
  it('has no token when nothing comes after it', () => {
    expect(page({ maxResults: '2' }, ['a', 'b'], name)).toEqual({ items: ['a', 'b'] });
  });

  it('loses and repeats nothing when an entry of the page before is deleted', () => {
    const { items, nextToken } = page({ maxResults: '2' }, ['a', 'b', 'c', 'd'], name);
    expect(items).toEqual(['a', 'b']);
    expect(page({ nextToken }, ['c', 'd'], name)).toEqual({ items: ['c', 'd'] });
  });

  it('goes down when that is asked for', () => {
    const first = page({ maxResults: '1' }, ['a', 'b', 'c'], name, { descending: true });
    const { nextToken } = first;
    expect(first.items).toEqual(['c']);
    expect(page({ nextToken }, ['a', 'b', 'c'], name, { descending: true }).items).toEqual(['b', 'a']);
  });

  it('is in the order of numbers, not of their digits, and of names among equal numbers', () => {
    const entries = [
      { at: 10, id: 'a' },
      { at: 9.5, id: 'b' },
      { at: 9, id: 'd' },
      { at: 9, id: 'c' },
    ];
    const { items } = page({}, entries, ({ at, id }) => numberedKey(at, id));
    expect(items.map(({ id }) => id)).toEqual(['c', 'd', 'b', 'a']);
  });

  it.each(['0', '251', '-1', 'x', '1.5', ''])('has 1 to 250 entries, not %j', (maxResults) => {
    expect(() => page({ maxResults }, ['a'], name)).toThrow(/^maxResults: expected/);
  });

  it.each(['x', '', '!'])('is not found with %j, which is no token of ours', (nextToken) => {
    expect(() => page({ nextToken }, ['a'], name)).toThrow('is none of ours');
  });
});
