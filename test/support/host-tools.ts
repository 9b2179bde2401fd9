import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const HOST_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Splits words as the tools do: options go, the first that is left is the verb, the rest are names. */
const WORDS = `verb=
names=
while [ $# -gt 0 ]; do
  case $1 in
    -o) shift ;;
    -*) ;;
    *) if [ -z "$verb" ]; then verb=$1; else names="$names $1"; fi ;;
  esac
  shift
done`;

/** What each stand-in does, in shell; `$HOST` is the directory with what the host has. */
const TOOLS: Readonly<Record<string, string>> = {
  'apt-get': `${WORDS}
for name in $names; do
  case $verb in
    install)
      [ "$name" = nosuch ] && { echo "E: Unable to locate package $name" >&2; exit 100; }
      : > "$HOST/packages/$name" ;;
    remove) rm -f "$HOST/packages/$name" ;;
  esac
done`,
  'dpkg-query': `for name; do :; done
[ -e "$HOST/packages/$name" ] || { echo "dpkg-query: no packages found matching $name" >&2; exit 1; }
printf 'installed\\t1.0\\n'`,
  dpkg: `[ "$1" = -s ] || exit 0
[ -e "$HOST/packages/$2" ] || { echo "dpkg-query: package '$2' is not installed" >&2; exit 1; }
echo 'Status: install ok installed'`,
  systemctl: `words=$*
${WORDS}
for name in $names; do
  name=\${name%.service}
  case $verb in
    start | restart) echo active > "$HOST/services/$name" ;;
    stop) echo inactive > "$HOST/services/$name" ;;
    show)
      state=inactive
      [ -e "$HOST/services/$name" ] && read -r state < "$HOST/services/$name"
      printf 'Id=%s.service\\nLoadState=loaded\\nActiveState=%s\\nSubState=%s\\nType=simple\\nResult=success\\n' \\
        "$name" "$state" "$state" ;;
  esac
done`,
  service: `case $2 in
  start | restart) echo active > "$HOST/services/$1" ;;
  stop) echo inactive > "$HOST/services/$1" ;;
  status) [ "$(cat "$HOST/services/$1" 2>/dev/null)" = active ] || exit 3 ;;
esac`,
  // Not the user: that sudo(8) can be used is its own affair, what is run through it is ours.
  sudo: `while [ $# -gt 0 ]; do
  case $1 in
    -u) shift ;;
    -*) ;;
    *) break ;;
  esac
  shift
done
exec "$@"`,
  wget: `while getopts qO:P: option; do
  case $option in
    O) file=$OPTARG ;;
    P) directory=$OPTARG ;;
    *) ;;
  esac
done
shift $((OPTIND - 1))
echo "what is at $1" > "\${file:-$directory/\${1##*/}}"`,
  reboot: 'exit 0',
  shutdown: 'exit 0',
  // uptime -s: since when the host is up.
  uptime: 'cat "$HOST/up-since"',
};

/**
 * Stand-ins for those of a host's tools that would change the machine of the tests, to be the first in an agent's PATH;
 * with packages and services of their own.
 */
export class HostTools {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    for (const part of ['bin', 'packages', 'services']) mkdirSync(join(directory, part), { recursive: true });
    for (const part of ['.', 'bin']) chmodSync(join(directory, part), 0o755);
    for (const [name, body] of Object.entries(TOOLS)) this.add(name, body);
  }

  /** One more, or another in its place. It notes its words before it does anything. Returns its path. */
  add(name: string, body: string): string {
    const path = join(this.#directory, 'bin', name);
    const lines = ['#!/bin/sh', `HOST='${this.#directory}'`, `printf '%s\\n' "${name} $*" >> "$HOST/calls"`, body];
    writeFileSync(path, `${lines.join('\n')}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  /** For the agent: these first, then what the host really has. */
  get path(): string {
    return `${join(this.#directory, 'bin')}:${HOST_PATH}`;
  }

  /** The words of each that ran, those without a question whether it is there. */
  calls(): string[] {
    return this.#lines('calls').filter((line) => !line.endsWith(' --version'));
  }

  has(packageName: string): boolean {
    return existsSync(join(this.#directory, 'packages', packageName));
  }

  /** `active`, `inactive`, or undefined for one that nobody has touched. */
  service(name: string): string | undefined {
    return this.#lines(join('services', name))[0];
  }

  /** What `uptime -s` tells. */
  upSince(time: Date): void {
    const text = time.toISOString().slice(0, 19).replace('T', ' ');
    writeFileSync(
      join(this.#directory, 'up-since'),
      `${text} UTC
`,
    );
  }

  #lines(name: string): string[] {
    const path = join(this.#directory, name);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
  }
}
