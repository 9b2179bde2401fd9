import type { CreateJobCommandInput } from '@aws-sdk/client-iot';

/** One of the demo's jobs, in the order in which they are created, and how it must end. */
export interface DemoJob {
  readonly jobId: string;
  readonly about: string;
  /** A document, or a template that AWS manages. */
  readonly input: Pick<
    CreateJobCommandInput,
    'document' | 'jobTemplateArn' | 'documentParameters' | 'presignedUrlConfig'
  >;
  readonly expected: 'SUCCEEDED' | 'FAILED' | 'REJECTED';
}

/** What the second job downloads, as it lies in the simulator's stand-in for S3. */
export const DEMO_OBJECT = { path: 'releases/greeting.txt', content: 'Greetings from the object store.\n' };

const PRESIGNED = `\${aws:iot:s3-presigned-url:https://s3.us-east-1.amazonaws.com/${DEMO_OBJECT.path}}`;

function step(name: string, type: string, more: object): unknown {
  return { action: { name, type, ...more } };
}

function command(name: string, line: string): unknown {
  return step(name, 'runCommand', { input: { command: line } });
}

function document(content: object): { readonly document: string } {
  return { document: JSON.stringify(content) };
}

/** @param directory where the device may write. */
export function demoJobs(directory: string): readonly DemoJob[] {
  const file = `${directory}/greeting.txt`;
  return [
    {
      jobId: 'from-template',
      about: "AWS's managed template AWS-Run-Command",
      input: {
        jobTemplateArn: 'arn:aws:iot:us-east-1::jobtemplate/AWS-Run-Command:1.0',
        documentParameters: { command: 'uname,-sr' },
      },
      expected: 'SUCCEEDED',
    },
    {
      jobId: 'download',
      about: 'a file from a presigned URL, and then what is in it',
      input: {
        ...document({
          version: '1.0',
          includeStdOut: true,
          steps: [
            step('fetch', 'downloadFile', { input: { url: PRESIGNED, path: file } }),
            command('show', `cat,${file}`),
          ],
        }),
        presignedUrlConfig: { roleArn: 'arn:aws:iam::123456789012:role/presigner' },
      },
      expected: 'SUCCEEDED',
    },
    {
      jobId: 'greeting',
      about: 'for the plug-in scripts/demo/greeting-plugin.mjs',
      input: document({ greet: ['Ada', 'Grace', 'Barbara'] }),
      expected: 'SUCCEEDED',
    },
    {
      jobId: 'fails-and-tidies',
      about: 'a step that fails, and fails again; then a cleanup',
      input: document({
        version: '1.0',
        steps: [step('list', 'runCommand', { input: { command: 'ls,/does-not-exist' }, retry: { attempts: 1 } })],
        cleanup: [command('tidy', `rm,-v,${file}`)],
      }),
      expected: 'FAILED',
    },
    {
      jobId: 'forbidden',
      about: "as root, which the device's own policy does not allow",
      input: document({
        version: '1.0',
        steps: [step('whoami', 'runCommand', { input: { command: 'id' }, runAsUser: 'root' })],
      }),
      expected: 'REJECTED',
    },
  ];
}
