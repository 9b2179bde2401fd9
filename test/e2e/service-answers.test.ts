import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { commands } from '../support/lab.ts';
import { ScriptedService, type ServiceAnswer, type ServiceRequest } from '../support/scripted-service.ts';

let service: ScriptedService;

afterEach(() => service.close());

const summary = (jobId: string, queuedAt: unknown = 1_700_000_000) => ({
  jobId,
  executionNumber: 1,
  versionNumber: 1,
  queuedAt,
  lastUpdatedAt: queuedAt,
});
const touch = (name: string) => commands(['sh', '-c', `echo x >> ${service.file(name)}`]);
const accepted = (answer: object = {}): ServiceAnswer => ({ accepted: answer });

/** Where the test says nothing, one job is there, and updates are taken. */
async function startService(
  answer: (request: ServiceRequest, nth: number) => ServiceAnswer | undefined,
  document: () => unknown = () => touch('ran'),
): Promise<void> {
  let state = { status: 'QUEUED', versionNumber: 1 };
  service = new ScriptedService((request, nth) => {
    const own = answer(request, nth);
    if (own) return own;
    if (request.operation === 'get') return accepted({ queuedJobs: nth === 0 ? [summary('job')] : [] });
    if (request.operation === 'job/get') {
      return accepted({ execution: { ...summary('job'), ...state, jobDocument: document() } });
    }
    state = { status: String(request.body['status']), versionNumber: state.versionNumber + 1 };
    return accepted({ executionState: state });
  });
  await service.start();
}

/** Refuses with the code what the test picks, and from then on to describe it. */
function refusing(code: string, picks: (request: ServiceRequest) => boolean) {
  let refused = false;
  return (request: ServiceRequest): ServiceAnswer | undefined => {
    if (picks(request)) refused = true;
    else if (!refused || request.operation !== 'job/get') return undefined;
    return { rejected: code };
  };
}

const isUpdate = ({ operation }: ServiceRequest) => operation === 'job/update';
const isResult = (request: ServiceRequest) => isUpdate(request) && request.body['status'] !== 'IN_PROGRESS';

const updates = () => service.requests.filter((r) => r.operation === 'job/update').map((r) => r.body);
const final = () => updates().filter((body) => body['status'] !== 'IN_PROGRESS');

describe('a claim', () => {
  it.each([
    'InvalidStateTransition',
    'ResourceNotFound',
    'TerminalStateReached',
  ])('that is rejected with %s never runs, and the list is asked for again', async (code) => {
    await startService(refusing(code, isUpdate));
    const agent = service.startAgent();
    await agent.message('no longer wants');
    await expect.poll(() => service.count('get')).toBe(2);
    expect(existsSync(service.file('ran'))).toBe(false);
  });

  it('that is throttled is tried again, and runs once it is accepted', async () => {
    await startService(({ operation }, nth) =>
      operation === 'job/update' && nth < 2 ? { rejected: 'RequestThrottled' } : undefined,
    );
    service.startAgent();
    await expect.poll(() => final()).toHaveLength(1);
    expect(readFileSync(service.file('ran'), 'utf8')).toBe('x\n');
  });

  it('that is not answered within 10 s never runs', async () => {
    await startService(({ operation }) => (operation === 'job/update' ? 'silent' : undefined));
    const agent = service.startAgent();
    await agent.line((line) => JSON.stringify(line).includes('JOBS_UNANSWERED'), 'JOBS_UNANSWERED');
    expect(existsSync(service.file('ran'))).toBe(false);
  });

  it('carries the execution number and the version that was described, and so does what follows', async () => {
    await startService(() => undefined);
    service.startAgent();
    await expect.poll(() => final()).toHaveLength(1);
    expect(updates()).toMatchObject([
      { executionNumber: 1, expectedVersion: 1, status: 'IN_PROGRESS' },
      { executionNumber: 1, expectedVersion: 2, status: 'SUCCEEDED' },
    ]);
    // Once for the document; once after the claim, for what was claimed might be another job of its id.
    expect(service.count('job/get')).toBe(2);
  });
});

