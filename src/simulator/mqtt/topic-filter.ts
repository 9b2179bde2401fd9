/**
 * Whether a topic is within a filter (MQTT 3.1.1 §4.7), with AWS IoT Core's one difference: `x/#` does not match `x`.
 */
export function matchesFilter(topic: string, filter: string): boolean {
  const levels = topic.split('/');
  const wanted = filter.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return levels.length > index;
    if (levels[index] === undefined || (level !== '+' && level !== levels[index])) return false;
  }
  return levels.length === wanted.length;
}
