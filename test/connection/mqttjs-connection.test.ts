import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Backoff } from '../../src/connection/backoff.ts';
import type { Connection, ConnectionTrouble } from '../../src/connection/connection.ts';
import { createMqttJsConnection, type MqttJsOptions } from '../../src/connection/mqttjs-connection.ts';
import { accepting, type Script, ScriptedBroker } from '../support/scripted-broker.ts';
import { silentLog } from '../support/silent-log.ts';

/** The back-off has tests of its own: here a second must not pass between attempts. */
class ShortBackoff extends Backoff {
  override next(): number {
    return Math.min(20, super.next());
  }
}

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Trial {
  readonly connection: Connection;
  readonly troubles: ConnectionTrouble[];
  /** Resolves when the connection comes up the next time. */
  up(): Promise<void>;
  trouble(code: string): Promise<ConnectionTrouble>;
}

async function connecting(version: 4 | 5, script: Script, changes: Partial<MqttJsOptions> = {}): Promise<Trial> {
  const broker = new ScriptedBroker(version, script);
  const { port, tls } = await broker.start();
  cleanups.push(() => broker.close());
  const connection = createMqttJsConnection(
    {
      endpoint: '127.0.0.1',
      port,
      clientId: 'pi',
      protocolVersion: version,
      keepAliveSeconds: 60,
      tls,
      backoff: new ShortBackoff(),
      connectTimeoutMs: 20_000,
      ...changes,
    },
    silentLog,
  );
  const troubles: ConnectionTrouble[] = [];
  connection.on('trouble', (trouble) => troubles.push(trouble));
  cleanups.push(() => connection.stop());
  const trial: Trial = {
    connection,
    troubles,
    up: () => new Promise((resolve) => connection.on('up', () => resolve())),
    async trouble(code) {
      await expect.poll(() => troubles.map((trouble) => trouble.code)).toContain(code);
      const found = troubles.find((trouble) => trouble.code === code);
      if (!found) throw new Error(`no ${code}`);
      return found;
    },
  };
  return trial;
}

const TOPIC = '$aws/things/pi/jobs/get';

/** Publishes again after each reconnect, whatever becomes of it. */
function publishAlways({ connection }: Trial, deadlineMs = 200): void {
  connection.on('up', () => {
    connection.publish(TOPIC, '{}', { deadlineMs }).catch((error: unknown) => expect(error).toBeInstanceOf(Error));
  });
}

