import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface ScriptOptions {
  /** Words to put before `node`: a tool that changes what the process is started with. */
  readonly through?: readonly string[];
}

/**
 * Runs a script in a Node of its own, for what can only be tried with a process that was started in a certain way. In the
 * script, `built(path)` is the URL of a built module, `handlers/program.js`; what it hands to `tell` comes back.
 */
export function runBuiltScript(script: string, { through = [] }: ScriptOptions = {}): Promise<unknown> {
  const dist = pathToFileURL(join(import.meta.dirname, '../../dist/')).href;
  const source = `
    const built = (path) => ${JSON.stringify(dist)} + path;
    const tell = (value) => process.stdout.write(JSON.stringify(value));
    ${script}`;
  const [file = '', ...args] = [...through, process.execPath, '--input-type=module', '-e', source];
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let complained = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complained += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(said));
      else reject(new Error(`the script ended with ${code ?? signal}: ${complained}`));
    });
  });
}
