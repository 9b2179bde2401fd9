import * as v from 'valibot';
import type { Acceptance } from '../contract.ts';
import type { StepResult } from '../step.ts';

/**
 * What the agent and the process of a plug-in say to each other, one JSON object a message over Node's IPC channel.
 * Each end parses what it hears: on the same channel a plug-in may say what it likes.
 */

const Details = v.record(v.string(), v.string());

const AcceptanceSchema: v.GenericSchema<unknown, Acceptance> = v.variant('kind', [
  v.object({ kind: v.literal('accepted') }),
  v.object({ kind: v.literal('declined'), why: v.optional(v.string()) }),
  v.object({ kind: v.literal('invalid'), problems: v.pipe(v.array(v.string()), v.minLength(1)) }),
]);

const StepResultSchema: v.GenericSchema<unknown, StepResult> = v.variant('outcome', [
  v.object({ outcome: v.literal('succeeded'), details: Details }),
  v.object({ outcome: v.literal('failed'), reason: v.string(), details: Details }),
  v.object({ outcome: v.literal('interrupted') }),
  v.object({ outcome: v.literal('deferred'), reason: v.string() }),
  v.object({ outcome: v.literal('reboot') }),
]);

const ChildMessageSchema = v.variant('type', [
  /** The first word, after the import: the plug-in is there. */
  v.object({ type: v.literal('loaded'), name: v.string() }),
  /** The first and last word. */
  v.object({ type: v.literal('unusable'), problem: v.string() }),
  v.object({ type: v.literal('answer'), id: v.number(), acceptance: AcceptanceSchema }),
  v.object({
    type: v.literal('log'),
    level: v.picklist(['debug', 'info', 'warn', 'error']),
    fields: v.record(v.string(), v.unknown()),
    message: v.string(),
  }),
  v.object({ type: v.literal('progress'), details: Details }),
  v.object({ type: v.literal('save'), id: v.number(), value: v.unknown() }),
  /** The last word of a run; the process ends itself after it. */
  v.object({ type: v.literal('result'), result: StepResultSchema }),
]);

const AgentMessageSchema = v.variant('type', [
  v.object({ type: v.literal('ask'), id: v.number(), document: v.unknown() }),
  v.object({
    type: v.literal('run'),
    job: v.object({ thingName: v.string(), jobId: v.string(), executionNumber: v.number(), document: v.unknown() }),
    attempt: v.number(),
    lastProgress: v.optional(v.unknown()),
    rebooted: v.boolean(),
    scratchDirectory: v.string(),
  }),
  v.object({ type: v.literal('abort'), reason: v.string() }),
  /** The answer to `save`; without a problem the value is on disk. */
  v.object({ type: v.literal('saved'), id: v.number(), problem: v.optional(v.string()) }),
]);

export type ChildMessage = v.InferOutput<typeof ChildMessageSchema>;
export type AgentMessage = v.InferOutput<typeof AgentMessageSchema>;
export type RunMessage = Extract<AgentMessage, { type: 'run' }>;

/** Undefined for what is no message. */
export function parseChildMessage(message: unknown): ChildMessage | undefined {
  return output(ChildMessageSchema, message);
}

/** Undefined for what is no message. */
export function parseAgentMessage(message: unknown): AgentMessage | undefined {
  return output(AgentMessageSchema, message);
}

function output<Schema extends v.GenericSchema>(schema: Schema, message: unknown): v.InferOutput<Schema> | undefined {
  const parsed = v.safeParse(schema, message);
  return parsed.success ? parsed.output : undefined;
}
