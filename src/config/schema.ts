import * as v from 'valibot';

/**
 * The configuration file's shape: what may be in it, and what a value may be. config.ts has the same with defaults
 * filled in; config/agent.schema.json is generated from this.
 */
function text(description: string, pattern?: RegExp, expected = 'a non-empty string') {
  const message = `expected ${expected}`;
  return v.pipe(v.string(message), v.regex(pattern ?? /^[\s\S]+$/, message), v.description(description));
}

function whole(description: string, from: number, to: number) {
  const message = `expected a whole number from ${from} to ${to}`;
  return v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(from, message),
    v.maxValue(to, message),
    v.description(description),
  );
}

const path = (description: string) => text(description, undefined, 'a path');
const object = 'expected an object';

const texts = (description: string, defaults: string[] = []) =>
  v.optional(v.pipe(v.array(text('A text.'), 'expected an array of strings'), v.description(description)), defaults);
const paths = (description: string) =>
  v.optional(v.pipe(v.array(path('A path.'), 'expected an array of paths'), v.description(description)), []);

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

export const configSchema = v.strictObject(
  {
    $schema: v.optional(v.pipe(v.string('expected a string'), v.description('Where an editor finds this schema.'))),
    thingName: text(
      'The thing that this device is.',
      /^[a-zA-Z0-9:_-]{1,128}$/,
      '1 to 128 letters, digits, colons, underscores or hyphens',
    ),
    endpoint: text('The host name of the AWS IoT data endpoint (…-ats.iot.<region>.amazonaws.com), or of a simulator.'),
    port: v.optional(whole('MQTT over TLS; 443 uses ALPN.', 1, 65_535), 8883),
    clientId: v.optional(
      text(
        'The MQTT client id; default: the thing name.',
        /^(?!\$)[\s\S]{1,128}$/,
        '1 to 128 characters that do not begin with $',
      ),
    ),
    certificatePath: path('The device certificate, PEM.'),
    privateKeyPath: path('Its private key, PEM, readable by the agent’s user alone.'),
    rootCaPath: v.optional(path('Root certificates to trust, PEM; default: those that come with Node.')),
    stateDirectory: v.optional(path('Where the agent keeps its journal.'), '/var/lib/thing-agent'),
    mqtt: v.optional(
      v.strictObject(
        {
          protocolVersion: v.optional(
            v.pipe(v.picklist([4, 5], 'expected 4 (MQTT 3.1.1) or 5'), v.description('4 is MQTT 3.1.1, 5 is MQTT 5.')),
            4,
          ),
          keepAliveSeconds: v.optional(whole('Seconds between pings.', 30, 1200), 60),
        },
        object,
      ),
      {},
    ),
    jobs: v.optional(
      v.strictObject(
        {
          concurrency: v.optional(whole('How many job executions may run at once.', 1, 32), 1),
          stopGraceSeconds: v.optional(whole('Seconds a running step may go on after SIGTERM.', 0, 3600), 30),
          maxInterruptions: v.optional(
            whole('How often a step may be cut off by a crash or loss of power before the job FAILS.', 1, 100),
            3,
          ),
        },
        object,
      ),
      {},
    ),
    handlers: v.optional(
      v.strictObject(
        {
          directory: v.optional(path('Where runHandler finds handlers.')),
          allowedDirectories: paths('Directories beside it that a document’s literal path may name, or lie below.'),
          plugins: paths('Plug-ins: ES modules, asked in this order.'),
          pluginMemoryMegabytes: v.optional(whole('MiB of heap that a plug-in may take.', 16, 4096), 128),
        },
        object,
      ),
      {},
    ),
    executionLogs: v.optional(
      v.strictObject(
        {
          maxKilobytesPerExecution: v.optional(whole('KiB that one execution’s log may take.', 4, 1_048_576), 1024),
          keepFiles: v.optional(whole('How many logs are kept.', 1, 100_000), 200),
          keepMegabytes: v.optional(whole('MiB that all logs may take together.', 1, 1_048_576), 50),
          keepDays: v.optional(whole('Days that a log is kept.', 1, 3650), 90),
        },
        object,
      ),
      {},
    ),
    reboot: v.optional(
      v.strictObject(
        {
          command: texts('The words of the command that makes the device start anew.', ['systemctl', 'reboot']),
          shutdownCommand: texts('The words of the command that powers it off.', ['systemctl', 'poweroff']),
          deadlineSeconds: v.optional(
            whole('Seconds after which a device that has not started anew fails the step.', 10, 86_400),
            300,
          ),
          bootIdPath: v.optional(
            path('The file whose content changes with each start of the device.'),
            '/proc/sys/kernel/random/boot_id',
          ),
        },
        object,
      ),
      {},
    ),
    download: v.optional(
      v.strictObject(
        {
          publicKeyPath: v.optional(path('A public key (PEM; ECDSA or Ed25519): downloads must then be signed.')),
          maxMegabytes: v.optional(whole('MiB that a download may have.', 1, 1_048_576), 2048),
          timeoutSeconds: v.optional(whole('Seconds that a download may take in all.', 1, 604_800), 3600),
          lowSpeedBytesPerSecond: v.optional(
            whole('Bytes a second below which a transfer is cut.', 1, 1_000_000_000),
            1000,
          ),
          lowSpeedSeconds: v.optional(whole('Seconds below that speed before it is cut and resumed.', 1, 3600), 30),
        },
        object,
      ),
      {},
    ),
    attributes: v.optional(
      v.pipe(
        v.record(v.string(), v.string('expected a string'), object),
        v.description('Attributes of this device for the conditions of job documents.'),
      ),
      {},
    ),
    policy: v.optional(
      v.strictObject(
        {
          allowHandlers: texts('Handlers that jobs may use (patterns with *).', ['*']),
          denyHandlers: texts('Handlers that jobs may not use.'),
          allowCommands: texts('Commands that runCommand may run: patterns of their words, joined by spaces.', ['*']),
          denyCommands: texts('Commands that runCommand may not run.'),
          allowUsers: texts('Users that runAsUser may name.', ['*']),
          denyUsers: texts('Users that runAsUser may not name.', []),
          allowDownloadHosts: texts('Hosts that downloads may come from.', ['*']),
          denyDownloadHosts: texts('Hosts that downloads may not come from.'),
          allowPlainHttp: v.optional(
            v.pipe(v.boolean('expected true or false'), v.description('Downloads may use http: URLs too.')),
            false,
          ),
          denyFeatures: texts('Document features that are not taken: runCommand, runAsUser, environment …'),
        },
        object,
      ),
      {},
    ),
    log: v.optional(
      v.strictObject(
        {
          level: v.optional(
            v.pipe(
              v.picklist(LEVELS, `expected one of ${LEVELS.join(', ')}`),
              v.description('The least level logged.'),
            ),
            'info',
          ),
        },
        object,
      ),
      {},
    ),
  },
  'expected an object',
);

/** The keys of the file by section: `''` is the top. For suggestions, environment variables and the documentation. */
export function configKeys(): ReadonlyMap<string, readonly string[]> {
  const keys = new Map<string, string[]>([['', []]]);
  for (const [key, entry] of Object.entries(configSchema.entries)) {
    keys.get('')?.push(key);
    const wrapped = entry.type === 'optional' ? entry.wrapped : entry;
    if (wrapped.type === 'strict_object') keys.set(key, Object.keys(wrapped.entries));
  }
  return keys;
}
