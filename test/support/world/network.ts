import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What the network does with what passes. `silent`: connections stay, and nothing comes through. */
export type Weather = 'fair' | 'refusing' | 'silent';

/** The wire between the device and the simulator: it can be cut, be dead for a while, and swallow everything. */
export class Network {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [device: Socket, service: Socket]>();
  #weather: Weather = 'fair';
  #target = 0;

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** @param target the simulator's port. Returns the one that the device is told. */
  async start(target: number): Promise<number> {
    this.#target = target;
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  get weather(): Weather {
    return this.#weather;
  }

  /** Refusing weather cuts what is there; what was swallowed in silence never comes. */
  set weather(weather: Weather) {
    this.#weather = weather;
    if (weather === 'refusing') this.cut();
  }

  /** Every connection ends, without a farewell. */
  cut(): void {
    for (const sockets of this.#pairs) for (const socket of sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #accept(device: Socket): void {
    if (this.#weather === 'refusing') {
      device.destroy();
      return;
    }
    const service = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true });
    const pair = [device, service] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [service, device] as const]) {
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => {
        if (this.#weather !== 'silent') to.write(chunk);
        // Bytes of a TLS stream that are lost cannot be made up for: the connection is dead, and nobody knows.
        else from.removeAllListeners('data').resume();
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
    }
  }
}
