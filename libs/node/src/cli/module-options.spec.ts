import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { systemClock } from '@rookery/runtime';
import { moduleOptions } from './module-options.js';

const MODULE = `
export default { cluster: 'shop', drainDelayMs: 5_000 };
export const made = async () => ({ cluster: 'made' });
export class Options { get cluster() { return 'got'; } }
export const instance = new Options();
export const number = 5;
export const nothing = null;
export const list = [];
export const never = new Promise(() => undefined);
export const broken = () => { throw new Error('no vault'); };
`;

let folder: string;
let file: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rookery-module-'));
  file = join(folder, 'options.mjs');
  writeFileSync(file, MODULE);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('moduleOptions()', () => {
  it('leaves out what is for the application and not for its node', async () => {
    const options = await moduleOptions(file, 'default');
    const keys: string[] = [];
    for (const key in options) keys.push(key);
    expect(keys.sort()).toEqual(['cluster', 'logger']);
  });

  it('calls a function, awaits a promise, and keeps the getters of a class', async () => {
    expect((await moduleOptions(file, 'made')).cluster).toBe('made');
    expect((await moduleOptions(file, 'instance')).cluster).toBe('got');
  });

  it.each(['number', 'nothing', 'list'])('takes %s for no options', async (name) => {
    await expect(moduleOptions(file, name)).rejects.toThrow(/not the options of createMesh|exports no nothing/);
  });

  it('says what there is where the name is another one, and what the module threw', async () => {
    await expect(moduleOptions(file, 'options')).rejects.toThrow(/exports no options; it exports .*instance.*--export/);
    await expect(moduleOptions(file, 'broken')).rejects.toThrow('no vault');
  });

  it('does not wait for ever', async () => {
    await expect(moduleOptions(file, 'never', systemClock, 20)).rejects.toThrow(
      /did not give its options within 20 ms/,
    );
  });
});
