import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { StorageGate } from '../../src/agent/storage-gate.ts';
import { ThingAgentError } from '../../src/errors.ts';
import { ManualClock } from '../support/manual-clock.ts';

let directory: string;
let clock: ManualClock;
let lines: string[];
let changes: (string | undefined)[];
let fault: Error | undefined;
let gate: StorageGate;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gate-'));
  clock = new ManualClock();
  lines = [];
  changes = [];
  fault = undefined;
  const take = (_: object, text: string) => void lines.push(text);
  gate = new StorageGate({
    stateDirectory: directory,
    journal: {
      probe: () => {
        if (fault) throw fault;
      },
    },
    clock,
    log: { debug: () => undefined, info: take, warn: take, error: take },
    onChange: (trouble) => changes.push(trouble),
  });
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const unavailable = () => new ThingAgentError('JOURNAL_UNAVAILABLE', 'the disk is full', { retryable: true });

it('is open where there is room, and asks for no time', () => {
  expect(gate.isOpen()).toBe(true);
  expect(clock.waits).toBe(0);
});

it('closes where nothing can be written, says so once, and opens by itself', () => {
  renameSync(directory, `${directory}.away`);
  expect(gate.isOpen()).toBe(false);
  expect(gate.isOpen()).toBe(false);
  clock.advance(3_600_000);
  expect(gate.isOpen()).toBe(false);
  expect(lines).toEqual(['the storage fails: no new job is taken until it does not']);
  expect(changes).toEqual([expect.stringContaining('cannot be written: ENOENT')]);
  renameSync(`${directory}.away`, directory);
  clock.advance(60_000);
  expect(lines.at(-1)).toBe('the storage can be used again: jobs are taken');
  expect(changes.at(-1)).toBeUndefined();
  expect(gate.isOpen()).toBe(true);
  expect(clock.waits).toBe(0);
});

it('closes when the journal fails, and opens when the journal has been written again', () => {
  fault = unavailable();
  gate.failed(fault);
  gate.failed(unavailable());
  expect(changes).toEqual(['the disk is full']);
  clock.advance(600_000);
  expect(gate.isOpen()).toBe(false);
  fault = undefined;
  clock.advance(60_000);
  expect(gate.isOpen()).toBe(true);
  expect(changes).toEqual(['the disk is full', undefined]);
});

it('looks soon at first, and then once a minute at least', () => {
  fault = unavailable();
  gate.failed(fault);
  fault = undefined;
  clock.advance(1_000);
  expect(gate.isOpen()).toBe(true);
});

it('waits for nothing once it is stopped', () => {
  gate.failed(unavailable());
  expect(clock.waits).toBe(1);
  gate.stop();
  expect(clock.waits).toBe(0);
  gate.failed(unavailable());
  expect(clock.waits).toBe(0);
});
