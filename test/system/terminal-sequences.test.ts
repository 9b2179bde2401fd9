import { expect, test } from 'vitest';
import { withoutTerminalSequences } from '../../src/system/terminal-sequences.ts';

test.each([
  ['colours', '\x1b[1;31mred\x1b[0m \x1b[38:5:208morange\x1b[m \x9b1mbold', 'red orange bold'],
  ['cursor', '10%\x1b[2K\x1b[1G20%\x1b[?25l', '10%20%'],
  ['titles', '\x1b]0;a title\x07text\x1b]2;another\x1b\\.', 'text.'],
  ['links', '\x1b]8;;https://host/\x1b\\name\x1b]8;;\x1b\\', 'name'],
  ['strings', '\x1bPq#0;2;0\x1b\\text\x1b_app\x1b\\', 'text'],
  ['short ones', '\x1b7\x1b(Btext\x1b8\x1bc', 'text'],
  ['no bell takes the word before it along', '\x1b[0mword\x07', 'word\x07'],
  ['one without an end takes no line along', 'a\x1b]0;title\nb\x07', 'a0;title\nb\x07'],
  ['nothing', 'plain [31m é€😀 \\x1b', 'plain [31m é€😀 \\x1b'],
])('%s', (_, text, plain) => {
  expect(withoutTerminalSequences(text)).toBe(plain);
});
