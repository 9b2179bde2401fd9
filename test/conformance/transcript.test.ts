import { afterAll, beforeAll, expect, it } from 'vitest';
import { ConformanceLab, SECOND, targetArn } from '../support/conformance-lab.ts';
import { type DeviceClient, isAnswer } from '../support/device-client.ts';

/**
 * The life of three jobs, recorded whole: what the device is sent, in its order; what another client hears that has
 * subscribed to all topics of the thing's jobs; what a monitor of events hears. A field too much or too little, a message
 * too much or too little, another order: each is a difference. The order between clients is no part of it.
 */
let lab: ConformanceLab;
let device: DeviceClient;
let observer: DeviceClient;
let monitor: DeviceClient;
/** When the first job is created; each step is a second later than the one before. */
let start: number;

type Entry = readonly [topic: string, payload: object];

interface Step {
  readonly step: string;
  readonly device: readonly Entry[];
  readonly observer: readonly Entry[];
  readonly monitor: readonly Entry[];
}

const thing = 'thing-1';
const UUID = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

beforeAll(async () => {
  lab = await ConformanceLab.start();
  device = await lab.device();
  observer = await lab.device(thing, 'observer');
  monitor = await lab.device(thing, 'monitor');
  await device.listen();
  await observer.subscribe('#');
  await monitor.subscribe('$aws/events/job/#', '$aws/events/jobExecution/#');
  const on = { Enabled: true };
  await lab.iot.updateEventConfigurations({ eventConfigurations: { JOB: on, JOB_EXECUTION: on } });
  start = lab.now;
});

afterAll(() => lab?.close());

/** What each has been sent because of the act. Times are told as they are: the clock stands still but between steps. */
async function record(step: string, act: () => Promise<unknown>): Promise<Step> {
  await act();
  const entries = async (client: DeviceClient): Promise<Entry[]> => {
    const base = `$aws/things/${thing}/jobs/`;
    const messages = await client.everything();
    for (const { topic, qos, retain } of messages) {
      // Nobody has subscribed to answers here; to all else at QoS 1.
      expect({ topic, qos, retain }).toEqual({ topic, qos: isAnswer(topic) ? 0 : 1, retain: false });
    }
    return messages.map(({ topic, payload }) => [topic.replace(base, ''), payload] as const);
  };
  const recorded = {
    step,
    device: await entries(device),
    observer: await entries(observer),
    monitor: await entries(monitor),
  };
  lab.advance(SECOND);
  return recorded;
}

async function transcript(): Promise<Step[]> {
  const { iot } = lab;
  const create = (jobId: string) => lab.createJob(jobId, thing, { document: { do: jobId }, description: `${jobId}!` });
  return [
    await record('create the first', () => create('first')),
    await record('create the second', () => create('second')),
    await record('ask for what is pending', () => device.request('get', { clientToken: 'a' })),
    await record('start the next', () =>
      device.request('start-next', { clientToken: 'b', statusDetails: { at: '1' } }),
    ),
    await record('report progress', () =>
      device.request('first/update', {
        status: 'IN_PROGRESS',
        statusDetails: { at: '2' },
        includeJobExecutionState: true,
      }),
    ),
    await record('report with a stale version', () =>
      device.request('first/update', { status: 'SUCCEEDED', expectedVersion: 1, clientToken: 'c' }),
    ),
    await record('finish', () => device.request('first/update', { status: 'SUCCEEDED', clientToken: 'd' })),
    await record('look at the next', () => device.request('$next/get', { clientToken: 'e' })),
    await record('start the second', () =>
      device.request('second/update', { status: 'IN_PROGRESS', clientToken: 'f' }),
    ),
    await record('create the third', () => create('third')),
    await record('cancel the second', () => iot.cancelJob({ jobId: 'second', force: true, comment: 'no more' })),
    await record('report too late', () => device.request('second/update', { status: 'SUCCEEDED', clientToken: 'g' })),
    await record('delete the third', () => iot.deleteJob({ jobId: 'third', force: true })),
    await record('look for the third', () => device.request('third/get')),
  ];
}

/** The time of a step in whole seconds. */
function at(step: number): number {
  return start + step;
}

/** Two notifications, which device and observer both hear; or the list alone. */
function both(step: number, jobs: object, ...next: readonly [object?][]): Pick<Step, 'device' | 'observer'> {
  const entries: Entry[] = [['notify', { timestamp: at(step), jobs }]];
  for (const [execution] of next) {
    entries.push(['notify-next', { timestamp: at(step), ...(execution ? { execution } : {}) }]);
  }
  return { device: entries, observer: entries };
}

function alone(topic: string, payload: object): Pick<Step, 'device' | 'observer' | 'monitor'> {
  return { device: [[topic, payload]], observer: [], monitor: [] };
}

function jobEvent(step: number, jobId: string, created: number, operation: string, status: string, more = {}): Entry {
  const payload = {
    ...{ eventType: 'JOB', eventId: UUID, timestamp: at(step), operation, jobId, status },
    ...{ targetSelection: 'SNAPSHOT', targets: [targetArn(thing)], description: `${jobId}!` },
    ...{ createdAt: at(created), lastUpdatedAt: at(step) },
  };
  return [`$aws/events/job/${jobId}/${operation}`, { ...payload, ...more }];
}