describe('a result', () => {
  it.each([
    'InternalError',
    'RequestThrottled',
    'SomethingNew',
  ])('that is rejected with %s is sent again until it is accepted', async (code) => {
    await startService(({ operation, body }) => {
      if (operation !== 'job/update' || body['status'] === 'IN_PROGRESS') return undefined;
      return final().length < 2 ? { rejected: code } : accepted();
    });
    const agent = service.startAgent();
    await agent.message(/^reported$/);
    expect(final()).toHaveLength(2);
  });

  it.each([
    'ResourceNotFound',
    'InvalidStateTransition',
  ])('that is rejected with %s is settled: it is not sent again after a restart', async (code) => {
    await startService(refusing(code, isResult));
    const agent = service.startAgent();
    await agent.message('ended this execution already');
    await agent.stop();
    const again = service.startAgent();
    await again.message(/^pending jobs$/);
    await again.stop();
    expect(final()).toHaveLength(1);
  });

  it.each([
    'ResourceNotFound',
    'InvalidStateTransition',
    'TerminalStateReached',
    'VersionMismatch',
  ])('that is rejected with %s by mishap, for the execution is still there, is sent again', async (code) => {
    await startService((request) => (isResult(request) && final().length === 1 ? { rejected: code } : undefined));
    const agent = service.startAgent();
    await agent.message(/^reported$/);
    expect(final()).toHaveLength(2);
  });

  it('is not given to another job of the same id', async () => {
    await startService((request) => {
      if (isResult(request)) return { rejected: 'VersionMismatch' };
      if (request.operation !== 'job/get' || final().length === 0) return undefined;
      return accepted({ execution: { ...summary('job', 1_700_000_500), status: 'QUEUED' } });
    });
    const agent = service.startAgent();
    await agent.message('ended this execution already');
    expect(final()).toHaveLength(1);
  });

  it('whose details the service refuses is reported without them: the outcome is not lost', async () => {
    await startService(({ operation, body }) =>
      operation === 'job/update' && body['status'] !== 'IN_PROGRESS' && final().length === 1
        ? { rejected: 'InvalidRequest' }
        : undefined,
    );
    const agent = service.startAgent();
    await agent.message(/^reported$/);
    expect(final()).toMatchObject([{ status: 'SUCCEEDED' }, { status: 'SUCCEEDED' }]);
    expect(final()[1]?.['statusDetails']).toEqual({ reason: 'status details were refused by the service' });
  });
});

describe('the pending list', () => {
  it('that is rejected is asked for again', async () => {
    await startService(({ operation }, nth) =>
      operation === 'get' && nth === 0 ? { rejected: 'RequestThrottled' } : undefined,
    );
    const agent = service.startAgent();
    await agent.message(/^pending jobs$/);
    expect(service.count('get')).toBe(2);
  });

  it('that is no JSON is asked for again, and the agent stays alive', async () => {
    await startService(({ operation }, nth) => (operation === 'get' && nth === 0 ? { raw: 'no json' } : undefined));
    const agent = service.startAgent();
    await agent.message(/^pending jobs$/);
  });

  it('with 13-digit times and a document that is a string is understood', async () => {
    await startService(
      ({ operation }) =>
        operation === 'get' ? accepted({ queuedJobs: [summary('job', 1_700_000_000_123)] }) : undefined,
      () => JSON.stringify(touch('ran')),
    );
    service.startAgent();
    await expect.poll(() => final()).toMatchObject([{ status: 'SUCCEEDED' }]);
  });
});

describe('a notification', () => {
  it('that brings the document spares the describe before the claim', async () => {
    await startService(({ operation }) => (operation === 'get' ? accepted({}) : undefined));
    const agent = service.startAgent();
    await agent.message(/^pending jobs$/);
    service.publish('notify-next', { execution: { ...summary('job'), status: 'QUEUED', jobDocument: touch('ran') } });
    await expect.poll(() => final()).toHaveLength(1);
    const describes = service.requests.filter(({ operation }) => operation === 'job/get');
    expect(describes.map(({ body }) => body['includeJobDocument'])).toEqual([false]);
  });

  it('of the execution that runs already does not run it twice', async () => {
    const document = () =>
      commands([
        'sh',
        '-c',
        `echo x >> ${service.file('ran')}; until [ -e ${service.file('go')} ]; do sleep 0.05; done`,
      ]);
    await startService(() => undefined, document);
    const agent = service.startAgent({ jobs: { concurrency: 3 } });
    await expect.poll(() => existsSync(service.file('ran'))).toBe(true);
    const execution = { ...summary('job'), status: 'IN_PROGRESS', jobDocument: document() };
    for (let i = 0; i < 3; i += 1) {
      service.publish('notify-next', { timestamp: 1_800_000_000, execution });
      service.publish('notify', { timestamp: 1_800_000_000, jobs: { IN_PROGRESS: [summary('job')] } });
    }
    writeFileSync(service.file('go'), '');
    await agent.message(/^reported$/);
    service.publish('notify', { timestamp: 1_800_000_001, jobs: { QUEUED: [summary('job')] } });
    await agent.line((line) => line['source'] === 'notify' && line['listed'] === 1, 'the late notify');
    expect(readFileSync(service.file('ran'), 'utf8')).toBe('x\n');
    expect(final()).toHaveLength(1);
  });
});
