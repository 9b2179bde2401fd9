import { chmodSync, copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ListThingPrincipalsCommand, UpdateCertificateCommand } from '@aws-sdk/client-iot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commands, Lab, ThingAgentProcess } from '../support/lab.ts';

let lab: Lab;

beforeEach(async () => {
  lab = await Lab.start();
});

afterEach(() => lab.close());

describe('what only a person can mend ends the agent with 78', () => {
  it('when the state directory is held by another agent, whose pid is named', async () => {
    const first = await lab.startReadyAgent();
    const second = lab.startAgent();
    expect(await second.ended).toBe(78);
    expect(second.stderr).toContain(`pid ${first.child.pid}`);
  });

  it('when the key is missing', async () => {
    rmSync(lab.thingFile('pi', 'private.key'));
    const agent = lab.startAgent();
    expect(await agent.ended).toBe(78);
    expect(agent.stderr).toContain('private.key');
  });

  it('when the key is another certificate’s', async () => {
    copyFileSync(lab.thingFile('other', 'private.key'), lab.thingFile('pi', 'private.key'));
    const agent = lab.startAgent();
    expect(await agent.ended).toBe(78);
    expect(agent.stderr).toMatch(/match/);
  });

  it('when others may read the key', async () => {
    chmodSync(lab.thingFile('pi', 'private.key'), 0o644);
    const agent = lab.startAgent();
    expect(await agent.ended).toBe(78);
    expect(agent.stderr).toMatch(/chmod/);
  });

  it('when the config is wrong: every problem at once', async () => {
    const agent = lab.startAgent({ thingNam: 'x', port: 0, mqtt: { keepAliveSeconds: 5 } });
    expect(await agent.ended).toBe(78);
    for (const part of ['thingNam', 'thingName', 'port', 'mqtt.keepAliveSeconds']) expect(agent.stderr).toContain(part);
  });

  it('when there is no config', async () => {
    const agent = new ThingAgentProcess(['run', '--config', join(lab.directory, 'nowhere.json')]);
    expect(await agent.ended).toBe(78);
    expect(agent.stderr).toContain('nowhere.json');
  });
});

describe('what may mend itself is said in words and tried for ever', () => {
  it('when the broker refuses connections, until it is there', async () => {
    await lab.stopSimulator();
    const agent = lab.startAgent();
    await agent.line((line) => JSON.stringify(line).includes('ECONNREFUSED'), 'ECONNREFUSED');
    await lab.startSimulator();
    await agent.message(/^pending jobs$/);
  });

  it('when the server’s certificate is of another CA', async () => {
    const agent = lab.startAgent({ rootCaPath: lab.thingFile('pi', 'certificate.pem') });
    await agent.line((line) => /rootCaPath|root CA|CA/.test(String(line['msg'])), 'words about the CA');
    expect(agent.child.exitCode).toBeNull();
  });

  it('when the certificate is inactive, until it is active', async () => {
    const { principals } = await lab.iot.send(new ListThingPrincipalsCommand({ thingName: 'pi' }));
    const certificateId = principals?.[0]?.split('/').at(-1) ?? '';
    await lab.iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }));
    const agent = lab.startAgent();
    await agent.message(/certificate unknown or inactive, or Connect denied/);
    await lab.iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'ACTIVE' }));
    await agent.message(/^pending jobs$/);
  });
});

describe('bad input costs one job, never the agent', () => {
  it('when a plug-in exits no cleaner than by throwing from accepts, others still get their turn', async () => {
    const plugin = join(lab.directory, 'bad.mjs');
    writeFileSync(plugin, 'export default { name: "bad", accepts() { throw new Error("no"); }, run() {} };');
    await lab.startReadyAgent({ handlers: { plugins: [plugin] } });
    await lab.createJob('fine', commands(['true']));
    expect((await lab.outcome('fine')).status).toBe('SUCCEEDED');
  });
});