function executionEvent(step: number, jobId: string, operation: string, status: string, statusDetails = {}): Entry {
  const payload = { eventType: 'JOB_EXECUTION', eventId: UUID, timestamp: at(step), operation, jobId };
  const thingArn = targetArn(thing);
  return [`$aws/events/jobExecution/${jobId}/${operation}`, { ...payload, thingArn, status, statusDetails }];
}

/** `{ jobId, queuedAt, lastUpdatedAt, executionNumber, versionNumber }`, queued at a step. */
function queued(jobId: string, step: number) {
  return { jobId, queuedAt: at(step), lastUpdatedAt: at(step), executionNumber: 1, versionNumber: 1 };
}

function expected(): Step[] {
  const first = queued('first', 0);
  const second = queued('second', 1);
  const third = queued('third', 9);
  const secondRuns = { ...second, startedAt: at(8), lastUpdatedAt: at(8), versionNumber: 2 };
  const counts = {
    ...{ numberOfCanceledThings: 0, numberOfRejectedThings: 0, numberOfFailedThings: 0 },
    ...{ numberOfRemovedThings: 0, numberOfSucceededThings: 1 },
  };
  const finished = both(6, { QUEUED: [second] }, [{ ...second, status: 'QUEUED', jobDocument: { do: 'second' } }]);
  return [
    {
      step: 'create the first',
      ...both(0, { QUEUED: [first] }, [{ ...first, status: 'QUEUED', jobDocument: { do: 'first' } }]),
      monitor: [],
    },
    { step: 'create the second', ...both(1, { QUEUED: [first, second] }), monitor: [] },
    {
      step: 'ask for what is pending',
      ...alone('get/accepted', { clientToken: 'a', timestamp: at(2), inProgressJobs: [], queuedJobs: [first, second] }),
    },
    {
      step: 'start the next',
      ...alone('start-next/accepted', {
        clientToken: 'b',
        timestamp: at(3),
        execution: {
          ...{ ...first, status: 'IN_PROGRESS', statusDetails: { at: '1' }, startedAt: at(3), lastUpdatedAt: at(3) },
          ...{ versionNumber: 2, jobDocument: { do: 'first' } },
        },
      }),
    },
    {
      step: 'report progress',
      ...alone('first/update/accepted', {
        timestamp: at(4),
        executionState: { status: 'IN_PROGRESS', statusDetails: { at: '2' }, versionNumber: 3 },
      }),
    },
    {
      step: 'report with a stale version',
      ...alone('first/update/rejected', {
        code: 'VersionMismatch',
        message: 'Expected version 1 but found version 3',
        clientToken: 'c',
        timestamp: at(5),
        executionState: { status: 'IN_PROGRESS', statusDetails: { at: '2' }, versionNumber: 3 },
      }),
    },
    {
      step: 'finish',
      device: [['first/update/accepted', { clientToken: 'd', timestamp: at(6) }], ...finished.device],
      observer: finished.observer,
      monitor: [
        executionEvent(6, 'first', 'succeeded', 'SUCCEEDED', { at: '2' }),
        jobEvent(6, 'first', 0, 'completed', 'COMPLETED', { completedAt: at(6), jobProcessDetails: counts }),
      ],
    },
    {
      step: 'look at the next',
      ...alone('$next/get/accepted', {
        clientToken: 'e',
        timestamp: at(7),
        execution: { ...second, status: 'QUEUED', jobDocument: { do: 'second' } },
      }),
    },
    { step: 'start the second', ...alone('second/update/accepted', { clientToken: 'f', timestamp: at(8) }) },
    { step: 'create the third', ...both(9, { IN_PROGRESS: [secondRuns], QUEUED: [third] }), monitor: [] },
    {
      step: 'cancel the second',
      ...both(10, { QUEUED: [third] }, [{ ...third, status: 'QUEUED', jobDocument: { do: 'third' } }]),
      monitor: [
        jobEvent(10, 'second', 1, 'cancellation_in_progress', 'CANCELLATION_IN_PROGRESS', CANCELED),
        executionEvent(10, 'second', 'canceled', 'CANCELED'),
        jobEvent(10, 'second', 1, 'canceled', 'CANCELED', CANCELED),
      ],
    },
    {
      step: 'report too late',
      ...alone('second/update/rejected', {
        code: 'InvalidStateTransition',
        message: expect.any(String),
        clientToken: 'g',
        timestamp: at(11),
        executionState: { status: 'CANCELED', versionNumber: 3 },
      }),
    },
    {
      step: 'delete the third',
      ...both(12, {}, []),
      monitor: [
        jobEvent(12, 'third', 9, 'deletion_in_progress', 'DELETION_IN_PROGRESS'),
        executionEvent(12, 'third', 'deleted', 'DELETED'),
        jobEvent(12, 'third', 9, 'deleted', 'DELETED'),
      ],
    },
    {
      step: 'look for the third',
      ...alone('third/get/rejected', { code: 'ResourceNotFound', message: expect.any(String), timestamp: at(13) }),
    },
  ];
}

const CANCELED = { comment: 'no more' };

it('create, start, update, finish, next, cancel, delete: the transcript on every topic (AWS IoT developer guide, Jobs device MQTT API, Jobs notifications, Jobs events)', async () => {
  expect(await transcript()).toEqual(expected());
});
