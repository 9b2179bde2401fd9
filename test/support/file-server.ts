import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CertificateAuthority } from '../../src/simulator/certificate-authority.ts';
import type { Lab } from './lab.ts';

/** An HTTPS server with files, which an agent trusts that is given `NODE_EXTRA_CA_CERTS`. */
export class FileServer {
  readonly requests: IncomingMessage[] = [];
  /** What it answers at a path; 404 elsewhere. */
  readonly paths = new Map<string, RequestListener>();
  readonly #server: Server;
  #origin = '';

  constructor(tls: { readonly cert: string; readonly key: string }) {
    this.#server = createServer(tls, (request, response) => {
      this.requests.push(request);
      // A client that is gone is what some of these tests are about.
      response.on('error', () => undefined);
      const answer = this.paths.get(request.url?.split('?')[0] ?? '');
      if (answer) answer(request, response);
      else response.writeHead(404).end();
    });
  }

  /** With a certificate of the lab's own authority. */
  static async start(lab: Lab): Promise<FileServer> {
    const authority = await CertificateAuthority.open(join(lab.directory, 'simulator'));
    const files = new FileServer(await authority.issueServerCertificate(['127.0.0.1', 'localhost']));
    await new Promise<void>((resolve) => files.#server.listen(0, '127.0.0.1', resolve));
    files.#origin = `https://127.0.0.1:${(files.#server.address() as AddressInfo).port}`;
    return files;
  }

  /** The same server by another name: `localhost`. */
  url(path: string, host = '127.0.0.1'): string {
    return `${this.#origin.replace('127.0.0.1', host)}${path}`;
  }

  requestsOf(path: string): IncomingMessage[] {
    return this.requests.filter(({ url }) => url?.split('?')[0] === path);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
