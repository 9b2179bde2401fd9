/**
 * True when the whole text fits the pattern: `*` stands for any characters, also none, and every other character for
 * itself. No regular expression is made of either, and nothing is tried twice: each part is looked for once, from left
 * to right, after the one before it.
 */
export function fits(text: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first)) return false;
  let from = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, from);
    if (found === -1) return false;
    from = found + part.length;
  }
  return text.length - last.length >= from && text.endsWith(last);
}
