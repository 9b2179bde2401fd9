/** C's isspace() in the C locale, which is what AWS IoT Device Client trims with. */
const WHITE_SPACE = new Set([' ', '\t', '\n', '\v', '\f', '\r']);

/**
 * The words of a `command` text, as AWS IoT Device Client splits it: at commas, `\,` is a comma, words are trimmed and
 * empty ones vanish (its Util::SplitStringByComma).
 */
export function commandWords(command: string): string[] {
  return (command.match(/(?:\\,|[^,])+/g) ?? [])
    .map((word) => trimmed(word.replaceAll('\\,', ',')))
    .filter((word) => word !== '');
}

/** That agent refuses a first word with white space: it is a command written for a shell. */
export function hasWhiteSpace(word: string): boolean {
  return [...word].some((character) => WHITE_SPACE.has(character));
}

/** The words of a list in one text, as an unquoted `$@` of a shell splits it: at IFS, which is these three. */
export function listWords(list: string): string[] {
  return list.split(/[ \t\n]+/).filter((word) => word !== '');
}

/** By hand: a regular expression that looks for an end of white space takes quadratic time over long runs of it. */
function trimmed(word: string): string {
  let start = 0;
  let end = word.length;
  while (start < end && WHITE_SPACE.has(word.charAt(start))) start += 1;
  while (end > start && WHITE_SPACE.has(word.charAt(end - 1))) end -= 1;
  return word.slice(start, end);
}
