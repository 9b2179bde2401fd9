/**
 * Variables that make another program than the one named run, or make it load other code: glibc's own list of those
 * it drops for setuid programs (sysdeps/generic/unsecvars.h), sudo's (`initial_badenv_table` of plugins/sudoers/env.c),
 * and Node's. With them a step could get round the policy's commands and handlers, and run code as root in the tool that
 * switches to its user. PATH too: a program that is in order would start others that are not.
 */
export const FORBIDDEN_VARIABLES: readonly string[] = [
  ...['PATH', 'IFS', 'CDPATH', 'ENV', 'BASH_ENV', 'BASHOPTS', 'SHELLOPTS', 'PS4', 'GLOBIGNORE', 'FPATH', 'NULLCMD'],
  ...['READNULLCMD', 'ZDOTDIR', 'TMPPREFIX', 'GCONV_PATH', 'GETCONF_DIR', 'GLIBC_TUNABLES', 'HOSTALIASES'],
  ...['LOCALDOMAIN', 'LOCPATH', 'NIS_PATH', 'NLSPATH', 'PATH_LOCALE', 'RES_OPTIONS', 'RESOLV_HOST_CONF', 'TZDIR'],
  ...['TERMCAP', 'TERMINFO', 'TERMINFO_DIRS', 'TERMPATH', 'JAVA_TOOL_OPTIONS', 'NODE_OPTIONS', 'NODE_PATH'],
  ...['PERLIO_DEBUG', 'PERLLIB', 'PERL5LIB', 'PERL5OPT', 'PERL5DB', 'PYTHONHOME', 'PYTHONPATH', 'PYTHONINSPECT'],
  ...['PYTHONSTARTUP', 'PYTHONUSERBASE', 'RUBYLIB', 'RUBYOPT'],
];
/** What the names of others begin with. */
export const FORBIDDEN_STARTS: readonly string[] = ['LD_', '_RLD', 'MALLOC_', 'BASH_FUNC_', 'SUDO_'];

/** The beginning of a regular expression: that what follows is none of them. */
export const NOT_FORBIDDEN = `(?!(?:${FORBIDDEN_VARIABLES.join('|')})$|${FORBIDDEN_STARTS.join('|')})`;

export function isForbiddenVariable(name: string): boolean {
  return FORBIDDEN_VARIABLES.includes(name) || FORBIDDEN_STARTS.some((start) => name.startsWith(start));
}
