// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of job documents are written so
import { expect, test } from 'vitest';
import { parseJobDocument } from '../../../../src/execution/document-parser.ts';
import { substituteParameters } from '../../../../src/simulator/jobs/document-substitution.ts';
import { managedTemplates } from '../../../../src/simulator/jobs/templates/managed-template-data.ts';
import { ManagedTemplates } from '../../../../src/simulator/jobs/templates/managed-templates.ts';

const NAMES = [
  'AWS-Reboot',
  'AWS-Download-File',
  'AWS-Install-Application',
  'AWS-Remove-Application',
  'AWS-Start-Application',
  'AWS-Stop-Application',
  'AWS-Restart-Application',
  'AWS-Run-Command',
];
const templates = new ManagedTemplates('eu-west-1');

/** By the schema 1.0 of AWS IoT Device Client: the fields of an action and their types. */
interface Action {
  name: string;
  type: string;
  input: { handler?: string; args?: string[]; path?: string; command?: string };
  runAsUser: string;
}

function actionOf(document: string): Action {
  const { version, steps, ...rest } = JSON.parse(document);
  expect({ version, steps: steps.length, rest }).toEqual({ version: '1.0', steps: 1, rest: {} });
  expect(Object.keys(steps[0])).toEqual(['action']);
  return steps[0].action;
}

function examplesOf(template: ReturnType<ManagedTemplates['describe']>, optional: boolean): Record<string, string> {
  const wanted = template.documentParameters.filter((parameter) => optional || !parameter.optional);
  return Object.fromEntries(wanted.map(({ key, example }) => [key, example]));
}

test('there are the eight of AWS, of version 1.0, for Linux', () => {
  expect(managedTemplates().map(({ templateName }) => templateName)).toEqual(NAMES);
  for (const { templateVersion, environments } of managedTemplates()) {
    expect({ templateVersion, environments }).toEqual({ templateVersion: '1.0', environments: ['LINUX'] });
  }
});

// Printed in the developer guide, "Create a job from AWS managed templates by using the AWS CLI".
test('AWS-Download-File is word for word as the developer guide shows it', () => {
  expect(templates.describe('AWS-Download-File')).toEqual({
    templateName: 'AWS-Download-File',
    templateArn: 'arn:aws:iot:eu-west-1::jobtemplate/AWS-Download-File:1.0',
    description: 'A managed job template for downloading a file.',
    templateVersion: '1.0',
    environments: ['LINUX'],
    documentParameters: [
      {
        key: 'downloadUrl',
        description: 'URL of file to download.',
        regex: '(.*?)',
        example: 'http://www.example.com/index.html',
        optional: false,
      },
      {
        key: 'filePath',
        description: 'Path on the device where downloaded file is written.',
        regex: '(.*?)',
        example: '/path/to/file',
        optional: false,
      },
      {
        key: 'runAsUser',
        description:
          'Execute handler as another user. If not specified, then handler is executed as the same user as device client.',
        regex: '(.){0,256}',
        example: 'user1',
        optional: true,
      },
      {
        key: 'pathToHandler',
        description:
          'Path to handler on the device. If not specified, then device client will use the current working directory.',
        regex: '(.){0,4096}',
        example: '/path/to/handler/script',
        optional: true,
      },
    ],
    document:
      '{"version":"1.0","steps":[{"action":{"name":"Download-File","type":"runHandler","input":{"handler":"download-file.sh","args":["${aws:iot:parameter:downloadUrl}","${aws:iot:parameter:filePath}"],"path":"${aws:iot:parameter:pathToHandler}"},"runAsUser":"${aws:iot:parameter:runAsUser}"}}]}',
  });
});

const user = '${aws:iot:parameter:runAsUser}';
const path = '${aws:iot:parameter:pathToHandler}';
const packages = ['${aws:iot:parameter:packages}'];
const services = ['${aws:iot:parameter:services}'];

// Printed in the developer guide, "Use AWS managed templates to deploy common remote operations".
test.each([
  ['AWS-Reboot', { handler: 'reboot.sh', path }],
  ['AWS-Install-Application', { handler: 'install-packages.sh', args: packages, path }],
  ['AWS-Remove-Application', { handler: 'remove-packages.sh', args: packages, path }],
  ['AWS-Start-Application', { handler: 'start-services.sh', args: services, path }],
  ['AWS-Stop-Application', { handler: 'stop-services.sh', args: services, path }],
  ['AWS-Restart-Application', { handler: 'restart-services.sh', args: services, path }],
])('the document of %s is that of the developer guide', (name, input) => {
  expect(actionOf(templates.describe(name).document)).toEqual({
    name: name.slice('AWS-'.length),
    type: 'runHandler',
    input,
    runAsUser: user,
  });
});

test('the document of AWS-Run-Command is that of the developer guide', () => {
  expect(actionOf(templates.describe('AWS-Run-Command').document)).toEqual({
    name: 'Run-Command',
    type: 'runCommand',
    input: { command: '${aws:iot:parameter:command}' },
    runAsUser: user,
  });
});

test.each(NAMES)('with its examples %s is a document of schema 1.0', (name) => {
  const template = templates.describe(name);
  const { document, documentParameters } = template;
  const all = examplesOf(template, true);
  const action = actionOf(substituteParameters(document, all, documentParameters));
  expect(JSON.stringify(action)).not.toContain('${');
  expect(action).toEqual({
    name: expect.any(String),
    type: action.type,
    input: expect.any(Object),
    runAsUser: 'user1',
  });
  const { input } = action;
  if (action.type === 'runCommand') {
    expect(Object.keys(input)).toEqual(['command']);
    expect(input.command).toBe(all['command']);
  } else {
    expect(action.type).toBe('runHandler');
    expect(input.handler).toMatch(/^[a-z-]+\.sh$/);
    expect(input.path).toBe('/path/to/handler/script');
    expect(input.args ?? []).toEqual(Object.values(examplesOf(template, false)));
  }
});

test.each(NAMES)('with its required parameters alone the agent understands %s', (name) => {
  const template = templates.describe(name);
  const document = substituteParameters(template.document, examplesOf(template, false), template.documentParameters);
  expect(actionOf(document).runAsUser).toBe('');
  expect(parseJobDocument(JSON.parse(document), [])).toMatchObject({ kind: 'parsed', document: { steps: [{}] } });
});

test('a managed template is found by its whole ARN only', () => {
  expect(templates.byArn('arn:aws:iot:eu-west-1::jobtemplate/AWS-Reboot:1.0')?.templateName).toBe('AWS-Reboot');
  expect(templates.byArn('arn:aws:iot:eu-west-1::jobtemplate/AWS-Reboot')).toBeUndefined();
  expect(templates.byArn('arn:aws:iot:us-east-1::jobtemplate/AWS-Reboot:1.0')).toBeUndefined();
});
