import type { AgentConfig } from '../config/config.ts';
import { validateConfig } from '../config/validate.ts';
import { deviceAttributes } from '../execution/conditions.ts';
import { createDocumentParser } from '../execution/document-parser.ts';
import type { Judge } from '../execution/document-verdict.ts';
import { hostAllowed } from '../execution/download-policy.ts';
import type { Policy } from '../execution/policy.ts';
import type { BuiltIn } from '../handlers/built-ins/built-in.ts';
import { createDownloadFile } from '../handlers/built-ins/download-file.ts';
import { createBuiltIns } from '../handlers/built-ins/registry.ts';
import { agentVersion } from '../system/agent-version.ts';
import { readHostFacts } from '../system/host-facts.ts';

/** What this device can do by itself, and how it judges documents. */
export interface Device {
  readonly builtIns: readonly BuiltIn[];
  readonly judge: Judge;
}

type DeviceConfig = Pick<AgentConfig, 'thingName' | 'stateDirectory' | 'download' | 'policy' | 'attributes'>;

const MEBIBYTE = 1024 * 1024;

export function describeDevice(config: DeviceConfig): Device {
  const { thingName, stateDirectory, download, policy, attributes } = config;
  const version = agentVersion();
  const downloadFile = createDownloadFile({
    publicKeyPath: download.publicKeyPath,
    maxBytes: download.maxMegabytes * MEBIBYTE,
    timeoutMs: download.timeoutSeconds * 1000,
    lowSpeedBytesPerSecond: download.lowSpeedBytesPerSecond,
    lowSpeedMs: download.lowSpeedSeconds * 1000,
    hostDenied: (host) => hostAllowed(host, policy),
    allowPlainHttp: policy.allowPlainHttp,
  });
  const builtIns = createBuiltIns({ agentVersion: version, stateDirectory, downloadFile });
  const facts = { ...readHostFacts(), thingName, agentVersion: version };
  const parse = createDocumentParser(builtIns);
  return { builtIns, judge: { parse, builtIns, attributes: deviceAttributes(facts, attributes), policy } };
}

/** The built-ins of no device in particular, and so with no policy: for their names, and the schemas of their inputs. */
export function plainBuiltIns(): readonly BuiltIn[] {
  const config = defaultConfig();
  return describeDevice({ ...config, policy: { ...config.policy, allowPlainHttp: true } }).builtIns;
}

/** Of a device whose configuration says nothing of one. */
export function defaultPolicy(): Policy {
  return defaultConfig().policy;
}

function defaultConfig(): AgentConfig {
  const required = { thingName: 'x', endpoint: 'x', certificatePath: 'x', privateKeyPath: 'x' };
  const validated = validateConfig(required, '/');
  if (!validated.ok) throw new Error(`the defaults are not valid: ${validated.problems.join('; ')}`);
  return validated.config;
}
