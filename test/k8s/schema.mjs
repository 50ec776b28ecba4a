/**
 * Holds objects to what Kubernetes publishes about them. `kubernetes-models` has its schemas, which say what is missing or of
 * the wrong kind, and its types, which also say what no such object has: a misspelt field is nothing to a schema, and Kubernetes
 * drops it or refuses it.
 */
import { join } from 'node:path';
import ts from 'typescript';
import { root } from '../../tools/layers.mjs';

/**
 * @param {object[]} objects
 * @returns {Promise<string[]>} one sentence for each thing that is wrong
 */
export async function schemaProblems(objects) {
  const problems = [];
  for (const object of objects) {
    const where = nameOf(object);
    const models = await modelsOf(object.apiVersion).catch((error) => ({ error }));
    const Model = models[object.kind];
    if (Model === undefined) {
      problems.push(`${where}: there is no ${object.kind} in ${object.apiVersion}`);
      continue;
    }
    try {
      new Model(object).validate();
    } catch (error) {
      problems.push(
        ...(error.errors ?? [error]).map(({ instancePath = '', message }) => `${where}${instancePath} ${message}`),
      );
    }
  }
  return [...problems, ...(problems.length === 0 ? typeProblems(objects) : [])];
}

function modelsOf(apiVersion) {
  return import(`kubernetes-models/${apiVersion}`);
}

/** What the compiler says of the objects as literals of their types. */
function typeProblems(objects) {
  const file = join(root, 'test/k8s/objects.ts'); // nothing is written: it is where imports are resolved from
  // One line each, so that the line of a complaint says whose it is.
  const lines = objects.map(
    (object, i) =>
      `import type { I${object.kind} as Kind${i} } from 'kubernetes-models/${object.apiVersion}'; const _${i}: Kind${i} = ${JSON.stringify(object)};`,
  );
  const options = {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  const source = `${lines.join('\n')}\nexport {};\n`;
  host.readFile = (path) => (path === file ? source : readFile(path));
  host.fileExists = (path) => path === file || fileExists(path);
  const program = ts.createProgram([file], options, host);
  const parsed = program.getSourceFile(file);
  return [...program.getSyntacticDiagnostics(parsed), ...program.getSemanticDiagnostics(parsed)].map(
    ({ messageText, start }) => {
      const { line } = parsed.getLineAndCharacterOfPosition(start);
      return `${nameOf(objects[line])}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    },
  );
}

export function nameOf({ kind, metadata }) {
  return `${kind} ${metadata?.name}`;
}
