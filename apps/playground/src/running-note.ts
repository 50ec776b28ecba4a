/** A note in the data folder that says where the playground which uses it is served. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isPlayground } from './web/identity.js';

/** Where a playground that uses this folder is running; undefined when none is. */
export async function runningAt(dataFolder: string): Promise<string | undefined> {
  const url = read(dataFolder);
  return url !== undefined && (await isPlayground(url)) ? url : undefined;
}

export function noteRunning(dataFolder: string, url: string): void {
  mkdirSync(dataFolder, { recursive: true });
  writeFileSync(noteIn(dataFolder), `${JSON.stringify({ url, pid: process.pid })}\n`);
}

export function removeNote(dataFolder: string): void {
  rmSync(noteIn(dataFolder), { force: true });
}

function read(dataFolder: string): string | undefined {
  try {
    const { url } = JSON.parse(readFileSync(noteIn(dataFolder), 'utf8')) as { url?: unknown };
    return typeof url === 'string' && url.startsWith('http://127.0.0.1:') ? url : undefined;
  } catch {
    return undefined; // There is none, or one that was not written to its end.
  }
}

function noteIn(dataFolder: string): string {
  return join(dataFolder, 'running.json');
}
