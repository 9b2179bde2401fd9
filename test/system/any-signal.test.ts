import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { underAnySignal } from '../../src/system/any-signal.ts';

describe('work under any of several signals', () => {
  it('is aborted with the reason of the one that is aborted', async () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const reason = await underAnySignal([one.signal, other.signal], async (signal) => {
      expect(signal.aborted).toBe(false);
      other.abort('enough');
      return signal.reason;
    });
    expect(reason).toBe('enough');
  });

  it('is aborted from the start where one of them is', async () => {
    const other = new AbortController().signal;
    const aborted = await underAnySignal([other, AbortSignal.abort()], async (signal) => signal.aborted);
    expect(aborted).toBe(true);
    expect(getEventListeners(other, 'abort')).toEqual([]);
  });

  it('leaves nothing at the signals, however it ends', async () => {
    const { signal } = new AbortController();
    await underAnySignal([signal], async () => undefined);
    await underAnySignal([signal], () => Promise.reject(new Error('a fault'))).catch(() => undefined);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
