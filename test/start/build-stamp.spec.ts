/** What `npm start` takes for a reason to build again. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '../apps/support/temporary-folder.js';

const tool = new URL('../../tools/build-stamp.mjs', import.meta.url).href;
const { fingerprintOfSources } = (await import(tool)) as { fingerprintOfSources(repository: string): string };

describe('the fingerprint of the sources', () => {
  let folder: TemporaryFolder;
  const write = (path: string, text = 'x') => {
    mkdirSync(dirname(folder.file(path)), { recursive: true });
    writeFileSync(folder.file(path), text);
  };
  const fingerprint = () => fingerprintOfSources(folder.path);

  beforeEach(() => {
    folder = temporaryFolder();
    const settings = ['nest-cli.json', 'package-lock.json', 'tsconfig.base.json', 'tsconfig.json'];
    for (const path of [...settings, 'tools/build-apps.mjs', 'apps/a/src/main.ts', 'libs/b/src/index.ts']) write(path);
  });
  afterEach(() => folder.remove());

  it('stays while nothing changes', () => {
    expect(fingerprint()).toBe(fingerprint());
  });

  it.each<[string, () => void]>([
    ['a source was edited', () => write('libs/b/src/index.ts', 'xy')],
    ['an older one was put in its place', () => utimesSync(folder.file('apps/a/src/main.ts'), 1, 1)],
    ['one was added', () => write('apps/a/views/page.eta')],
    ['one was deleted', () => rmSync(folder.file('libs/b/src/index.ts'))],
    ['one was renamed', () => renameSync(folder.file('apps/a/src/main.ts'), folder.file('apps/a/src/start.ts'))],
    ['other packages were installed', () => write('package-lock.json', 'xy')],
  ])('changes when %s', (_what, change) => {
    const before = fingerprint();
    change();
    expect(fingerprint()).not.toBe(before);
  });

  it('does not mind tests', () => {
    const before = fingerprint();
    write('apps/a/src/main.spec.ts');
    write('libs/b/test/support.ts');
    expect(fingerprint()).toBe(before);
  });
});
