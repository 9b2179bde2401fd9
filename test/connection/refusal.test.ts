import { expect, test } from 'vitest';
import { RefusalWatch } from '../../src/connection/refusal.ts';

test.each([5, 7, 135])('names iot:Connect for CONNACK %i', (code) => {
  const { message } = new RefusalWatch().connackRefused(code);
  expect(message).toContain(`CONNACK ${code}`);
  expect(message).toContain('iot:Connect');
});

test.each([0x80, 0x87])('names only the refused filter of a SUBACK with %i', (code) => {
  const troubles = new RefusalWatch().subscribed(['a', 'b', 'c'], [1, code, 0]);
  expect(troubles).toMatchObject([{ code: 'SUBSCRIBE_REFUSED', topic: 'b' }]);
});

test('suspects the policy after two closes on the same publish, not after one', () => {
  const watch = new RefusalWatch();
  expect(watch.closed(10, ['a'])).toBeUndefined();
  expect(watch.closed(10, ['b'])).toBeUndefined();
  expect(watch.closed(10, ['a'])).toMatchObject({ code: 'PUBLISH_CLOSED', topic: 'a' });
});

test('an answer between two silences clears the suspicion', () => {
  const watch = new RefusalWatch();
  expect(watch.silent('a')).toBeUndefined();
  watch.cleared('a');
  expect(watch.silent('a')).toBeUndefined();
  expect(watch.silent('a')).toMatchObject({ code: 'PUBLISH_UNANSWERED', topic: 'a' });
});

test('suspects another client after three closes soon after connecting', () => {
  const watch = new RefusalWatch();
  expect(watch.closed(10, [])).toBeUndefined();
  expect(watch.closed(10, [])).toBeUndefined();
  expect(watch.closed(10, [])).toMatchObject({ code: 'CLIENT_ID_TAKEN' });
});

test('a long connection between early closes clears the suspicion', () => {
  const watch = new RefusalWatch();
  watch.closed(10, []);
  watch.closed(10, []);
  watch.closed(31_000, []);
  expect(watch.closed(10, [])).toBeUndefined();
});
