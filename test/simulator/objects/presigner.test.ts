import { expect, test } from 'vitest';
import { MovableClock } from '../../../src/simulator/movable-clock.ts';
import { Presigner } from '../../../src/simulator/objects/presigner.ts';

const NOW = Date.parse('2026-03-04T05:06:07.890Z');

function lab() {
  const clock = new MovableClock({ source: () => NOW });
  return { clock, presigner: new Presigner(Buffer.from('secret'), clock, () => 'http://127.0.0.1:8080') };
}

function requestOf(url: string, changes: object = {}) {
  const { pathname, searchParams } = new URL(url);
  const [bucket = '', ...key] = pathname.replace('/_simulator/objects/', '').split('/').map(decodeURIComponent);
  return { method: 'GET', bucket, key: key.join('/'), query: Object.fromEntries(searchParams), ...changes };
}

test('a URL has the parameters of S3, with the time of the clock', () => {
  const url = new URL(lab().presigner.url('files', 'a b/ü+.bin', 600, { region: 'eu-west-1' }));
  expect(url.origin + url.pathname).toBe('http://127.0.0.1:8080/_simulator/objects/files/a%20b/%C3%BC%2B.bin');
  expect(Object.fromEntries(url.searchParams)).toEqual({
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': 'ASIASIMULATOREXAMPLE/20260304/eu-west-1/s3/aws4_request',
    'X-Amz-Date': '20260304T050607Z',
    'X-Amz-Expires': '600',
    'X-Amz-Security-Token': expect.stringMatching(/^[\w-]{32}$/),
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Signature': expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});

test('two URLs of one second differ, and both are good', () => {
  const { presigner } = lab();
  const urls = [presigner.url('files', 'k', 60), presigner.url('files', 'k', 60)];
  expect(urls[0]).not.toBe(urls[1]);
  for (const url of urls) expect(presigner.verify(requestOf(url))).toEqual({ kind: 'ok' });
});

test('a URL is good until its time is over', () => {
  const { presigner, clock } = lab();
  const request = requestOf(presigner.url('files', 'k', 60));
  clock.advance(59_109);
  expect(presigner.verify(request)).toEqual({ kind: 'ok' });
  clock.advance(1);
  expect(presigner.verify(request)).toEqual({
    kind: 'expired',
    expiresInSeconds: 60,
    expiredAt: Date.parse('2026-03-04T05:07:07Z'),
    now: Date.parse('2026-03-04T05:07:07Z'),
  });
});

test('whatever is changed in a URL, its signature is bad then', () => {
  const { presigner, clock } = lab();
  const url = presigner.url('files', 'k', 60);
  const { query } = requestOf(url);
  for (const changes of [
    { method: 'HEAD' },
    { bucket: 'other' },
    { key: 'l' },
    ...Object.keys(query)
      .filter((name) => name !== 'X-Amz-Signature')
      .map((name) => ({ query: { ...query, [name]: '999999' } })),
    { query: { ...query, 'X-Amz-Signature': `${query['X-Amz-Signature']}0` } },
    { query: { ...query, 'X-Amz-Signature': '0'.repeat(64) } },
    { query: { ...query, more: 'x' } },
  ]) {
    expect(presigner.verify(requestOf(url, changes)), JSON.stringify(changes)).toEqual({ kind: 'bad signature' });
  }
  const other = new Presigner(Buffer.from('another secret'), clock, () => '');
  expect(other.verify(requestOf(url))).toEqual({ kind: 'bad signature' });
  expect(presigner.verify(requestOf(url, { query: {} }))).toEqual({ kind: 'unsigned' });
});

test('a URL may be signed for HEAD', () => {
  const { presigner } = lab();
  const url = presigner.url('files', 'k', 60, { method: 'HEAD' });
  expect(presigner.verify(requestOf(url, { method: 'HEAD' }))).toEqual({ kind: 'ok' });
});
