/**
 * What the papers say is held to what the sources say: every `ts` block compiles against them, every link leads
 * somewhere, and the tables of options and error codes are complete.
 *
 * A block is a module of its own. What it needs and a reader does not want to see stands before it, in a comment
 * `<!-- ts ... -->`.
 */
import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { DEFAULT_MESH_LIMITS } from '@rookery/mesh';

const root = process.cwd();
const papers = [
  ...readdirSync(root)
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(root, file)),
  ...(readdirSync(join(root, 'docs'), { recursive: true }) as string[])
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(root, 'docs', file)),
];
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Every `ts` block of a paper, by a file name that tells where it is. */
function blocksOf(paper: string): [name: string, source: string][] {
  const text = readFileSync(paper, 'utf8');
  return [...text.matchAll(/(?:<!-- ts\n([^]*?)-->\n\n)?^```ts\n([^]*?)^```$/gm)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length;
    return [`${paper.replace(/\.md$/, '')}.${line}.ts`, `${match[1] ?? ''}${match[2]}\nexport {};\n`];
  });
}

function complaintsAbout(blocks: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.readFile = (file) => blocks.get(file) ?? readFile(file);
  host.fileExists = (file) => blocks.has(file) || fileExists(file);
  const program = ts.createProgram([...blocks.keys()], options, host);
  // The sources have a check of their own: `npm run typecheck`.
  const diagnostics = [...blocks.keys()].flatMap((name) => {
    const file = program.getSourceFile(name)!;
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  });
  return diagnostics.map(({ file, messageText, start }) => {
    const { line } = file!.getLineAndCharacterOfPosition(start ?? 0);
    return `${relative(root, file!.fileName)}:${line + 1} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}

/** The members of `export type Name = 'A' | 'B'` in a source. */
function codesIn(source: string, name: string): string[] {
  const [, members = ''] = new RegExp(`export type ${name} =([^;]*);`).exec(textOf(source)) ?? [];
  return [...members.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code!);
}

/** What GitHub makes of a heading. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the papers', () => {
  it('show code that compiles', () => {
    const blocks = new Map(papers.flatMap(blocksOf));
    expect(blocks.size).toBeGreaterThan(10);
    expect(complaintsAbout(blocks)).toEqual([]);
  }, 60_000);

  it.each(papers.map((paper) => relative(root, paper)))('%s has links that lead somewhere', (paper) => {
    const text = textOf(paper).replace(/^```[^]*?^```$/gm, '');
    const links = [...text.matchAll(/(?<!!)\[[^\]]*\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
    const broken = links.filter((link) => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? join(root, paper) : join(root, dirname(paper), path);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('name every limit with its default', () => {
    const readme = textOf('README.md');
    for (const [name, value] of Object.entries(DEFAULT_MESH_LIMITS)) {
      expect(readme).toMatch(new RegExp(`^\\| \`${name}\` .*\\| ${value}\\b`, 'm'));
    }
  });

  it.each([
    ['libs/mesh/src/errors.ts', 'ClusterErrorCode'],
    ['libs/cluster/src/errors.ts', 'ClusterUsageErrorCode'],
    ['libs/discovery/src/errors.ts', 'DiscoveryErrorCode'],
  ])('name every code of %s', (source, type) => {
    const codes = codesIn(source, type);
    expect(codes.length).toBeGreaterThan(1);
    const readme = textOf('README.md');
    expect(codes.filter((code) => !readme.includes(`| \`${code}\``))).toEqual([]);
  });
});
