import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { defineHandler } from '../../src/index.ts';
import { runHandler } from '../../src/testing/index.ts';

const resize = defineHandler({
  name: 'resize',
  schema: v.object({ width: v.number('expected a number'), unit: v.optional(v.string(), 'px') }),
  async run({ job, reportProgress, saveProgress, log }) {
    expectTypeOf(job.document).toEqualTypeOf<{ width: number; unit: string }>();
    log.info({ width: job.document.width }, 'resizing');
    reportProgress({ percent: 50 });
    await saveProgress({ half: true });
    reportProgress({ percent: 100 });
    return { status: 'SUCCEEDED', statusDetails: { size: `${job.document.width} ${job.document.unit}` } };
  },
});

describe('runHandler', () => {
  test('tells the status, the details, and all that the handler did on the way', async () => {
    expect(await runHandler(resize, { document: { width: 3 } })).toEqual({
      status: 'SUCCEEDED',
      statusDetails: { size: '3 px' },
      progress: [{ percent: '50' }, { percent: '100' }],
      savedProgress: { half: true },
      log: [{ level: 'info', fields: { width: 3 }, message: 'resizing' }],
      output: { stdout: '', stderr: '' },
    });
  });

  test('rejects a document as the agent would: declined, or with every problem', async () => {
    expect(await runHandler(resize, { document: { width: 'wide' } })).toMatchObject({
      status: 'REJECTED',
      statusDetails: { reason: 'it declines this document: width: expected a number' },
    });
    const picky = defineHandler({ ...resize, accepts: () => true });
    expect(await runHandler(picky, { document: {} })).toMatchObject({
      status: 'REJECTED',
      statusDetails: { reason: expect.stringMatching(/^width: /) },
    });
  });

  test('gives what is asked for, and a scratch directory that is gone afterwards', async () => {
    let directory = '';
    const handler = defineHandler({
      name: 'asks',
      accepts: () => true,
      run({ job, attempt, lastProgress, rebooted, scratchDirectory }) {
        directory = scratchDirectory;
        writeFileSync(join(scratchDirectory, 'file'), '');
        return {
          status: 'SUCCEEDED',
          statusDetails: { thing: job.thingName, attempt, rebooted, last: JSON.stringify(lastProgress) },
        };
      },
    });
    const options = { document: {}, thingName: 'pi', attempt: 3, rebooted: true, lastProgress: { page: 4 } };
    expect((await runHandler(handler, options)).statusDetails).toEqual({
      thing: 'pi',
      attempt: '3',
      rebooted: 'true',
      last: '{"page":4}',
    });
    expect(existsSync(directory)).toBe(false);
  });

  test.each<[string, () => never | object, object]>([
    [
      'a throw',
      () => {
        throw new Error('no space\nleft');
      },
      { status: 'FAILED', statusDetails: { reason: 'no space | left' } },
    ],
    ['LATER', () => ({ status: 'LATER', reason: 'dark' }), { status: 'LATER', statusDetails: { reason: 'dark' } }],
    ['REBOOT', () => ({ status: 'REBOOT' }), { status: 'REBOOT', statusDetails: {} }],
    [
      'a result that is none',
      () => ({ status: 'OK' }),
      { status: 'FAILED', statusDetails: { reason: expect.stringContaining('expected SUCCEEDED, FAILED') } },
    ],
    [
      'a secret',
      () => ({ status: 'SUCCEEDED', statusDetails: { password: 'hunter2' } }),
      { statusDetails: { password: '[redacted]' } },
    ],
  ])('of %s tells what the cloud would hear', async (_title, run, expected) => {
    const handler = { name: 'x', accepts: () => true, run: async () => JSON.parse(JSON.stringify(run())) };
    expect(await runHandler(handler, { document: null })).toMatchObject(expected);
  });

  test('can abort in the middle: heeding the signal is an interruption, and ignoring it is one after the grace', async () => {
    for (const heeds of [true, false]) {
      const abort = new AbortController();
      const handler = defineHandler({
        name: 'long',
        accepts: () => true,
        async run({ signal, reportProgress }) {
          reportProgress({ phase: 'started' });
          await new Promise((_resolve, reject) => {
            if (heeds) signal.addEventListener('abort', () => reject(signal.reason));
          });
        },
      });
      const options = { document: {}, signal: abort.signal, onProgress: () => abort.abort(), stopGraceMs: 10 };
      expect(await runHandler(handler, options)).toMatchObject({ status: 'INTERRUPTED' });
    }
  });

  test('takes a handler that was written for the first contract, whose functions keep their types', async () => {
    const handler = defineHandler({
      name: 'first',
      accepts: (document) => document === 1,
      run: async ({ job }) => {
        expectTypeOf(job.document).toEqualTypeOf<unknown>();
      },
    });
    expect(await handler.accepts(1)).toBe(true);
    expect(await runHandler(handler, { document: 1 })).toMatchObject({ status: 'SUCCEEDED', statusDetails: {} });
  });

  test('refuses what is no handler', async () => {
    await expect(runHandler({ name: '', accepts: () => true, run: () => undefined }, { document: {} })).rejects.toThrow(
      'the handler: name: expected a non-empty string',
    );
  });
});
