import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BrokerLab } from '../support/broker-lab.ts';
import { commands } from '../support/lab.ts';
import { describeWithMosquitto } from '../support/mosquitto.ts';

const VERSIONS = [4, 5] as const;

describeWithMosquitto('with Mosquitto between the Jobs service and an agent', () => {
  let lab: BrokerLab;

  beforeEach(async () => {
    lab = await BrokerLab.prepare();
  });

  afterEach(() => lab.close());

  const file = (name: string) => join(lab.directory, name);
  const untilThere = (name: string) => commands(['sh', '-c', `until [ -e ${file(name)} ]; do sleep 0.05; done`]);

  describe.each(VERSIONS)('that speaks MQTT version %i', (protocolVersion) => {
    const mqtt = { protocolVersion };

    it('jobs go from intake to their results, those that waited and those that come', async () => {
      await lab.startSimulator();
      await lab.createJob('waited', commands(['true']));
      await lab.startReadyAgent({ mqtt });
      expect((await lab.outcome('waited')).status).toBe('SUCCEEDED');
      await lab.createJob('came', commands(['sh', '-c', 'echo oh no >&2; exit 3']));
      const { status, details } = await lab.outcome('came');
      expect(status).toBe('FAILED');
      expect(details['reason']).toContain('exited with code 3');
    });

    it('both come back when the broker is started again: the running job reports, the next ones are taken', async () => {
      await lab.startSimulator();
      await lab.startReadyAgent({ mqtt });
      await lab.createJob('runs', untilThere('go'));
      await expect.poll(() => lab.statuses()).toMatchObject({ runs: 'IN_PROGRESS' });
      await lab.mosquitto.stop();
      await lab.createJob('meanwhile', commands(['true']));
      writeFileSync(file('go'), '');
      await lab.mosquitto.start();
      expect((await lab.outcome('runs')).status).toBe('SUCCEEDED');
      expect((await lab.outcome('meanwhile')).status).toBe('SUCCEEDED');
      await lab.createJob('after', commands(['true']));
      expect((await lab.outcome('after')).status).toBe('SUCCEEDED');
    });

    it('an agent that stays connected while the simulator is started again gets its next job', async () => {
      await lab.startSimulator();
      const agent = await lab.startReadyAgent({ mqtt });
      await lab.stopSimulator('SIGKILL');
      lab.launchSimulator();
      await lab.ready();
      await lab.createJob('after', commands(['true']));
      expect((await lab.outcome('after')).status).toBe('SUCCEEDED');
      expect(agent.log.filter(({ msg }) => msg === 'connected')).toHaveLength(1);
    });
  });

  it('faults on order are played there too, and messages logged', async () => {
    await lab.startSimulator();
    const topic = '$aws/things/pi/jobs/+/get/accepted';
    await lab.control('POST', 'faults', { kind: 'wrong', topic, payload: 'no JSON' });
    await lab.createJob('job', commands(['true']));
    await lab.startReadyAgent();
    expect((await lab.outcome('job')).status).toBe('SUCCEEDED');
    const { messages } = (await lab.control('GET', `messages?topic=${encodeURIComponent(topic)}`)) as {
      messages: { direction: string; fault?: string }[];
    };
    expect(messages.map(({ direction, fault }) => [direction, fault])).toEqual([
      ['out', 'wrong'],
      // Asked for again, and once more after the claim.
      ['out', undefined],
      ['out', undefined],
    ]);
  });

  it('the simulator writes what the broker needs, waits for it, says so once, and ends its wait at SIGTERM', async () => {
    const simulator = lab.launchSimulator();
    const told = () => simulator.stderr.split('no connection to the broker').length - 1;
    await expect.poll(told).toBe(1);
    expect(simulator.stderr).toContain('ECONNREFUSED');
    for (const name of ['ca.pem', 'broker/certificate.pem', 'broker/private.key'])
      expect(existsSync(file(`simulator/${name}`)), name).toBe(true);
    expect(await simulator.stop()).toBe(0);
    expect(simulator.log).toEqual([]);
    expect(told()).toBe(1);
  });

  it.each([
    [['--broker', 'mqtt://127.0.0.1:1883'], '--broker: what is given is not MQTT over TLS'],
    [['--broker-ca', '/nowhere/ca.pem'], '--broker-ca: '],
    [['--broker-cert', '/nowhere/c.pem', '--broker-key', '/nowhere/k.pem'], '--broker-cert: '],
    [['--broker-cert', '/nowhere/c.pem'], '--broker-key: '],
  ])('%j is refused at the start, with the flag', async (flags, named) => {
    const simulator = lab.launchSimulator(...flags);
    expect(await simulator.ended).toBe(78);
    expect(simulator.stderr).toContain(named);
  });
});

describeWithMosquitto('a Mosquitto whose rules forbid to update jobs', () => {
  let lab: BrokerLab;

  beforeEach(async () => {
    const allowed = ['get', 'get/accepted', 'notify', 'notify-next', '+/get', '+/get/accepted'];
    const rules = allowed.map((request) => `topic write $aws/things/+/jobs/${request}`);
    lab = await BrokerLab.prepare('topic read $aws/things/#', ...rules);
  });

  afterEach(() => lab.close());

  it('says so to an agent of MQTT 5 with a reason code, and the agent names the topic', async () => {
    await lab.startSimulator();
    await lab.createJob('forbidden', commands(['true']));
    const agent = lab.startAgent({ mqtt: { protocolVersion: 5 } });
    const refused = await agent.line(({ topic }) => topic === '$aws/things/pi/jobs/forbidden/update', 'refused topic');
    expect(refused['msg']).toContain('0x87');
    expect((await lab.execution('forbidden')).status).toBe('QUEUED');
  });
});
