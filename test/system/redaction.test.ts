import { expect, test } from 'vitest';
import { createLogger } from '../../src/system/logger.ts';

async function logged(write: (log: Awaited<ReturnType<typeof createLogger>>) => void) {
  const lines: string[] = [];
  write(await createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } }));
  return { text: lines.join(''), line: JSON.parse(lines[0] ?? 'null') as unknown };
}
const URL_WITH_SECRET = 'https://host/key?X-Amz-Signature=hush&x=1';
const PEM = '-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----';

test.each([
  'token',
  'secret',
  'password',
  'passphrase',
  'authorization',
  'privateKey',
  'x-amz-security-token',
])('the value of %s is gone, whatever its type', async (key) => {
  for (const value of ['hush', 42, ['hush'], { deep: 'hush' }, Buffer.from('hush')]) {
    const { line } = await logged((log) => log.info({ nested: { [key]: value } }, 'said'));
    expect(line).toMatchObject({ nested: { [key]: '[redacted]' } });
  }
});

test('a client token stays, a certificate ownership token does not', async () => {
  const { line } = await logged((log) => log.info({ clientToken: 'c-1', certificateOwnershipToken: 'hush' }, 'said'));
  expect(line).toMatchObject({ clientToken: 'c-1', certificateOwnershipToken: '[redacted]' });
});

test.each([URL_WITH_SECRET, PEM])('the message itself is cleaned: %s', async (secret) => {
  expect((await logged((log) => log.info({ a: 1 }, `got ${secret}`))).text).not.toContain('hush');
  expect((await logged((log) => log.info(`got ${secret}`))).text).not.toContain('hush');
  expect((await logged((log) => log.info('got %s', secret))).text).not.toContain('hush');
  expect((await logged((log) => log.error(new Error(secret)))).text).not.toContain('hush');
  expect((await logged((log) => log.error({ err: new Error(secret) }))).text).not.toContain('hush');
});

test('what a child and its child are bound to is cleaned', async () => {
  const { text, line } = await logged((log) =>
    log.child({ password: 'hush', jobId: 'j' }).child({ url: URL_WITH_SECRET }).info('said'),
  );
  expect(text).not.toContain('hush');
  expect(line).toMatchObject({ jobId: 'j', password: '[redacted]' });
});

test('a date is an ISO string and bytes are counted', async () => {
  const { line } = await logged((log) => log.info({ at: new Date(0), body: new Uint8Array(3) }, 'said'));
  expect(line).toMatchObject({ at: '1970-01-01T00:00:00.000Z', body: '<3 bytes>' });
});
