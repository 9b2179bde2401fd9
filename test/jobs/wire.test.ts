import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyRejection } from '../../src/jobs/rejection.ts';
import { JobsTopics } from '../../src/jobs/topics.ts';
import {
  parseExecution,
  parseNotify,
  parsePayload,
  parsePendingList,
  parseRejected,
  WireError,
} from '../../src/jobs/wire.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const summary = { jobId: 'j', executionNumber: 1, versionNumber: 1, queuedAt: 1700000000, lastUpdatedAt: 1700000000 };

describe('a pending list (docs/protocol.md, Variants)', () => {
  it.each([
    ['both arrays', { inProgressJobs: [summary], queuedJobs: [] }, 1, 0],
    ['a missing array', { queuedJobs: [summary] }, 0, 1],
    ['no array', {}, 0, 0],
    ['unknown fields', { queuedJobs: [{ ...summary, extra: 1 }], more: true }, 0, 1],
  ])('is read with %s', (_, message, inProgress, queued) => {
    const list = parsePendingList(message);
    expect([list.inProgress.length, list.queued.length, list.unreadable]).toEqual([inProgress, queued, 0]);
  });

  it('takes times in seconds, in 13-digit milliseconds and as text', () => {
    for (const queuedAt of [1700000000, 1700000000123, '1700000000']) {
      expect(parsePendingList({ queuedJobs: [{ ...summary, queuedAt }] }).queued[0]?.queuedAt).toBe(1700000000);
    }
    expect(parsePendingList({ timestamp: 1700000000123 }).timestamp).toBe(1700000000);
  });

  it.each([1e17, 1e30, -1, '9999999999999999'])('counts an entry of time %s as unreadable', (queuedAt) => {
    expect(parsePendingList({ queuedJobs: [{ ...summary, queuedAt }] })).toMatchObject({ queued: [], unreadable: 1 });
    expect(parsePendingList({ timestamp: queuedAt }).timestamp).toBeUndefined();
  });

  it('takes null for what is optional', () => {
    const list = parsePendingList({
      timestamp: null,
      queuedJobs: [{ ...summary, startedAt: null }],
      inProgressJobs: null,
    });
    expect(list).toMatchObject({ timestamp: undefined, unreadable: 0, queued: [summary] });
    expect(list.queued[0]).not.toHaveProperty('startedAt');
  });

  it('costs a bad entry only that entry', () => {
    const list = parsePendingList({ queuedJobs: [{ jobId: '../x', executionNumber: 1 }, summary, 7] });
    expect(list.queued.map((entry) => entry.jobId)).toEqual(['j']);
    expect(list.unreadable).toBe(2);
  });

  it.each([
    ['statuses omitted', { jobs: {} }, 0],
    ['an empty array', { jobs: { QUEUED: [] } }, 0],
    ['no jobs at all', {}, 0],
    ['one queued', { jobs: { QUEUED: [summary] } }, 1],
  ])('is read from notify with %s', (_, message, queued) => {
    expect(parseNotify(message).queued).toHaveLength(queued);
  });
});

describe('an execution', () => {
  it('is absent when nothing is pending', () => {
    expect(parseExecution({})).toBeUndefined();
    expect(parseExecution({ timestamp: 1 })).toBeUndefined();
  });

  it('may come without a thing name and without a status', () => {
    expect(parseExecution({ execution: summary })).toMatchObject({ jobId: 'j', status: 'QUEUED' });
  });

  it('has its document as an object or as a string of JSON', () => {
    const document = { version: '1.0' };
    expect(parseExecution({ execution: { ...summary, jobDocument: document } })?.jobDocument).toEqual(document);
    expect(parseExecution({ execution: { ...summary, jobDocument: JSON.stringify(document) } })?.jobDocument).toEqual(
      document,
    );
    expect(parseExecution({ execution: { ...summary, jobDocument: 'not json' } })?.jobDocument).toBe('not json');
  });

  it('that is no execution is refused with its path', () => {
    expect(() => parseExecution({ execution: { jobId: 'j' } })).toThrow(/executionNumber/);
  });
});

describe('a payload', () => {
  it('that is empty is an empty object', () => {
    expect(parsePayload(new Uint8Array())).toEqual({});
  });

  it.each(['[]', '1', 'null', '"x"', '{', 'x'])('%s is refused', (text) => {
    expect(() => parsePayload(bytes(text))).toThrow(WireError);
  });

  it('of any bytes is read or refused, never anything else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(bytes)), (payload) => {
        try {
          const message = parsePayload(payload);
          parsePendingList(message);
          parseNotify(message);
          parseRejected(message);
          parseExecution(message);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { interruptAfterTimeLimit: 3_000, markInterruptAsFailure: false },
    );
  });

  it('of any shape of execution is read or refused', () => {
    const field = fc.oneof(fc.jsonValue(), fc.constant(summary), fc.constant('QUEUED'), fc.integer());
    fc.assert(
      fc.property(fc.record({ execution: field, inProgressJobs: field, queuedJobs: field, jobs: field }), (message) => {
        expect(() => parsePendingList(message)).not.toThrow();
        expect(() => parseNotify(message)).not.toThrow();
        try {
          parseExecution(message);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { interruptAfterTimeLimit: 3_000, markInterruptAsFailure: false },
    );
  });
});

describe('a rejection', () => {
  it.each([
    ['InvalidTopic', 'invalid'],
    ['InvalidJson', 'invalid'],
    ['InvalidRequest', 'invalid'],
    ['InvalidStateTransition', 'final'],
    ['ResourceNotFound', 'gone'],
    ['VersionMismatch', 'reread'],
    ['InternalError', 'retry'],
    ['RequestThrottled', 'retry'],
    ['TerminalStateReached', 'final'],
    ['SomethingNew', 'retry'],
  ])('%s is classed %s', (code, expected) => {
    expect(classifyRejection(code)).toBe(expected);
  });
});

describe('topics', () => {
  const topics = new JobsTopics('pi');

  it('of another thing, or of no answer, are not ours', () => {
    for (const topic of ['$aws/things/pie/jobs/notify', '$aws/things/pi/jobs', '$aws/things/pi/jobs/get', 'x']) {
      expect(topics.parse(topic)).toBeUndefined();
    }
  });

  it('keep the literal $next in an answer', () => {
    expect(topics.parse('$aws/things/pi/jobs/$next/get/accepted')).toEqual({
      kind: 'response',
      request: topics.describe('$next'),
      accepted: true,
    });
  });
});
