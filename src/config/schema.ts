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
        },
        object,
      ),
      {},
    ),
    handlers: v.optional(
      v.strictObject(
        {
          directory: v.optional(path('Where runHandler finds handlers.')),
          plugins: v.optional(
            v.pipe(
              v.array(path('An ES module.'), 'expected an array of paths'),
              v.description('Plug-ins, asked in this order.'),
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
