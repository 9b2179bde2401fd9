import { connect } from 'node:net';
import * as v from 'valibot';
import { errorMessage } from '../../errors.ts';
import { AddressSchema, type Call, CallSchema, type Frame, readFrames, sendFrame, TARGET_VARIABLE } from './frames.ts';
import { LocalTarget } from './local-target.ts';

// A program, started by target-process-start.ts as the user that a download runs as: it does to files what the agent
// says, and ends with the connection to it. It is told no URL, and talks to nobody else.

async function serve(): Promise<void> {
  // TERM reaches the whole group; the agent still puts on disk what there is, and then closes the connection.
  process.on('SIGTERM', () => undefined);
  const { socket: name, token } = v.parse(AddressSchema, JSON.parse(process.env[TARGET_VARIABLE] ?? 'null'));
  const ended = new AbortController();
  const socket = connect(name);
  socket.on('close', () => ended.abort());
  await sendFrame(socket, { kind: 'json', value: { token } });
  const target = new LocalTarget(ended.signal);
  for await (const frame of readFrames(socket)) {
    await sendFrame(socket, { kind: 'json', value: await reply(target, frame) });
  }
  await target.close();
}

async function reply(target: LocalTarget, frame: Frame): Promise<object> {
  try {
    if (frame.kind === 'bytes') return { ok: true, value: await target.append(frame.bytes) };
    return { ok: true, value: await perform(target, v.parse(CallSchema, frame.value)) };
  } catch (error) {
    return { ok: false, problem: errorMessage(error) };
  }
}

function perform(target: LocalTarget, call: Call): Promise<unknown> {
  switch (call.call) {
    case 'open':
      return target.open(call.request);
    case 'truncate':
      return target.truncate();
    case 'sync':
      return target.sync();
    case 'freeBytes':
      return target.freeBytes();
    case 'check':
      return target.check(call.which, call.signature);
    case 'commit':
      return target.commit(call.mode);
    case 'setMode':
      return target.setMode(call.mode);
    case 'discard':
      return target.discard();
  }
}

try {
  await serve();
} catch (error) {
  process.stderr.write(`${errorMessage(error)}\n`);
  process.exitCode = 1;
}
