import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputTail } from '../../src/system/output-tail.ts';

test('however the output is cut into chunks, the tail is its whole last characters', () => {
  const chunks = fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '€', '😀'), maxLength: 20 }));
  fc.assert(
    fc.property(chunks, fc.integer({ min: 4, max: 40 }), (parts, limit) => {
      const tail = new OutputTail(limit);
      for (const part of parts) tail.push(Buffer.from(part));
      const whole = parts.join('');
      expect(whole.endsWith(tail.text())).toBe(true);
      const kept = Buffer.byteLength(tail.text());
      expect(kept).toBeLessThanOrEqual(limit);
      expect(kept).toBeGreaterThanOrEqual(Math.min(Buffer.byteLength(whole), limit - 3));
    }),
  );
});