describe.each([4, 5] as const)('in MQTT version %i', (version) => {
  it('a close before CONNACK reads as a certificate or Connect that is refused', async () => {
    const trial = await connecting(version, (_packet, peer) => peer.close());
    trial.connection.start();
    const { message } = await trial.trouble('CONNECT_REFUSED');
    expect(message).toContain('certificate unknown or inactive, or Connect denied');
  });

  it('a CONNACK that refuses is told with its code', async () => {
    const code = version === 4 ? 7 : 135;
    const trial = await connecting(version, (_packet, peer) =>
      peer.send({ cmd: 'connack', returnCode: code, reasonCode: code, sessionPresent: false } as never),
    );
    trial.connection.start();
    const { message } = await trial.trouble('CONNACK_REFUSED');
    expect(message).toContain(`CONNACK ${code}`);
    expect(message).toContain('iot:Connect');
  });

  it('a peer that never sends CONNACK is noticed and tried again', async () => {
    let connects = 0;
    const count = (): void => {
      connects += 1;
    };
    const trial = await connecting(version, count, { connectTimeoutMs: 300 });
    trial.connection.start();
    await trial.trouble('CONNACK_TIMED_OUT');
    await expect.poll(() => connects).toBeGreaterThan(1);
  });

  it('each filter that a SUBACK refuses is named, and no other', async () => {
    const refused = version === 4 ? 0x80 : 0x87;
    const trial = await connecting(
      version,
      accepting((packet, peer) => {
        if (packet.cmd === 'subscribe') {
          peer.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [1, refused] });
        }
      }),
    );
    const up = trial.up();
    trial.connection.start();
    await up;
    expect(await trial.connection.subscribe(['a/+', 'b/+'], { deadlineMs: 60_000 })).toEqual([1, refused]);
    expect(trial.troubles).toMatchObject([{ code: 'SUBSCRIBE_REFUSED', topic: 'b/+' }]);
    expect(trial.troubles[0]?.message).toContain('iot:Subscribe on topicfilter/b/+');
  });

  it('a close after the same publish twice names its topic', async () => {
    const trial = await connecting(
      version,
      accepting((packet, peer) => {
        if (packet.cmd === 'publish') peer.close();
      }),
    );
    publishAlways(trial);
    trial.connection.start();
    const { message, topic } = await trial.trouble('PUBLISH_CLOSED');
    expect(topic).toBe(TOPIC);
    expect(message).toContain(`iot:Publish on topic/${TOPIC}`);
  });

  it('silence after the same publish twice names its topic, the connection is rebuilt, and no other client is blamed', async () => {
    let connects = 0;
    const trial = await connecting(version, (packet, peer) => {
      if (packet.cmd === 'connect') connects += 1;
      accepting()(packet, peer);
    });
    publishAlways(trial, 60);
    trial.connection.start();
    const { message, topic } = await trial.trouble('PUBLISH_UNANSWERED');
    expect(topic).toBe(TOPIC);
    expect(message).toContain('iot:Receive');
    await expect.poll(() => connects).toBeGreaterThan(4);
    expect(trial.troubles.map(({ code }) => code)).not.toContain('CLIENT_ID_TAKEN');
  });

  it('a SUBACK that never comes is noticed and the connection is rebuilt', async () => {
    const trial = await connecting(version, accepting());
    const up = trial.up();
    trial.connection.start();
    await up;
    const again = trial.up();
    await expect(trial.connection.subscribe(['a'], { deadlineMs: 60 })).rejects.toMatchObject({
      code: 'CONNECTION_ERROR',
    });
    await trial.trouble('ACK_TIMED_OUT');
    await again;
  });

  it('repeated closes soon after connecting, with nothing in flight, read as another client', async () => {
    const trial = await connecting(version, (packet, peer) => {
      accepting()(packet, peer);
      setImmediate(() => peer.close());
    });
    trial.connection.start();
    expect((await trial.trouble('CLIENT_ID_TAKEN')).message).toContain('another client uses this clientId');
  });

  it('what was under way when the connection is lost rejects at once', async () => {
    const trial = await connecting(
      version,
      accepting((packet, peer) => {
        if (packet.cmd === 'publish') peer.close();
      }),
    );
    const up = trial.up();
    trial.connection.start();
    await up;
    await expect(trial.connection.publish(TOPIC, '{}', { deadlineMs: 60_000 })).rejects.toMatchObject({
      code: 'CONNECTION_ERROR',
      retryable: true,
    });
  });

  it('stop sends DISCONNECT, even with a publish that nobody acknowledged, and never connects again', async () => {
    const seen: string[] = [];
    const trial = await connecting(version, (packet, peer) => {
      seen.push(packet.cmd);
      accepting()(packet, peer);
      if (packet.cmd === 'disconnect') peer.close();
    });
    const up = trial.up();
    trial.connection.start();
    await up;
    const publish = trial.connection.publish(TOPIC, '{}', { deadlineMs: 60_000 });
    publish.catch((error: unknown) => expect(error).toBeInstanceOf(Error));
    await expect.poll(() => seen).toContain('publish');
    await trial.connection.stop();
    expect(seen).toEqual(['connect', 'publish', 'disconnect']);
    expect(trial.troubles).toEqual([]);
  });
});

describe('in MQTT version 5', () => {
  it('a PUBACK of 0x87 names the topic', async () => {
    const trial = await connecting(
      5,
      accepting((packet, peer) => {
        if (packet.cmd === 'publish') peer.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode: 0x87 });
      }),
    );
    const up = trial.up();
    trial.connection.start();
    await up;
    await expect(trial.connection.publish(TOPIC, '{}', { deadlineMs: 60_000 })).rejects.toThrow();
    expect(trial.troubles).toMatchObject([{ code: 'PUBLISH_REFUSED', topic: TOPIC }]);
  });

  it('one DISCONNECT of 0x8E reads as another client', async () => {
    const trial = await connecting(5, (packet, peer) => {
      accepting()(packet, peer);
      if (packet.cmd === 'connect') {
        peer.send({ cmd: 'disconnect', reasonCode: 0x8e });
        setImmediate(() => peer.close());
      }
    });
    trial.connection.start();
    await trial.trouble('CLIENT_ID_TAKEN');
  });
});

describe('a peer that is not there', () => {
  it('accepts TCP and says nothing: it is noticed and told', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket.on('error', () => socket.destroy())));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    });
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const trial = await connecting(4, accepting(), { port, connectTimeoutMs: 300 });
    trial.connection.start();
    await trial.trouble('CONNECTION_TIMED_OUT');
  });

  it('has a certificate of another CA: the words say rootCaPath', async () => {
    const other = new ScriptedBroker(4, accepting());
    const { tls } = await other.start();
    cleanups.push(() => other.close());
    const trial = await connecting(4, accepting(), { tls });
    trial.connection.start();
    expect((await trial.trouble('SERVER_CA_UNKNOWN')).message).toContain('rootCaPath');
  });

  it('has a certificate for another name: the words say endpoint', async () => {
    const trial = await connecting(4, accepting(), { endpoint: 'localhost' });
    trial.connection.start();
    expect((await trial.trouble('SERVER_NAME_MISMATCH')).message).toContain('endpoint');
  });
});
