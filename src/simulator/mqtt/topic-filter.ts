/**
 * Whether a topic is within a filter (MQTT 3.1.1 §4.7), with AWS IoT Core's one difference: `x/#` does not match `x`.
 * A filter that begins with a wildcard matches topics that begin with `$` too: who subscribes must not have them (§4.7.2),
 * who orders a fault or reads the log may.
 */
export function matchesFilter(topic: string, filter: string): boolean {
  if (topic === filter) return !filter.endsWith('#');
  const levels = topic.split('/');
  const wanted = filter.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return levels.length > index;
    if (levels[index] === undefined || (level !== '+' && level !== levels[index])) return false;
  }
  return levels.length === wanted.length;
}

export function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.includes('#');
}

/** `#` only as the last level, `+` only as a whole level, at least one character, no null (MQTT 3.1.1 §4.7.1, §4.7.3). */
export function isFilter(text: string): boolean {
  if (text === '' || text.includes('\0')) return false;
  const levels = text.split('/');
  return levels.every((level, index) => {
    if (level === '+' || (level === '#' && index === levels.length - 1)) return true;
    return !hasWildcard(level);
  });
}
