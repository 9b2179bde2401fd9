/** The process's exit codes, after sysexits.h. docs/configuration.md shows this table to users. */
export const EXIT = {
  /** Stopped as asked; `validate`: every document is valid. */
  ok: 0,
  /** `validate`: a document is not. */
  invalid: 1,
  /** `validate`: a file cannot be read. */
  unreadable: 2,
  /** Unknown command or option (EX_USAGE). */
  usage: 64,
  /** A defect of ours (EX_SOFTWARE): systemd restarts the agent. */
  internal: 70,
  /** A local fault that only a person can mend (EX_CONFIG): restarting does not help. */
  localFault: 78,
} as const;
