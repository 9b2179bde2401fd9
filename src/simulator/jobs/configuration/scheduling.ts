import { Cron } from 'croner';
import { constraint, integer, invalid, list, oneOf, record, structure, text } from '../validation.ts';
import { MINUTE } from './minute.ts';

/** When a job is rolled out (API reference, SchedulingConfig). Times as they were given, in UTC. */
export interface SchedulingConfig {
  readonly startTime?: string;
  readonly endTime?: string;
  readonly endBehavior?: 'STOP_ROLLOUT' | 'CANCEL' | 'FORCE_CANCEL';
  readonly maintenanceWindows?: readonly MaintenanceWindow[];
}

export interface MaintenanceWindow {
  /** `cron(minutes hours day-of-month month day-of-week year)`, as AWS writes it. */
  readonly startTime: string;
  readonly durationInMinutes: number;
}

const END_BEHAVIORS = ['STOP_ROLLOUT', 'CANCEL', 'FORCE_CANCEL'] as const;
const LEAD = 30 * MINUTE;
const YEAR = 365 * 24 * 60 * MINUTE;
/** What `scheduledJobRollouts` lists (API reference, Job). */
const LISTED_WINDOWS = 7;

/** @throws ServiceError InvalidRequestException for times that are too near, too far or in the wrong order */
export function parseScheduling(value: unknown, now: number): SchedulingConfig | undefined {
  const field = 'schedulingConfig';
  const fields = structure(field, value, ['startTime', 'endTime', 'endBehavior', 'maintenanceWindows']);
  if (!fields) return undefined;
  const startTime = optionalTime(`${field}.startTime`, fields['startTime']);
  const endTime = optionalTime(`${field}.endTime`, fields['endTime']);
  const start = startTime === undefined ? undefined : timeOf(startTime);
  const end = endTime === undefined ? undefined : timeOf(endTime);
  if (start !== undefined && (start < now + LEAD || start > now + YEAR)) {
    throw invalid(`${field}.startTime must be 30 minutes to one year from now`);
  }
  // At most two years from now, and so from the start too (API reference, SchedulingConfig).
  if (end !== undefined && (end < (start ?? now) + LEAD || end > now + 2 * YEAR)) {
    throw invalid(
      `${field}.endTime must be 30 minutes after ${start === undefined ? 'now' : 'startTime'} and within two years from now`,
    );
  }
  // Without an end it "doesn't apply" (API reference, SchedulingConfig): it is checked, and has no effect.
  const behavior = fields['endBehavior'] ?? undefined;
  const endBehavior = oneOf(`${field}.endBehavior`, behavior ?? 'STOP_ROLLOUT', END_BEHAVIORS);
  const windows = fields['maintenanceWindows'] ?? undefined;
  return {
    ...(startTime === undefined ? {} : { startTime }),
    ...(endTime === undefined ? {} : { endTime }),
    ...(end === undefined ? {} : { endBehavior }),
    ...(windows === undefined
      ? {}
      : { maintenanceWindows: parseMaintenanceWindows(`${field}.maintenanceWindows`, windows) }),
  };
}

export function parseMaintenanceWindows(field: string, value: unknown): MaintenanceWindow[] {
  return list(field, value, 1, 100).map((entry, index) => {
    const path = `${field}[${index}]`;
    const window = structure(path, record(entry, path), ['startTime', 'durationInMinutes']) ?? {};
    const startTime = text(`${path}.startTime`, window['startTime'], /^cron\(.{1,250}\)$/);
    try {
      cron(startTime);
    } catch {
      throw constraint(`${path}.startTime`, startTime, 'Member must be a cron expression of AWS, with six fields');
    }
    return {
      startTime,
      durationInMinutes: integer(`${path}.durationInMinutes`, window['durationInMinutes'], 1, 1430),
    };
  });
}

/** Whether the job may be rolled out, and its executions be seen, at this time. */
export function isOpen(config: SchedulingConfig | undefined, now: number): boolean {
  if (!config) return true;
  if (config.startTime !== undefined && now < timeOf(config.startTime)) return false;
  const { maintenanceWindows } = config;
  if (!maintenanceWindows) return true;
  return maintenanceWindows.some((window) => {
    const { durationInMinutes } = window;
    const [last] = cron(window.startTime).previousRuns(1, new Date(now + 1000));
    return last !== undefined && now >= last.getTime() && now < last.getTime() + durationInMinutes * MINUTE;
  });
}

/** The job's end, epoch ms. */
export function endOf(config: SchedulingConfig | undefined): number | undefined {
  return config?.endTime === undefined ? undefined : timeOf(config.endTime);
}

/** The next time after `now` at which `isOpen` may change or the job ends, epoch ms. */
export function nextChange(config: SchedulingConfig | undefined, now: number): number | undefined {
  if (!config) return undefined;
  const times = [config.startTime, config.endTime].flatMap((time) => (time === undefined ? [] : [timeOf(time)]));
  for (const { startTime, durationInMinutes } of config.maintenanceWindows ?? []) {
    const opens = cron(startTime).nextRun(new Date(now));
    if (opens) times.push(opens.getTime());
    const [last] = cron(startTime).previousRuns(1, new Date(now + 1000));
    if (last) times.push(last.getTime() + durationInMinutes * MINUTE);
  }
  const later = times.filter((time) => time > now);
  return later.length === 0 ? undefined : Math.min(...later);
}

/** The next windows' starts, in the form of `scheduledJobRollouts`. */
export function scheduledRollouts(config: SchedulingConfig | undefined, now: number): { startTime: string }[] {
  const windows = config?.maintenanceWindows ?? [];
  const from = config?.startTime === undefined ? now : Math.max(now, timeOf(config.startTime) - 1000);
  const end = endOf(config) ?? Number.POSITIVE_INFINITY;
  return windows
    .flatMap(({ startTime }) => cron(startTime).nextRuns(LISTED_WINDOWS, new Date(from)))
    .map((start) => start.getTime())
    .filter((start) => start < end)
    .sort((a, b) => a - b)
    .slice(0, LISTED_WINDOWS)
    .map((start) => ({ startTime: minuteOf(start) }));
}

function optionalTime(field: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const time = text(field, value, /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}$/);
  // Date.parse takes the 30th of February for the 2nd of March.
  if (Number.isNaN(timeOf(time)) || minuteOf(timeOf(time)) !== time.replace('T', ' '))
    throw constraint(field, value, 'Member must be a date YYYY-MM-DD HH:MM');
  return time;
}

/** As AWS writes the times of schedules. */
function minuteOf(time: number): string {
  return new Date(time).toISOString().slice(0, 16).replace('T', ' ');
}

function timeOf(time: string): number {
  return Date.parse(`${time.replace(' ', 'T')}:00Z`);
}

/** AWS counts the days of the week from 1, Sunday; its times are in UTC (EventBridge user guide, Cron expressions). */
function cron(expression: string): Cron {
  const given = expression.slice('cron('.length, -1).trim().split(/\s+/);
  if (given.length !== 6) throw new RangeError('six fields are needed');
  // Of the two day fields exactly one is left open (EventBridge user guide, "Cron expressions", restrictions).
  if ((given[2] === '?') === (given[4] === '?')) throw new RangeError('one day field must be ?');
  // To croner a `?` would mean the present value.
  const fields = given.map((field) => (field === '?' ? '*' : field));
  return new Cron(['0', ...fields].join(' '), {
    timezone: 'UTC',
    alternativeWeekdays: true,
    sloppyRanges: true,
    paused: true,
  });
}
