import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Debian installs it where an ordinary user's PATH does not look. */
function findMosquitto(): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return directories.map((directory) => join(directory, 'mosquitto')).find((path) => existsSync(path));
}

/** Tests that need Mosquitto. Without it they skip and say so; with REQUIRE_MOSQUITTO=1 that is a failure. */
export function describeWithMosquitto(name: string, body: () => void): void {
  if (findMosquitto() !== undefined) {
    describe(name, body);
    return;
  }
  const sentence = `skipped, as mosquitto is neither in PATH nor in /usr/sbin: ${name}`;
  if (process.env['REQUIRE_MOSQUITTO'] === '1') {
    it(name, () => expect.fail(`${sentence}; REQUIRE_MOSQUITTO=1 forbids that`));
    return;
  }
  process.stderr.write(`${sentence}\n`);
  describe.skip(name, body);
}

/** A Mosquitto with mutual TLS, on its port of 127.0.0.1; stopped and started at will. */
export class Mosquitto {
  readonly port: number;
  readonly #directory: string;
  readonly #config: string;
  #child: ChildProcess | undefined;
  #log = '';

  /** `directory` keeps its config; the three files need not be there before the start. */
  constructor(
    directory: string,
    port: number,
    tls: { readonly ca: string; readonly certificate: string; readonly key: string },
    further: readonly string[] = [],
  ) {
    this.port = port;
    this.#directory = directory;
    this.#config = [
      // Otherwise it gives up root and cannot read the key.
      ...(process.getuid?.() === 0 ? ['user root'] : []),
      `listener ${port} 127.0.0.1`,
      `cafile ${tls.ca}`,
      `certfile ${tls.certificate}`,
      `keyfile ${tls.key}`,
      'require_certificate true',
      'allow_anonymous true',
      'set_tcp_nodelay true',
      ...further,
    ].join('\n');
  }

  async start(): Promise<void> {
    const path = join(this.#directory, 'mosquitto.conf');
    writeFileSync(path, `${this.#config}\n`);
    const child = spawn(findMosquitto() ?? 'mosquitto', ['-c', path, '-v'], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
    await expect.poll(() => child.exitCode !== null || listens(this.port), { interval: 20 }).toBe(true);
    if (child.exitCode !== null) throw new Error(`mosquitto has ended:\n${this.#log}`);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await ended;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
