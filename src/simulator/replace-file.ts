import { rename, writeFile } from 'node:fs/promises';

/** Writes a file as a whole: whoever reads it sees the old content or the new. */
export async function replaceFile(path: string, content: string, mode: number): Promise<void> {
  await writeFile(`${path}.new`, content, { mode });
  await rename(`${path}.new`, path);
}
