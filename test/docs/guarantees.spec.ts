/** Every promise of docs/guarantees.md names the tests that hold it, and these exist under that name. */
import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';

const paper = readFileSync('docs/guarantees.md', 'utf8');
const sections = paper.split(/^## (?=C\d+ )/m).slice(1);
/** `- `file`: _name, or its beginning_`. The names of tests hold no underscore but where the paper writes one. */
const references = [...paper.matchAll(/^- `([^`]+\.spec\.ts)`: _(.+?)_(?: \(.*\))?$/gm)].map(([, file, name]) => ({
  file: file!,
  name: name!,
}));

describe('docs/guarantees.md', () => {
  it('has a section for each promise, with tests, or says that it is not in this version', () => {
    expect(sections.map((section) => /^C\d+/.exec(section)?.[0])).toEqual(
      Array.from({ length: 11 }, (_, i) => `C${i + 1}`),
    );
    for (const section of sections) expect(section).toMatch(/^- `[^`]+\.spec\.ts`: _|Not in this version/m);
  });

  it('has read every reference', () => {
    expect(references).toHaveLength([...paper.matchAll(/^- `(?:test|libs|apps)\//gm)].length);
  });

  it('names every mutant of the simulation, by its rule', () => {
    const source = readFileSync('test/simulation/mutants.mjs', 'utf8');
    const mutants = [...source.matchAll(/name: '([^']+)',\s+rule: '([^']+)'/g)].map(([, name, rule]) => [name, rule]);
    const rows = [...paper.matchAll(/^\| C[\dC, ]*\| (.*?) +\| `([^`]+)` +\|$/gm)].map(([, rule, name]) => [
      name,
      rule,
    ]);
    expect(mutants.length).toBeGreaterThan(10);
    expect(rows.sort()).toEqual(mutants.sort());
  });

  it.each(references)('names a test that is there: $file: $name', ({ file, name }) => {
    expect(existsSync(file)).toBe(true);
    const source = readFileSync(file, 'utf8').replaceAll("\\'", "'");
    expect(source).toContain(name);
  });
});
