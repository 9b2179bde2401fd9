/**
 * ECMA-48 §5.4 and §8.3: a control sequence (CSI, colours and cursor), an operating system command (OSC, titles and
 * links), another control string (DCS, SOS, PM, APC), or an escape of two or so characters. None reaches over a line.
 */
const SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)|\x1b[PX^_][^\x1b\x9c\n]*(?:\x1b\\|\x9c)|\x1b[ -/]*[0-~]/g;

/**
 * A text without what moves or colours a terminal. Node's own stripVTControlCharacters takes a word with it that stands
 * between a colour and a bell, in Node 22.
 */
export function withoutTerminalSequences(text: string): string {
  return text.replace(SEQUENCE, '');
}
