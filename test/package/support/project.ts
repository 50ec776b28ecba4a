/** Projects of users: empty folders far from this repository, with the packed `rookery` installed by npm. */
import { execFile } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installPacked } from '../../../tools/packed.mjs';

const run = promisify(execFile);

/** A program that does not end must not keep the tests from ending. */
const RUN_TIMEOUT_MS = 50_000;

const repository = process.cwd();
const consumers = join(repository, 'test/package/consumers');

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Project {
  private constructor(
    readonly folder: string,
    readonly remove: () => void,
  ) {}

  /** An empty project with the packed package, and other packages that a user would install beside it. */
  static create(...others: readonly string[]): Project {
    const { folder, remove } = installPacked(others);
    return new Project(folder, remove);
  }

  /** Brings files of `test/package/consumers` in. */
  add(...files: readonly string[]): void {
    for (const file of files) cpSync(join(consumers, file), join(this.folder, file), { recursive: true });
  }

  node(...args: readonly string[]): Promise<RunResult> {
    return this.run(process.execPath, args);
  }

  /** Compiles as strictly as a user can, the declarations of the package included. Answers with the complaints. */
  async compile(...files: readonly string[]): Promise<string> {
    const options = {
      target: 'es2023',
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      types: ['node'],
    };
    writeFileSync(join(this.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files }));
    return (await this.node(join(repository, 'node_modules/typescript/bin/tsc'), '--pretty', 'false')).stdout;
  }

  private async run(program: string, args: readonly string[]): Promise<RunResult> {
    try {
      return { code: 0, ...(await run(program, args, { cwd: this.folder, timeout: RUN_TIMEOUT_MS })) };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
      if (typeof code !== 'number') throw error;
      return { code, stdout, stderr };
    }
  }
}
