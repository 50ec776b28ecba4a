/** Every case of docs/nest-expectations.md names tests that exist under that name, and every number in their names is a case. */
import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = 'test/microservices';
const paper = readFileSync('docs/nest-expectations.md', 'utf8');
const numbers = [...paper.matchAll(/^\| (\d+) +\|/gm)].map(([, number]) => Number(number));
const differences = [...paper.matchAll(/^### (D\d+):/gm)].map(([, name]) => name!);
/** `file.spec.ts`: the name of a test, which ends with its numbers in brackets. */
const references = [...paper.matchAll(/`([a-z]+\.spec\.ts)`: (.+?\[[D\d, ]+\])/g)].map(([, file, name]) => ({
  file: file!,
  name: name!,
}));

describe('docs/nest-expectations.md', () => {
  it('numbers its cases and its differences without a hole', () => {
    expect(numbers.length).toBeGreaterThan(50);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(differences).toEqual(differences.map((_, index) => `D${index + 1}`));
  });

  it('has a test for each', () => {
    const tested = new Set(references.flatMap(({ name }) => /\[([^\]]+)\]$/.exec(name)![1]!.split(', ')));
    expect([...numbers.map(String), ...differences].filter((number) => !tested.has(number))).toEqual([]);
  });

  it('leaves out no test that says it is for one', () => {
    const named = readdirSync(FOLDER)
      .filter((file) => file.endsWith('.spec.ts'))
      .flatMap((file) => [...sourceOf(file).matchAll(/'(.+ \[[D\d, ]+\])'/g)].map(([, name]) => `${file}: ${name}`));
    const referred = new Set(references.map(({ file, name }) => `${file}: ${name}`));
    expect(named.sort()).toEqual([...referred].sort());
  });

  it.each(references)('names a test that is there: $file: $name', ({ file, name }) => {
    expect(sourceOf(file)).toContain(`'${name}'`);
  });
});

function sourceOf(file: string): string {
  return readFileSync(`${FOLDER}/${file}`, 'utf8');
}
