import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Faults } from '../faults/faults.ts';
import type { MessageLog } from '../messages/message-log.ts';
import type { MovableClock } from '../movable-clock.ts';
import { isFilter, matchesFilter } from '../mqtt/topic-filter.ts';
import { ServiceError } from '../service-error.ts';
import type { Settings } from '../settings.ts';

/** What the simulator's own endpoints work on (docs/simulator.md). */
export interface SimulatorControl {
  readonly clock: MovableClock;
  readonly settings: Settings;
  readonly faults: Faults;
  readonly messages: MessageLog;
  /** Everything that it knows, but for private keys. */
  state(): object;
  /** Forgets jobs, templates, faults, messages and settings; the registry too, if that is asked for. */
  reset(options: { readonly registry: boolean }): void;
}

/** More than a hundred years could not be meant. */
const LONGEST_ADVANCE_SECONDS = 100 * 365 * 86_400;

/** A reader of the stream that has so much waiting does not read. */
const MOST_UNREAD_BYTES = 8 * 1024 * 1024;

/** `/_simulator/…`: what AWS does not have. Nobody has to be known for it, so the port is for this machine alone. */
export function registerSimulatorRoutes(app: FastifyInstance, control: SimulatorControl): void {
  const { clock, settings, faults, messages } = control;
  const time = () => ({ now: new Date(clock.now()).toISOString(), aheadSeconds: Math.round(clock.ahead / 1000) });

  app.get('/_simulator/state', async () => ({ time: time(), settings: settings.current, ...control.state() }));
  app.post('/_simulator/reset', async (request) => {
    const { registry = false } = bodyOf(request, ['registry']);
    if (typeof registry !== 'boolean')
      throw invalid(`registry: expected true or false, got ${JSON.stringify(registry)}`);
    control.reset({ registry });
    return {};
  });

  app.get('/_simulator/time', async () => time());
  app.post('/_simulator/time', async (request) => {
    const { advanceSeconds } = bodyOf(request, ['advanceSeconds']);
    if (typeof advanceSeconds !== 'number' || !(advanceSeconds >= 0 && advanceSeconds <= LONGEST_ADVANCE_SECONDS)) {
      throw invalid(
        `advanceSeconds: expected a number from 0 to ${LONGEST_ADVANCE_SECONDS}, got ${JSON.stringify(advanceSeconds)}`,
      );
    }
    clock.advance(Math.round(advanceSeconds * 1000));
    return time();
  });

  app.get('/_simulator/settings', async () => settings.current);
  app.patch('/_simulator/settings', async (request) => settings.updateUntyped(bodyOf(request)));

  app.get('/_simulator/faults', async () => ({ faults: faults.list(), rates: faults.rates }));
  app.post('/_simulator/faults', async (request) => ({ id: faults.addUntyped(bodyOf(request)) }));
  app.delete('/_simulator/faults', async () => {
    faults.clear();
    return {};
  });
  app.delete<{ Params: { id: string } }>('/_simulator/faults/:id', async ({ params: { id } }) => {
    if (!faults.remove(id)) throw new ServiceError('ResourceNotFoundException', `There is no fault ${id}`);
    return {};
  });
  app.get('/_simulator/faults/rates', async () => faults.rates);
  app.put('/_simulator/faults/rates', async (request) => {
    faults.setRatesUntyped(bodyOf(request));
    return faults.rates;
  });

  app.get('/_simulator/messages', async (request) => ({ messages: messages.list(messageQuery(request)) }));
  app.delete('/_simulator/messages', async () => {
    messages.clear();
    return {};
  });
  app.get('/_simulator/messages/stream', (request, reply) => stream(messages, request, reply));
}

/** Newline-delimited JSON, from now on, for as long as the client listens. One that is too slow is let go. */
function stream(messages: MessageLog, request: FastifyRequest, reply: FastifyReply): void {
  const query = messageQuery(request, ['client', 'topic']);
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  raw.flushHeaders();
  const unsubscribe = messages.subscribe((entry) => {
    if (query.client !== undefined && entry.client !== query.client) return;
    if (query.topic !== undefined && !('topic' in entry && matchesFilter(entry.topic, query.topic))) return;
    if (raw.writableLength > MOST_UNREAD_BYTES) raw.destroy();
    else raw.write(`${JSON.stringify(entry)}\n`);
  });
  raw.on('close', unsubscribe);
}

interface MessageQuery {
  client?: string;
  topic?: string;
  since?: number;
  limit?: number;
}

const MESSAGE_QUERY = ['client', 'topic', 'since', 'limit'];

function messageQuery(request: FastifyRequest, known: readonly string[] = MESSAGE_QUERY): MessageQuery {
  const query: MessageQuery = {};
  for (const [name, given] of Object.entries(request.query ?? {})) {
    const value = String(given);
    if (!known.includes(name)) throw invalid(`${name}: no such field, only ${known.join(', ')}`);
    if (name === 'client') query.client = value;
    else if (name === 'topic') query.topic = filter(value);
    else if (/^\d+$/.test(value)) query[name === 'since' ? 'since' : 'limit'] = Number(value);
    else throw invalid(`${name}: expected a whole number, got ${JSON.stringify(value)}`);
  }
  return query;
}

function filter(topic: string): string {
  if (isFilter(topic)) return topic;
  throw invalid(`topic: expected a topic filter, got ${JSON.stringify(topic)}`);
}

function bodyOf(request: FastifyRequest, known?: readonly string[]): Readonly<Record<string, unknown>> {
  const text = request.body;
  const value: unknown = typeof text === 'string' && text.trim() !== '' ? parse(text) : {};
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('The body must be a JSON object');
  const fields = Object.fromEntries(Object.entries(value));
  const unknown = Object.keys(fields).find((name) => known && !known.includes(name));
  if (unknown !== undefined) throw invalid(`${unknown}: no such field, only ${known?.join(', ')}`);
  return fields;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`The body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function invalid(message: string): ServiceError {
  return new ServiceError('InvalidRequestException', message);
}
