const MOST_EDITS = 3;

/** The candidate that a person most likely meant, when one is near enough: at most 3 edits and 40 % of its length. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (Math.abs(word.length - candidate.length) > MOST_EDITS) continue;
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < least && edits <= Math.max(1, Math.min(MOST_EDITS, candidate.length * 0.4))) {
      best = candidate;
      least = edits;
    }
  }
  return best;
}

/** Levenshtein's distance, with two letters in each other's place as one edit (optimal string alignment). */
function distance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i += 1) {
    const current = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const replace = (previous[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      const swap = a[i] === b[j - 1] && a[i - 1] === b[j] ? (beforePrevious[j - 1] ?? 0) + 1 : replace;
      current.push(Math.min(replace, swap, (previous[j + 1] ?? 0) + 1, (current[j] ?? 0) + 1));
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
