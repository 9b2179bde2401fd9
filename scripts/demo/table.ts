/** What the control plane says of one execution. */
export interface Row {
  readonly jobId: string;
  readonly status: string;
  readonly details: Readonly<Record<string, string>>;
}

/** Shows executions as they change: a table redrawn in place on a terminal, one line per change elsewhere. */
export class LiveTable {
  readonly #output: NodeJS.WriteStream;
  readonly #shown = new Map<string, string>();
  #height = 0;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  show(rows: readonly Row[]): void {
    const lines = rows.map((row) => [row.jobId, line(row)] as const);
    const changed = lines.filter(([jobId, text]) => this.#shown.get(jobId) !== text);
    if (changed.length === 0) return;
    for (const [jobId, text] of changed) this.#shown.set(jobId, text);
    if (!this.#output.isTTY) {
      for (const [, text] of changed) this.#output.write(`${text}\n`);
      return;
    }
    const width = this.#output.columns || 80;
    if (this.#height > 0) this.#output.write(`\x1b[${this.#height}A`);
    for (const [, text] of lines) this.#output.write(`\x1b[2K${text.slice(0, width - 1)}\n`);
    this.#height = lines.length;
  }
}

function line(row: Row): string {
  const details = Object.entries(row.details).map(([key, value]) => `${key}=${value}`);
  return `  ${row.jobId.padEnd(16)} ${row.status.padEnd(12)} ${details.join(' ')}`.trimEnd();
}
