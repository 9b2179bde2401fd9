/** A parameter that a managed template declares (API reference, DocumentParameter). */
export interface DocumentParameter {
  readonly key: string;
  readonly description: string;
  /** The whole value must match it. */
  readonly regex: string;
  readonly example: string;
  readonly optional: boolean;
}

/** A managed template as AWS publishes it, but for its ARN, which names the region. */
export interface ManagedTemplate {
  readonly templateName: string;
  readonly description: string;
  readonly templateVersion: string;
  readonly environments: readonly string[];
  readonly documentParameters: readonly DocumentParameter[];
  /** JSON text. */
  readonly document: string;
}

/**
 * The documents stand in the developer guide, "Use AWS managed templates to deploy common remote operations"; each is
 * printed there in full. DescribeManagedJobTemplate answers them without white space ("Create a job from AWS managed
 * templates by using the AWS CLI"). That second page prints one template whole, AWS-Download-File, and the descriptions of
 * four others. What is not printed anywhere follows their wording, and is marked as ours.
 */
function parameter(key: string): string {
  return `\${aws:iot:parameter:${key}}`;
}

/** A description that is not printed for this template follows those that are. */
const RUN_AS_USER: DocumentParameter = {
  key: 'runAsUser',
  description:
    'Execute handler as another user. If not specified, then handler is executed as the same user as device client.',
  regex: '(.){0,256}',
  example: 'user1',
  optional: true,
};

const PATH_TO_HANDLER: DocumentParameter = {
  key: 'pathToHandler',
  description:
    'Path to handler on the device. If not specified, then device client will use the current working directory.',
  regex: '(.){0,4096}',
  example: '/path/to/handler/script',
  optional: true,
};

const DOWNLOAD_URL: DocumentParameter = {
  key: 'downloadUrl',
  description: 'URL of file to download.',
  regex: '(.*?)',
  example: 'http://www.example.com/index.html',
  optional: false,
};

const FILE_PATH: DocumentParameter = {
  key: 'filePath',
  description: 'Path on the device where downloaded file is written.',
  regex: '(.*?)',
  example: '/path/to/file',
  optional: false,
};

/** Regex and example are ours; the description is that of the guide's parameter list. */
function packages(purpose: string): DocumentParameter {
  return {
    key: 'packages',
    description: `A space-separated list of one or more applications to be ${purpose}.`,
    regex: '(.*?)',
    example: 'package1 package2',
    optional: false,
  };
}

/** Regex and example are ours; the description is that of the guide's parameter list. */
function services(purpose: string): DocumentParameter {
  return {
    key: 'services',
    description: `A space-separated list of one or more applications to be ${purpose}.`,
    regex: '(.*?)',
    example: 'service1 service2',
    optional: false,
  };
}

/** Regex and example are ours; the description is that of the guide's parameter list. */
const COMMAND: DocumentParameter = {
  key: 'command',
  description: 'A comma separated string of command. Any comma contained in the command itself must be escaped.',
  regex: '(.*?)',
  example: 'echo,hello world',
  optional: false,
};

/** A template of one step that runs a handler of AWS IoT Device Client with the required parameters as arguments. */
function runHandler(
  action: string,
  handler: string,
  description: string,
  required: readonly DocumentParameter[],
): ManagedTemplate {
  const args = required.length === 0 ? {} : { args: required.map(({ key }) => parameter(key)) };
  const input = { handler, ...args, path: parameter('pathToHandler') };
  const step = { action: { name: action, type: 'runHandler', input, runAsUser: parameter('runAsUser') } };
  return template(action, description, [...required, RUN_AS_USER, PATH_TO_HANDLER], step);
}

function template(
  action: string,
  description: string,
  documentParameters: readonly DocumentParameter[],
  step: object,
): ManagedTemplate {
  return {
    // The guide prints an en dash in the names; the API's answers have the ASCII hyphen.
    templateName: `AWS-${action}`,
    description,
    templateVersion: '1.0',
    environments: ['LINUX'],
    documentParameters,
    document: JSON.stringify({ version: '1.0', steps: [step] }),
  };
}

/** The eight templates that AWS manages, all of them of version 1.0. */
export function managedTemplates(): readonly ManagedTemplate[] {
  return [
    runHandler('Reboot', 'reboot.sh', 'A managed job template for rebooting the device.', []),
    runHandler('Download-File', 'download-file.sh', 'A managed job template for downloading a file.', [
      DOWNLOAD_URL,
      FILE_PATH,
    ]),
    runHandler(
      'Install-Application',
      'install-packages.sh',
      // Ours, after that of AWS-Remove-Application.
      'A managed job template for installing one or more applications.',
      [packages('installed')],
    ),
    runHandler(
      'Remove-Application',
      'remove-packages.sh',
      'A managed job template for uninstalling one or more applications.',
      [packages('uninstalled')],
    ),
    runHandler(
      'Start-Application',
      'start-services.sh',
      // Ours, after that of AWS-Stop-Application.
      'A managed job template for starting one or more system services.',
      [services('started')],
    ),
    runHandler(
      'Stop-Application',
      'stop-services.sh',
      'A managed job template for stopping one or more system services.',
      [services('stopped')],
    ),
    runHandler(
      'Restart-Application',
      'restart-services.sh',
      'A managed job template for restarting one or more system services.',
      [services('restarted')],
    ),
    // The only one without pathToHandler. Its description is ours, after the guide's "for running a shell command".
    template('Run-Command', 'A managed job template for running a shell command.', [COMMAND, RUN_AS_USER], {
      action: {
        name: 'Run-Command',
        type: 'runCommand',
        input: { command: parameter('command') },
        runAsUser: parameter('runAsUser'),
      },
    }),
  ];
}
