import { MINUTE, START } from '../support/account-lab.ts';
import type { Abort, JobRequest, Retry } from './records.ts';

export const JOBS: readonly string[] = ['j0', 'j1', 'j2', 'j3'];
/** Twelve jobs made at one instant: more than a list has room for, with all ties to be broken. */
export const BURST: readonly string[] = Array.from({ length: 12 }, (_, index) => `b${index}`);
export const NAMESPACE = 'ns';

/** A job as commands are generated with: the times of its schedule count from its creation. */
export interface JobShape {
  readonly targets: readonly string[];
  readonly continuous: boolean;
  readonly namespace: string | undefined;
  readonly timeout: number | undefined;
  readonly retry: readonly Retry[] | undefined;
  readonly abort: readonly Abort[] | undefined;
  readonly pace: { readonly rate?: number; readonly schedule?: ScheduleShape };
}

export interface ScheduleShape {
  readonly startIn: number | undefined;
  readonly endIn: number | undefined;
  readonly endBehavior: 'STOP_ROLLOUT' | 'CANCEL' | 'FORCE_CANCEL';
  readonly windowFor: number | undefined;
}

/**
 * What the model is asked for. Which of six minutes is the job's own: no two jobs wake at one instant, for nobody knows
 * in what order they would.
 */
export function jobRequest({ pace, ...shape }: JobShape, id: string, now: number): JobRequest {
  const own = JOBS.indexOf(id);
  const minute = (later: number) => Math.ceil(((now - START) / MINUTE + later) / 6) * 6 + own;
  const { rate, schedule } = pace;
  const { startIn, endIn, endBehavior, windowFor } = schedule ?? {};
  const given = {
    ...shape,
    rate,
    schedule: schedule && {
      ...(startIn === undefined ? {} : { start: minute(startIn) }),
      ...(endIn === undefined || endBehavior === undefined ? {} : { end: minute(endIn), endBehavior }),
      ...(windowFor === undefined ? {} : { window: { minute: own, duration: windowFor } }),
    },
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as unknown as JobRequest;
}

/** The same in the words of CreateJob. */
export function jobFields(shape: JobShape, id: string, now: number): object {
  const { continuous, namespace, timeout, retry, abort, rate, schedule } = jobRequest(shape, id, now);
  const time = (minute: number) => new Date(START + minute * MINUTE).toISOString().slice(0, 16).replace('T', ' ');
  return {
    ...(continuous ? { targetSelection: 'CONTINUOUS' } : {}),
    ...(namespace === undefined ? {} : { namespaceId: namespace }),
    ...(timeout === undefined ? {} : { timeoutConfig: { inProgressTimeoutInMinutes: timeout } }),
    ...(retry ? { jobExecutionsRetryConfig: { criteriaList: retry } } : {}),
    ...(abort ? { abortConfig: { criteriaList: abort.map((rule) => ({ ...rule, action: 'CANCEL' })) } } : {}),
    ...(rate === undefined ? {} : { jobExecutionsRolloutConfig: { maximumPerMinute: rate } }),
    ...(schedule
      ? {
          schedulingConfig: {
            ...(schedule.start === undefined ? {} : { startTime: time(schedule.start) }),
            ...(schedule.end === undefined ? {} : { endTime: time(schedule.end), endBehavior: schedule.endBehavior }),
            ...(schedule.window
              ? {
                  maintenanceWindows: [
                    {
                      startTime: `cron(${schedule.window.minute} * * * ? *)`,
                      durationInMinutes: schedule.window.duration,
                    },
                  ],
                }
              : {}),
          },
        }
      : {}),
  };
}
