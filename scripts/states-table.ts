import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { STATES } from '../src/journal/states.ts';

// Prints the table of states (src/journal/states.ts) into docs/guarantees.md, between its two marks.

const BEGIN = '<!-- states: npm run states -->';
const END = '<!-- /states -->';

/** The document with the table as it is now. */
export function withStates(document: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`docs/guarantees.md lacks ${BEGIN} … ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n\n${statesTable()}\n${document.slice(end)}`;
}

function statesTable(): string {
  const rows = Object.entries(STATES).map(([state, { meaning, afterCrash, on }]) => {
    const events = Object.entries(on).map(([event, next]) => `${event} → \`${next}\``);
    return `| \`${state}\` | ${meaning} | ${afterCrash} | ${events.join(', ')} |`;
  });
  return ['| State | Meaning | After a crash | What may happen |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL('../docs/guarantees.md', import.meta.url);
  writeFileSync(file, withStates(readFileSync(file, 'utf8')));
}
