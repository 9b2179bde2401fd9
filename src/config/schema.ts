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

const PATH = 'a path';
const path = (description: string) => text(description, undefined, PATH);
const object = 'expected an object';

const patterns = (description: string, defaults: string[] = []) =>
  v.optional(v.pipe(v.array(text('A pattern.'), 'expected an array of strings'), v.description(description)), defaults);
/** A command of its own: no shell reads it, so it comes in words. */
const words = (description: string, defaults: string[]) =>
  v.optional(
    v.pipe(
      v.array(text('A word.'), 'expected an array of strings'),
      v.nonEmpty('expected at least one word'),
      v.description(description),
    ),
    defaults,
  );
const paths = (description: string) =>
  v.optional(v.pipe(v.array(path('A path.'), 'expected an array of paths'), v.description(description)), []);

/** Names of what a job document can do: its keys, and the types of its actions (docs/job-documents.md). */
const DOCUMENT_FEATURES = [
  'runHandler',
  'runCommand',
  'builtIn',
  'operation',
  'conditions',
  'finalStep',
  'cleanup',
  'runAsUser',
  'allowStdErr',
  'ignoreStepFailure',
  'includeStdOut',
  'timeoutSeconds',
  'retry',
  'environment',
  'workingDirectory',
  'onInterrupted',
  'pointOfNoReturn',
] as const;

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
          stepTimeoutSeconds: v.optional(
            whole('Seconds that a step, or a plug-in, may take that has no timeoutSeconds of its own.', 60, 604_800),
            86_400,
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
          command: words('The words of the command that makes the device start anew.', ['systemctl', 'reboot']),
          shutdownCommand: words('The words of the command that powers it off.', ['systemctl', 'poweroff']),
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
        v.record(
          // As AWS names the attributes of things (service model, AttributeName).
          text(
            'A name.',
            /^[a-zA-Z0-9_.,@/:#-]{1,128}$/,
            'a name of 1 to 128 letters, digits or any of _ . , @ / : # -',
          ),
          v.string('expected a string'),
          object,
        ),
        v.description('Attributes of this device for the conditions of job documents; above its facts.'),
      ),
      {},
    ),
    policy: v.optional(
      v.strictObject(
        {
          allowHandlers: patterns('Handlers that jobs may use, by file name.', ['*']),
          denyHandlers: patterns('Handlers that jobs may not use.'),
          allowCommands: patterns('Commands that runCommand may run: their words, joined by spaces.', ['*']),
          denyCommands: patterns('Commands that runCommand may not run.'),
          allowUsers: patterns('Users that runAsUser may name.', ['*']),
          denyUsers: patterns('Users that runAsUser may not name.'),
          allowDownloadHosts: patterns('Hosts that downloads may come from.', ['*']),
          denyDownloadHosts: patterns('Hosts that downloads may not come from.'),
          allowPlainHttp: v.optional(
            v.pipe(v.boolean('expected true or false'), v.description('Downloads may use http: URLs too.')),
            false,
          ),
          denyFeatures: v.optional(
            v.pipe(
              v.array(
                v.picklist(DOCUMENT_FEATURES, `expected one of ${DOCUMENT_FEATURES.join(', ')}`),
                'expected an array of strings',
              ),
              v.description('Features of job documents that are not taken.'),
            ),
            [],
          ),
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

/** The keys of the file by section: `''` is the top. For suggestions and the documentation. */
export function configKeys(): ReadonlyMap<string, readonly string[]> {
  const keys = new Map<string, string[]>([['', []]]);
  for (const [key, entry] of Object.entries(configSchema.entries)) {
    keys.get('')?.push(key);
    const wrapped = entry.type === 'optional' ? entry.wrapped : entry;
    if (wrapped.type === 'strict_object') keys.set(key, Object.keys(wrapped.entries));
  }
  return keys;
}

/** What a setting's value is: how text is read as one, and where relative paths are. */
export type SettingKind = 'text' | 'number' | 'flag' | 'path' | 'list' | 'paths' | 'map';

/** Every setting that a value can be given to: `mqtt.keepAliveSeconds`. */
export function settingKinds(): ReadonlyMap<string, SettingKind> {
  const kinds = new Map<string, SettingKind>();
  for (const [key, entry] of Object.entries(configSchema.entries)) {
    const wrapped = entry.type === 'optional' ? entry.wrapped : entry;
    if (wrapped.type === 'strict_object') {
      for (const [name, inner] of Object.entries(wrapped.entries)) kinds.set(`${key}.${name}`, kindOf(inner));
    } else if (key !== '$schema') kinds.set(key, kindOf(wrapped));
  }
  return kinds;
}

/** The parts of Valibot's schemas that tell what they are. */
interface SettingSchema {
  readonly type: string;
  readonly wrapped?: SettingSchema;
  readonly item?: SettingSchema;
  readonly options?: readonly unknown[];
  readonly message?: unknown;
}

function kindOf(schema: SettingSchema): SettingKind {
  const { type, item, options, message } = schema.wrapped ?? schema;
  if (type === 'number' || options?.every((option) => typeof option === 'number') === true) return 'number';
  if (type === 'boolean') return 'flag';
  if (type === 'record') return 'map';
  if (item) return kindOf(item) === 'path' ? 'paths' : 'list';
  return message === `expected ${PATH}` ? 'path' : 'text';
}
