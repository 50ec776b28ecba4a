/** Projects of users: empty folders far from this repository, with the packed `rookery` installed by npm. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

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
  private constructor(readonly folder: string) {}

  /** Packs what `npm run build:lib` built, and installs it. No registry is asked: it has no dependencies of its own. */
  static async create(): Promise<Project> {
    const folder = mkdtempSync(join(tmpdir(), 'rookery-consumer-'));
    const project = new Project(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
    const packing = ['pack', join(repository, 'dist/rookery'), '--pack-destination', folder, '--json'];
    const [{ filename }] = JSON.parse((await project.npm(packing)).stdout) as [{ filename: string }];
    await project.npm(['install', `./${filename}`, '--offline', '--no-audit', '--no-fund']);
    return project;
  }

  /** Puts packages within reach that a user would install beside it. They are those of this repository. */
  provide(...packages: readonly string[]): void {
    for (const name of packages) {
      const place = join(this.folder, 'node_modules', name);
      mkdirSync(dirname(place), { recursive: true });
      symlinkSync(join(repository, 'node_modules', name), place, 'dir');
    }
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

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async npm(args: readonly string[]): Promise<RunResult> {
    const result = await this.run('npm', [...args, '--loglevel', 'error']);
    if (result.code !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${result.stderr}`);
    return result;
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
