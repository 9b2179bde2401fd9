/**
 * Variables that make another program than the one named run, or make it load other code: glibc's own list of those
 * it drops for setuid programs (sysdeps/generic/unsecvars.h), sudo's (`initial_badenv_table` of plugins/sudoers/env.c),
 * and Node's. With them a step could get round the policy's commands and handlers, and run code as root in the tool that
 * switches to its user. PATH too: a program that is in order would start others that are not.
 */
const FORBIDDEN = new Set([
  ...['PATH', 'IFS', 'CDPATH', 'ENV', 'BASH_ENV', 'BASHOPTS', 'SHELLOPTS', 'PS4', 'GLOBIGNORE', 'FPATH', 'NULLCMD'],
  ...['READNULLCMD', 'ZDOTDIR', 'TMPPREFIX', 'GCONV_PATH', 'GETCONF_DIR', 'GLIBC_TUNABLES', 'HOSTALIASES'],
  ...['LOCALDOMAIN', 'LOCPATH', 'NIS_PATH', 'NLSPATH', 'PATH_LOCALE', 'RES_OPTIONS', 'RESOLV_HOST_CONF', 'TZDIR'],
  ...['TERMCAP', 'TERMINFO', 'TERMINFO_DIRS', 'TERMPATH', 'JAVA_TOOL_OPTIONS', 'NODE_OPTIONS', 'NODE_PATH'],
  ...['PERLIO_DEBUG', 'PERLLIB', 'PERL5LIB', 'PERL5OPT', 'PERL5DB', 'PYTHONHOME', 'PYTHONPATH', 'PYTHONINSPECT'],
  ...['PYTHONSTARTUP', 'PYTHONUSERBASE', 'RUBYLIB', 'RUBYOPT'],
]);
const FORBIDDEN_START = /^(?:LD_|_RLD|MALLOC_|BASH_FUNC_|SUDO_)/;

/** Why a step may not set this variable, as a phrase that names it; undefined when it may. */
export function forbiddenVariable(name: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return `${JSON.stringify(name)} is no name of an environment variable (letters, digits and _, not starting with a digit)`;
  }
  if (!FORBIDDEN.has(name) && !FORBIDDEN_START.test(name)) return undefined;
  return `a step may not set ${name} (let the program set it, or name files by their whole path)`;
}
