import { StringDecoder } from 'node:string_decoder';

import { redactText } from './redaction.ts';
import { withoutTerminalSequences } from './terminal-sequences.ts';

/** Characters. A longer line is given in pieces. */
const LONGEST_LINE = 16_384;
/** Characters at the end of a piece that go with the next one where they may be part of a word: a secret stays whole. */
const LONGEST_WORD = 4096;
/** Lines after which a private key that has no end is taken for something else: an RSA key of 16,384 bits has 200. */
const LONGEST_KEY = 256;
const KEY_BEGIN = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const KEY_END = /-----END [A-Z ]*PRIVATE KEY-----/;

/**
 * A program's output as lines to keep: UTF-8 whole however it was cut into chunks, secrets redacted also where they span
 * chunks or lines, terminal sequences gone, other control characters shown as `\x1b`.
 */
export class OutputLines {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  /** Lines of a private key so far; undefined outside one. */
  #keyLines: number | undefined;

  push(chunk: Buffer): string[] {
    this.#rest += this.#decoder.write(chunk);
    const lines = this.#rest.split('\n');
    this.#rest = lines.pop() ?? '';
    while (this.#rest.length > LONGEST_LINE) lines.push(this.#takePiece());
    return this.#shown(lines);
  }

  /** What is left without a line end. */
  end(): string[] {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    return rest === '' ? [] : this.#shown([rest]);
  }

  #takePiece(): string {
    let length = LONGEST_LINE;
    while (length > LONGEST_LINE - LONGEST_WORD && !/\s/.test(this.#rest.charAt(length - 1))) length -= 1;
    if (length === LONGEST_LINE - LONGEST_WORD) length = LONGEST_LINE;
    const piece = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return piece;
  }

  #shown(lines: readonly string[]): string[] {
    return lines.flatMap((line) => {
      const plain = this.#withoutKey(withoutTerminalSequences(line.replace(/\r$/, '')));
      return plain === undefined ? [] : [escapeControls(redactText(plain))];
    });
  }

  /** Undefined for a line within a private key. */
  #withoutKey(line: string): string | undefined {
    if (this.#keyLines === undefined) {
      const begin = KEY_BEGIN.exec(line);
      // One that ends on its own line is redactText's.
      if (begin === null || KEY_END.test(line.slice(begin.index))) return line;
      this.#keyLines = 0;
      return line;
    }
    this.#keyLines += 1;
    const end = KEY_END.exec(line);
    if (end === null && this.#keyLines < LONGEST_KEY) return undefined;
    this.#keyLines = undefined;
    return end === null ? line : line.slice(end.index + end[0].length) || undefined;
  }
}

function escapeControls(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return line.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, (control) => {
    return `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
