import type { Journal } from '../../src/journal/journal.ts';

export function history(): ((journal: Journal) => unknown)[];
export function snapshot(journal: Journal): string;
