import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';

/** Debian installs it where an ordinary user's PATH does not look. */
function findNginx(): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return directories.map((directory) => join(directory, 'nginx')).find((path) => existsSync(path));
}

/** Tests that need nginx. Without it they skip and say so; with REQUIRE_NGINX=1 that is a failure. */
export function describeWithNginx(name: string, body: () => void): void {
  if (findNginx() !== undefined) {
    describe(name, body);
    return;
  }
  const sentence = `skipped, as nginx is neither in PATH nor in /usr/sbin: ${name}`;
  if (process.env['REQUIRE_NGINX'] === '1') {
    it(name, () => expect.fail(`${sentence}; REQUIRE_NGINX=1 forbids that`));
    return;
  }
  process.stderr.write(`${sentence}\n`);
  describe.skip(name, body);
}

/** An nginx of one worker that serves `<directory>/www` at its port of 127.0.0.1, and under `/slow/` at 20 MB a second. */
export class Nginx {
  readonly #directory: string;
  readonly #port: number;
  #child: ChildProcess | undefined;
  #log = '';

  constructor(directory: string, port: number) {
    this.#directory = directory;
    this.#port = port;
    mkdirSync(join(directory, 'www'), { recursive: true });
    writeFileSync(
      join(directory, 'nginx.conf'),
      `daemon off; worker_processes 1; pid ${directory}/pid; error_log stderr warn;
       ${process.getuid?.() === 0 ? 'user root;' : ''}
       events {}
       http {
         access_log ${directory}/access.log combined;
         log_format ranges '$status $http_range';
         access_log ${directory}/ranges.log ranges;
         client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy; fastcgi_temp_path ${directory}/fastcgi;
         uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
         server {
           listen 127.0.0.1:${port};
           root ${directory}/www;
           location /slow/ { alias ${directory}/www/; limit_rate 20m; }
         }
       }`,
    );
  }

  async start(): Promise<void> {
    const words = ['-p', this.#directory, '-c', join(this.#directory, 'nginx.conf'), '-e', 'stderr'];
    const child = spawn(findNginx() ?? '', words, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    child.stderr.on('data', (chunk) => {
      this.#log += chunk;
    });
    const isUp = () =>
      fetch(this.url('/')).catch((error: unknown) => Promise.reject(new Error(this.#log, { cause: error })));
    await vi.waitFor(isUp, { timeout: 10_000, interval: 20 });
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }

  /** Status and Range of each answer that is over, of those for files. */
  ranges(): string[] {
    return readFileSync(join(this.#directory, 'ranges.log'), 'utf8').trim().split('\n').slice(1);
  }

  /** The master starts another worker when this one is killed. */
  signalWorker(signal: NodeJS.Signals): void {
    const worker = execFileSync('pgrep', ['-P', String(this.#child?.pid)])
      .toString()
      .trim();
    process.kill(Number(worker), signal);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
}
