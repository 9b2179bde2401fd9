import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { Backoff } from '../../src/connection/backoff.ts';
import type { ConnectionTrouble } from '../../src/connection/connection.ts';
import { createMqttJsConnection } from '../../src/connection/mqttjs-connection.ts';
import { CertificateAuthority } from '../../src/simulator/certificate-authority.ts';
import type { Log } from '../../src/system/log.ts';
import { type BrokerScript, startScriptedBroker } from '../support/scripted-broker.ts';

const directory = mkdtempSync(join(tmpdir(), 'connection-'));
let authority: CertificateAuthority;
beforeAll(async () => {
  authority = await CertificateAuthority.open(directory);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

class QuickBackoff extends Backoff {
  override next(): number {
    return 5;
  }
}

const quiet = () => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet } as Log;
const call = { deadlineMs: 3_000 };

async function scene(protocolVersion: 4 | 5, script: BrokerScript) {
  const broker = await startScriptedBroker(authority, protocolVersion, script);
  const device = await authority.issueDeviceCertificate();
  const connection = createMqttJsConnection(
    {
      endpoint: '127.0.0.1',
      port: broker.port,
      clientId: 'lamp',
      protocolVersion,
      keepAliveSeconds: 30,
      connectTimeoutMs: 300,
      backoff: new QuickBackoff(),
      tls: {
        certificate: device.certificatePem,
        key: device.privateKey,
        rootCa: authority.caPem,
        x509: new X509Certificate(device.certificatePem),
      },
    },
    log,
  );
  const troubles: ConnectionTrouble[] = [];
  let ups = 0;
  connection.on('trouble', (trouble) => troubles.push(trouble));
  connection.on('up', () => {
    ups += 1;
  });
  onTestFinished(async () => {
    await connection.stop();
    await broker.stop();
  });
  connection.start();
  return {
    connection,
    troubles,
    up: (times = 1) => vi.waitFor(() => expect(ups).toBeGreaterThanOrEqual(times)),
    trouble: (code: string) =>
      vi.waitFor(() => expect(troubles).toContainEqual(expect.objectContaining({ code })), { timeout: 3_000 }),
  };
}

test('says that a close before CONNACK is a certificate or Connect refused', async () => {
  const { trouble, troubles } = await scene(4, { onConnect: () => 'close' });
  await trouble('CONNECT_REFUSED');
  expect(troubles[0]?.message).toContain('certificate unknown or inactive, or Connect denied');
});

test.each([[4, 5], [4, 7], [5, 135]] as const)('MQTT %i: names CONNACK %i', async (version, code) => {
  const { trouble, troubles } = await scene(version, { onConnect: () => code });
  await trouble('CONNACK_REFUSED');
  expect(troubles[0]?.message).toContain(`CONNACK ${code}`);
});

test.each([[4, 0x80], [5, 0x87]] as const)('MQTT %i: a SUBACK of %i names the refused filter only', async (version, code) => {
  const { connection, troubles, up } = await scene(version, { onSubscribe: () => [1, code] });
  await up();
  expect(await connection.subscribe(['a', 'b'], call)).toEqual([1, code]);
  expect(troubles.map(({ topic }) => topic)).toEqual(['b']);
});

test('MQTT 5: a PUBACK of 0x87 names the topic', async () => {
  const { connection, trouble, up } = await scene(5, { onPublish: () => 0x87 });
  await up();
  await expect(connection.publish('a', '{}', call)).rejects.toMatchObject({ code: 'CONNECTION_ERROR' });
  await trouble('PUBLISH_REFUSED');
});

test('a close after the same publish twice names the topic, and the calls reject', async () => {
  const { connection, trouble, up } = await scene(4, { onPublish: () => 'close' });
  for (const times of [1, 2]) {
    await up(times);
    await expect(connection.publish('a', '{}', call)).rejects.toMatchObject({ code: 'CONNECTION_ERROR' });
  }
  await trouble('PUBLISH_CLOSED');
});

test('silence after the same publish twice names the topic, and the connection is rebuilt', async () => {
  const { connection, trouble, up } = await scene(4, { onPublish: () => 'silence' });
  for (const times of [1, 2]) {
    await up(times);
    await expect(connection.publish('a', '{}', { deadlineMs: 50 })).rejects.toThrow('not acknowledged');
  }
  await trouble('PUBLISH_UNANSWERED');
  await up(3);
});

test('three closes soon after connecting name another client', async () => {
  const { trouble } = await scene(4, { onConnected: (peer) => peer.close() });
  await trouble('CLIENT_ID_TAKEN');
});

test('silence at CONNACK is noticed', async () => {
  const { trouble } = await scene(4, { onConnect: () => 'silence' });
  await trouble('CONNACK_TIMED_OUT');
});

test('MQTT 5: DISCONNECT 0x8E names another client at once', async () => {
  const { trouble } = await scene(5, {
    onConnected: (peer) => peer.send({ cmd: 'disconnect', reasonCode: 0x8e }),
  });
  await trouble('CLIENT_ID_TAKEN');
});
