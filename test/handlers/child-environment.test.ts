import { expect, test } from 'vitest';
import { childEnvironment } from '../../src/handlers/child-environment.ts';
import { stepContext } from '../support/step-context.ts';

const own = {
  PATH: '/bin',
  HOME: '/h',
  USER: 'agent',
  LOGNAME: 'agent',
  LANG: 'C',
  LC_ALL: 'C',
  TZ: 'UTC',
  TMPDIR: '/t',
  AWS_SECRET_ACCESS_KEY: 's',
  NODE_OPTIONS: '--x',
  LD_PRELOAD: 'y',
};
const job = {
  JOB_ID: 'job',
  JOB_EXECUTION_NUMBER: '2',
  JOB_THING_NAME: 'thing',
  JOB_STEP: '2',
  JOB_ATTEMPT: '3',
  JOB_SCRATCH_DIR: '/tmp',
};

test('only what is on the list is passed on', () => {
  const { AWS_SECRET_ACCESS_KEY, NODE_OPTIONS, LD_PRELOAD, ...passedOn } = own;
  expect(childEnvironment(own, stepContext(), { environment: {} })).toEqual({ ...passedOn, ...job });
});

test('a step adds its own and cannot forge the job’s', () => {
  const environment = { NAME: 'value', TZ: 'CET', JOB_ID: 'forged', JOB_PROGRESS_FD: '1' };
  expect(childEnvironment({}, stepContext(), { environment })).toMatchObject({ NAME: 'value', TZ: 'CET', ...job });
  expect(childEnvironment({}, stepContext(), { environment })).not.toHaveProperty('JOB_PROGRESS_FD');
  expect(childEnvironment({}, stepContext(), { environment, progressFd: 3 })).toMatchObject({ JOB_PROGRESS_FD: '3' });
});

test('another user has its own name and home, and not the agent’s place for temporary files', () => {
  const user = { name: 'pi', uid: 1000, gid: 1000, groups: [1000], home: '/home/pi' };
  const environment = childEnvironment(own, stepContext(), { environment: {}, user });
  expect(environment).toMatchObject({ HOME: '/home/pi', USER: 'pi', LOGNAME: 'pi' });
  expect(environment).not.toHaveProperty('TMPDIR');
});

test('an agent without a PATH has the usual one', () => {
  expect(childEnvironment({}, stepContext(), { environment: {} })['PATH']).toContain('/usr/bin');
});
