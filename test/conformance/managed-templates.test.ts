import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, refusal } from '../support/conformance-lab.ts';

/** The eight templates that AWS manages, and `documentParameters`. */
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

/** Name → required parameters, handler. */
const TEMPLATES: readonly (readonly [string, readonly string[], string | undefined])[] = [
  ['AWS-Reboot', [], 'reboot.sh'],
  ['AWS-Download-File', ['downloadUrl', 'filePath'], 'download-file.sh'],
  ['AWS-Install-Application', ['packages'], 'install-packages.sh'],
  ['AWS-Remove-Application', ['packages'], 'remove-packages.sh'],
  ['AWS-Start-Application', ['services'], 'start-services.sh'],
  ['AWS-Stop-Application', ['services'], 'stop-services.sh'],
  ['AWS-Restart-Application', ['services'], 'restart-services.sh'],
  ['AWS-Run-Command', ['command'], undefined],
];

function arnOf(templateName: string): string {
  return `arn:aws:iot:us-east-1::jobtemplate/${templateName}:1.0`;
}

interface Step {
  readonly action: {
    readonly name: string;
    readonly type: string;
    readonly input: Readonly<Record<string, unknown>>;
    readonly runAsUser?: string;
  };
}

/** The one step that a device is given of a job from a managed template. */
async function stepOf(jobId: string, templateName: string, documentParameters?: Record<string, string>): Promise<Step> {
  const device = await lab.device();
  const parameters = documentParameters ? { documentParameters } : {};
  await lab.createJob(jobId, device.thingName, { jobTemplateArn: arnOf(templateName), ...parameters });
  const { execution } = await device.accepted('start-next');
  const { version, steps } = (execution as { jobDocument: { version: string; steps: Step[] } }).jobDocument;
  const [step] = steps;
  if (!step) throw new Error('no step');
  expect([version, steps.length]).toEqual(['1.0', 1]);
  return step;
}

describe('the managed templates', () => {
  it('are eight, listed by name (API reference, ListManagedJobTemplates)', async () => {
    const { managedJobTemplates = [] } = await lab.iot.listManagedJobTemplates({});
    expect(managedJobTemplates.map(({ templateName }) => templateName).sort()).toEqual(
      TEMPLATES.map(([name]) => name).sort(),
    );
    const { managedJobTemplates: one } = await lab.iot.listManagedJobTemplates({ templateName: 'AWS-Reboot' });
    expect(one).toEqual([
      {
        templateArn: arnOf('AWS-Reboot'),
        templateName: 'AWS-Reboot',
        description: 'A managed job template for rebooting the device.',
        environments: ['LINUX'],
        templateVersion: '1.0',
      },
    ]);
  });

  it.each(
    TEMPLATES,
  )('have %s, with its parameters and a document of AWS’s schema (AWS IoT developer guide, Use AWS managed templates)', async (templateName, required, handler) => {
    const shown = await lab.iot.describeManagedJobTemplate({ templateName });
    expect(shown).toMatchObject({ templateArn: arnOf(templateName), templateVersion: '1.0', environments: ['LINUX'] });
    const keys = (optional: boolean) =>
      (shown.documentParameters ?? []).filter((one) => (one.optional ?? false) === optional).map(({ key }) => key);
    expect(keys(false)).toEqual(required);
    expect(keys(true)).toEqual(handler ? ['runAsUser', 'pathToHandler'] : ['runAsUser']);
    const { steps } = JSON.parse(shown.document ?? '') as { steps: Step[] };
    expect(steps[0]?.action.input['handler']).toBe(handler);
    expect(steps[0]?.action.runAsUser).toBe(`\${aws:iot:parameter:runAsUser}`);
  });

  it('refuse another name and another version (API reference, DescribeManagedJobTemplate)', async () => {
    const missing = refusal('ResourceNotFoundException', 404);
    await expect(lab.iot.describeManagedJobTemplate({ templateName: 'AWS-Nothing' })).rejects.toMatchObject(missing);
    const future = { templateName: 'AWS-Reboot', templateVersion: '9.0' };
    await expect(lab.iot.describeManagedJobTemplate(future)).rejects.toMatchObject(missing);
  });
});

describe('document parameters', () => {
  it('stand in the document that the device is given (AWS IoT developer guide, Use AWS managed templates)', async () => {
    const { action } = await stepOf('download', 'AWS-Download-File', {
      downloadUrl: 'https://example.com/f',
      filePath: '/tmp/f',
      runAsUser: 'alice',
      pathToHandler: '/opt/handlers',
    });
    expect(action).toEqual({
      name: 'Download-File',
      type: 'runHandler',
      input: { handler: 'download-file.sh', args: ['https://example.com/f', '/tmp/f'], path: '/opt/handlers' },
      runAsUser: 'alice',
    });
  });

  it('that are optional and not given are empty (as AWS IoT Device Client expects)', async () => {
    const { action } = await stepOf('run', 'AWS-Run-Command', { command: 'echo,hello' });
    expect(action).toEqual({
      name: 'Run-Command',
      type: 'runCommand',
      input: { command: 'echo,hello' },
      runAsUser: '',
    });
  });

  it('cannot change the document’s structure (our decision)', async () => {
    const command = `echo,"}]} \\ \${aws:iot:parameter:runAsUser}`;
    const { action } = await stepOf('quoted', 'AWS-Run-Command', { command, runAsUser: 'bob' });
    expect(action.input['command']).toBe(command);
  });

  it('are shown with the job, and not in the view from before substitution (API reference, DescribeJob)', async () => {
    const documentParameters = { command: 'ls' };
    await stepOf('viewed', 'AWS-Run-Command', documentParameters);
    const jobId = 'viewed';
    expect(await lab.job(jobId)).toMatchObject({ documentParameters, jobTemplateArn: arnOf('AWS-Run-Command') });
    const { job } = await lab.iot.describeJob({ jobId, beforeSubstitution: true });
    expect(job).not.toHaveProperty('documentParameters');
    const after = (await lab.iot.getJobDocument({ jobId })).document ?? '';
    const before = (await lab.iot.getJobDocument({ jobId, beforeSubstitution: true })).document ?? '';
    expect(JSON.parse(after)).toMatchObject({ steps: [{ action: { input: { command: 'ls' } } }] });
    expect(JSON.parse(before)).toMatchObject({
      steps: [{ action: { input: { command: `\${aws:iot:parameter:command}` } } }],
    });
  });

  it.each<[string, Record<string, string>]>([
    ['without a required one', {}],
    ['with one that the template does not have', { command: 'ls', colour: 'red' }],
    ['with an empty value', { command: '' }],
    ['with a line end in a value', { command: 'a\nb' }],
    ['with a key of other characters', { command: 'ls', 'a b': 'c' }],
  ])('%s are refused (API reference, CreateJob)', async (_, documentParameters) => {
    await expect(stepOf('refused', 'AWS-Run-Command', documentParameters)).rejects.toMatchObject(
      refusal('InvalidRequestException', 400),
    );
  });

  it('without a managed template are refused (API reference, CreateJob)', async () => {
    const refused = lab.createJob('refused', await lab.thing(), { documentParameters: { a: 'b' } });
    await expect(refused).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  });
});
