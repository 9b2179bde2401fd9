import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceLab, MINUTE, refusal, SECOND } from '../support/conformance-lab.ts';
import type { DeviceClient } from '../support/device-client.ts';

/** `${aws:iot:s3-presigned-url:…}` in documents, fetched as a device fetches it; and `documentSource`. */
let lab: ConformanceLab;
const OBJECT = 'https://s3.us-east-1.amazonaws.com/firmware/v2/image.bin';
const PLACEHOLDER = `\${aws:iot:s3-presigned-url:${OBJECT}}`;
const roleArn = 'arn:aws:iam::123456789012:role/presigner';

beforeAll(async () => {
  lab = await ConformanceLab.start();
  await put('firmware/v2/image.bin', 'the image');
});

afterAll(() => lab?.close());

/** Into the simulator's stand-in for S3, as an operator does. */
async function put(path: string, body: string): Promise<void> {
  const response = await fetch(`${lab.url}/_simulator/objects/${path}`, { method: 'PUT', body });
  expect(response.status).toBe(200);
}

async function withJob(
  presignedUrlConfig: object | undefined = { roleArn },
  document: unknown = { files: [{ url: PLACEHOLDER }] },
): Promise<{ device: DeviceClient; jobId: string }> {
  const device = await lab.device();
  const jobId = `job-of-${device.thingName}`;
  await device.listen();
  await lab.createJob(jobId, device.thingName, { document, ...(presignedUrlConfig ? { presignedUrlConfig } : {}) });
  return { device, jobId };
}

/** The URL in a message's execution. */
function urlIn(payload: Readonly<Record<string, unknown>> | undefined): string {
  const { jobDocument } = payload?.['execution'] as { jobDocument: { files: { url: string }[] } };
  return jobDocument.files[0]?.url ?? '';
}

describe('a presigned-URL placeholder', () => {
  it('becomes a URL that gives the object to whoever has it (AWS IoT developer guide, Presigned URLs)', async () => {
    const { device } = await withJob();
    const response = await fetch(urlIn(await device.accepted('start-next')));
    expect([response.status, await response.text()]).toEqual([200, 'the image']);
  });

  it('is replaced anew on each delivery: notify-next, describe, start-next, update, HTTP (API reference, PresignedUrlConfig)', async () => {
    const { device, jobId } = await withJob();
    const [, next] = await device.taken();
    const urls = [urlIn(next?.payload), urlIn(await device.accepted('$next/get'))];
    urls.push(urlIn(await device.accepted(`${jobId}/get`)), urlIn(await device.accepted('start-next')));
    const { jobDocument } = await device.accepted(`${jobId}/update`, {
      status: 'IN_PROGRESS',
      includeJobDocument: true,
    });
    urls.push(urlIn({ execution: { jobDocument } }));
    const { thingName } = device;
    const { execution } = await lab.dataPlane.describeJobExecution({ thingName, jobId });
    urls.push(urlIn({ execution: { jobDocument: JSON.parse(execution?.jobDocument ?? '') } }));
    expect(new Set(urls).size).toBe(6);
    const answers = await Promise.all(urls.map((url) => fetch(url)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  });

  it('is a URL that expires, and is then refused as S3 refuses it (API reference, PresignedUrlConfig)', async () => {
    const { device } = await withJob({ roleArn, expiresInSec: 60 });
    const url = urlIn(await device.accepted('start-next'));
    lab.advance(58 * SECOND);
    expect((await fetch(url)).status).toBe(200);
    lab.advance(2 * SECOND);
    const refused = await fetch(url);
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('<Code>AccessDenied</Code>')]);
    const fresh = urlIn(await device.accepted('start-next'));
    expect((await fetch(fresh)).status).toBe(200);
  });

  it('is a URL of an hour where no time is given (API reference, PresignedUrlConfig)', async () => {
    const { device } = await withJob();
    const url = urlIn(await device.accepted('start-next'));
    expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('3600');
    lab.advance(59 * MINUTE);
    expect((await fetch(url)).status).toBe(200);
    lab.advance(MINUTE);
    expect((await fetch(url)).status).toBe(403);
  });

  it('is a URL that nobody can change (S3 API reference, Authenticating requests: using query parameters)', async () => {
    const { device } = await withJob();
    const url = urlIn(await device.accepted('start-next'));
    await put('firmware/other', 'secret');
    expect((await fetch(url.replace('v2/image.bin', 'other'))).status).toBe(403);
    expect((await fetch(url.replace('X-Amz-Expires=3600', 'X-Amz-Expires=36000'))).status).toBe(403);
    expect((await fetch(url.split('?')[0] ?? '')).status).toBe(403);
  });

  it('stays as it is in GetJobDocument (AWS IoT developer guide, Presigned URLs)', async () => {
    const { jobId } = await withJob();
    const { document = '' } = await lab.iot.getJobDocument({ jobId });
    expect(JSON.parse(document)).toEqual({ files: [{ url: PLACEHOLDER }] });
  });

  it('names an object that is looked for when it is fetched (S3 API reference, Error responses)', async () => {
    const url = PLACEHOLDER.replace('image.bin', 'missing.bin');
    const { device } = await withJob({ roleArn }, { files: [{ url }] });
    const response = await fetch(urlIn(await device.accepted('start-next')));
    expect([response.status, await response.text()]).toEqual([404, expect.stringContaining('<Code>NoSuchKey</Code>')]);
  });

  it('needs a presignedUrlConfig (API reference, CreateJob)', async () => {
    const refused = lab.createJob('refused', await lab.thing(), { document: { url: PLACEHOLDER } });
    await expect(refused).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  });

  it.each([59, 3601])('is no URL for %d seconds (API reference, PresignedUrlConfig)', async (expiresInSec) => {
    await expect(withJob({ roleArn, expiresInSec })).rejects.toMatchObject(refusal('InvalidRequestException', 400));
  });

  it('stands in a document ten times at most (AWS IoT developer guide, AWS IoT Jobs limits)', async () => {
    const urls = (count: number) => ({ files: Array.from({ length: count }, () => ({ url: PLACEHOLDER })) });
    await expect(withJob({ roleArn }, urls(11))).rejects.toMatchObject(refusal('InvalidRequestException', 400));
    const { device } = await withJob({ roleArn }, urls(10));
    expect((await fetch(urlIn(await device.accepted('start-next')))).status).toBe(200);
  });
});

describe('documentSource', () => {
  it('is the S3 URL of the document, and shown with the job (API reference, CreateJob, DescribeJob)', async () => {
    await put('documents/job.json', '{"from":"s3"}');
    const documentSource = 'https://documents.s3.us-east-1.amazonaws.com/job.json';
    const device = await lab.device();
    await lab.createJob('from-s3', device.thingName, { documentSource });
    expect(await device.accepted('start-next')).toMatchObject({ execution: { jobDocument: { from: 's3' } } });
    expect((await lab.iot.describeJob({ jobId: 'from-s3' })).documentSource).toBe(documentSource);
  });

  it('that names no object is refused (our decision)', async () => {
    const documentSource = 'https://documents.s3.us-east-1.amazonaws.com/nothing.json';
    await expect(lab.createJob('refused', await lab.thing(), { documentSource })).rejects.toMatchObject(
      refusal('InvalidRequestException', 400),
    );
  });
});
