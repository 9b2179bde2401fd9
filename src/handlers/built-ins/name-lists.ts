import * as v from 'valibot';

/**
 * A package, with an architecture (`libc6:armhf`) and an exact version (`nginx=1.22.1-9`) where wanted. Names of Debian
 * packages (Debian Policy 5.6.1) and RPM packages fit; what the tools would read as more than a name does not: options
 * (`-o…`), files and URLs (`/`), patterns (`*`), groups (`@`), tasks (`^`), and `name-`, which makes apt-get remove what
 * it was to install (apt-get(8)).
 */
const PACKAGE =
  /^[A-Za-z0-9](?:[A-Za-z0-9+._-]*[A-Za-z0-9+._])?(?::[a-z0-9][a-z0-9-]*)?(?:=[A-Za-z0-9][A-Za-z0-9.+~:^_-]*)?$/;
const UNVERSIONED_PACKAGE = /^[A-Za-z0-9](?:[A-Za-z0-9+._-]*[A-Za-z0-9+._])?(?::[a-z0-9][a-z0-9-]*)?$/;

/**
 * A service, or a unit of systemd that is started and stopped like one: systemd.unit(5) has these characters. Targets
 * are left out (`poweroff.target` starts what it names), and so are patterns, which `systemctl stop` would take.
 */
const SERVICE = /^(?!.*\.(?:target|slice|scope|device|mount|automount|swap|snapshot)$)[A-Za-z0-9_][A-Za-z0-9_.:@\\-]*$/;

const LONGEST_NAME = 255;

/** Input of the built-ins that install packages or look for them. */
export const PackagesInput = v.object(
  { packages: packageList(PACKAGE, 'name or name=version', 'The packages, with =version where it must be that one.') },
  'expected an object',
);

/** Input of the built-ins that remove packages or look for their absence, whatever version is there. */
export const PackageNamesInput = v.object(
  { packages: packageList(UNVERSIONED_PACKAGE, 'a name without a version', 'The packages.') },
  'expected an object',
);

export const ServicesInput = v.object({ services: serviceList('The services.') }, 'expected an object');

/** Arguments as a list of words: AWS's managed templates pass all of them as one argument, with spaces between. */
export function wordsOf(args: readonly string[]): string[] {
  return args.flatMap((argument) => argument.split(/\s+/)).filter((word) => word !== '');
}

/** At least one service, socket, timer or path unit. */
export function serviceList(description: string) {
  const service = v.pipe(
    v.string('expected a service name'),
    v.maxLength(LONGEST_NAME, `expected a service name of at most ${LONGEST_NAME} characters`),
    v.regex(SERVICE, 'expected a service (or a socket, timer or path unit; no option, path, pattern or target)'),
  );
  return list(service, 'service', description);
}

function packageList(pattern: RegExp, form: string, description: string) {
  const name = v.pipe(
    v.string('expected a package name'),
    v.maxLength(LONGEST_NAME, `expected a package name of at most ${LONGEST_NAME} characters`),
    v.regex(pattern, `expected a package (${form}; no option, file, URL or pattern)`),
  );
  return list(name, 'package', description);
}

/** As an array, or as one text that is split at white space: all that a template's parameter can be. */
function list(name: v.GenericSchema<string>, what: string, description: string) {
  const message = `expected an array of ${what} names, or one string with spaces between`;
  const names = v.pipe(v.array(name, message), v.nonEmpty(`expected at least one ${what}`));
  const asText = v.pipe(
    v.string(message),
    v.transform((text) => wordsOf([text])),
    names,
  );
  return v.pipe(v.union([names, asText], message), v.description(description));
}
