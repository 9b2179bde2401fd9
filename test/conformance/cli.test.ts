import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ARN, ConformanceLab, START, targetArn } from '../support/conformance-lab.ts';

/** A handful of commands of AWS's CLI, as Debian packages it. */
const AWS = '/usr/bin/aws';
let lab: ConformanceLab;

beforeAll(async () => {
  lab = await ConformanceLab.start();
});

afterAll(() => lab?.close());

/** Not every machine has it: without it the tests skip and say so; with REQUIRE_AWSCLI=1 that is a failure. */
function describeWithCli(name: string, body: () => void): void {
  if (existsSync(AWS)) {
    describe(name, body);
    return;
  }
  const sentence = `skipped, as there is no ${AWS}: ${name}`;
  if (process.env['REQUIRE_AWSCLI'] === '1') {
    it(name, () => expect.fail(`${sentence}; REQUIRE_AWSCLI=1 forbids that`));
    return;
  }
  process.stderr.write(`${sentence}\n`);
  describe.skip(name, body);
}

/** Runs a command against the simulator and returns what it printed, parsed; nothing printed: undefined. */
async function aws(...words: readonly string[]): Promise<unknown> {
  // Nothing of the machine's own AWS configuration takes part.
  const none = join(lab.directory, 'no-aws-config');
  const { stdout } = await promisify(execFile)(AWS, ['--endpoint-url', lab.url, '--output', 'json', ...words], {
    env: {
      PATH: '/usr/bin:/bin',
      HOME: lab.directory,
      ...{ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_DEFAULT_REGION: 'us-east-1' },
      ...{ AWS_CONFIG_FILE: none, AWS_SHARED_CREDENTIALS_FILE: none, AWS_EC2_METADATA_DISABLED: 'true' },
      ...{ AWS_PAGER: '', AWS_MAX_ATTEMPTS: '1' },
    },
  });
  return stdout.trim() === '' ? undefined : (JSON.parse(stdout) as unknown);
}

describeWithCli('the AWS CLI', () => {
  it('takes a job from its creation to its end, and shows its times with fractions of a second (AWS CLI command reference, iot, iot-jobs-data)', async () => {
    const thing = await lab.thing();
    const document = join(lab.directory, 'job.json');
    writeFileSync(document, '{"do":"it"}');
    const created = await aws(
      ...['iot', 'create-job', '--job-id', 'cli', '--targets', targetArn(thing)],
      ...['--document', `file://${document}`, '--description', 'by hand'],
    );
    expect(created).toEqual({ jobArn: `${ARN}:job/cli`, jobId: 'cli', description: 'by hand' });
    expect(await aws('iot-jobs-data', 'start-next-pending-job-execution', '--thing-name', thing)).toMatchObject({
      execution: { jobId: 'cli', thingName: thing, status: 'IN_PROGRESS', jobDocument: '{"do":"it"}' },
    });
    await aws(
      ...['iot-jobs-data', 'update-job-execution', '--job-id', 'cli', '--thing-name', thing],
      ...['--status', 'SUCCEEDED', '--status-details', 'took=3s'],
    );
    const { job } = (await aws('iot', 'describe-job', '--job-id', 'cli')) as { job: { createdAt: string } };
    expect(job).toMatchObject({ status: 'COMPLETED', jobProcessDetails: { numberOfSucceededThings: 1 } });
    expect(Date.parse(job.createdAt)).toBe(START);
  });

  it('reads all pages of a list by itself (AWS CLI command reference, iot list-things)', async () => {
    const things = await lab.things(5);
    const listed = (await aws('iot', 'list-things', '--page-size', '2')) as { things: { thingName: string }[] };
    expect(listed.things.map(({ thingName }) => thingName)).toEqual(expect.arrayContaining(things));
  });

  it('names the exception of a refusal (AWS CLI command reference, iot delete-job)', async () => {
    await lab.createJob('running', await lab.thing());
    await expect(aws('iot', 'delete-job', '--job-id', 'running')).rejects.toMatchObject({
      stderr: expect.stringContaining('(InvalidStateTransitionException) when calling the DeleteJob operation'),
    });
  });
});
