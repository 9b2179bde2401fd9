import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineLimit } from '../../src/system/line-limit.ts';

test('however the output is cut into chunks, it has more lines than the limit or not', () => {
  const chunks = fc.array(fc.string({ unit: fc.constantFrom('a', '\n'), maxLength: 6 }));
  fc.assert(
    fc.property(chunks, fc.nat(8), (parts, limit) => {
      const lines = new LineLimit(limit);
      for (const part of parts) lines.push(Buffer.from(part));
      const text = parts.join('');
      const count = text.split('\n').length - (text === '' || text.endsWith('\n') ? 1 : 0);
      expect(lines.isExceeded).toBe(count > limit);
    }),
  );
});
