import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that Linux gives to whoever asks for any (ip(7), ip_local_port_range): nobody else gets it meanwhile. */
const LOWEST = 10_000;
const HIGHEST = 32_000;

/** Of 127.0.0.1, for what is stopped and started on it again, and for what wants to be told a port. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

export interface Ports {
  readonly mqttPort: number;
  readonly httpPort: number;
  readonly httpsPort: number;
}

/** A simulator's, or its broker's and its own. */
export async function choosePorts(): Promise<Ports> {
  const [mqttPort, httpPort, httpsPort] = await Promise.all([freePort(), freePort(), freePort()]);
  return { mqttPort, httpPort, httpsPort };
}
