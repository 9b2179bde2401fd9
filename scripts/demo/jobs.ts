/** The demo's four jobs, in the order in which they are created, and how each must end. */
export interface DemoJob {
  readonly jobId: string;
  readonly about: string;
  readonly document: unknown;
  readonly expected: 'SUCCEEDED' | 'FAILED' | 'REJECTED';
}

function command(name: string, line: string): unknown {
  return { action: { name, type: 'runCommand', input: { command: line } } };
}

export const demoJobs: readonly DemoJob[] = [
  {
    jobId: 'two-commands',
    about: 'two steps of the AWS job document schema',
    document: {
      version: '1.0',
      steps: [command('greet', 'echo,hello from the device'), command('kernel', 'uname,-sr')],
    },
    expected: 'SUCCEEDED',
  },
  {
    jobId: 'greeting',
    about: 'for the plug-in scripts/demo/greeting-plugin.mjs',
    document: { greet: ['Ada', 'Grace', 'Barbara'] },
    expected: 'SUCCEEDED',
  },
  {
    jobId: 'failing-command',
    about: 'a command that fails',
    document: { version: '1.0', steps: [command('list', 'ls,/does-not-exist')] },
    expected: 'FAILED',
  },
  {
    jobId: 'nobody-can',
    about: 'a document that no handler accepts',
    document: { brew: 'coffee' },
    expected: 'REJECTED',
  },
];
