/**
 * Checks `deploy/k8s` as far as that goes without a cluster: every overlay renders, each of its objects is one that
 * Kubernetes knows, and they fit together. Every rule is shown a mistake, too, which it must find.
 *
 *   npm run check:k8s
 *
 * Where there is a kubectl, it must render the same.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { root } from '../../tools/layers.mjs';
import { houseRules } from './house-rules.mjs';
import { render } from './render.mjs';
import { nameOf, schemaProblems } from './schema.mjs';

const folder = join(root, 'deploy/k8s/overlays');
const kubectl = findKubectl();
const problems = [];
let mistakes = 0;

for (const overlay of readdirSync(folder).sort()) {
  const say = (problem) => problems.push(`${overlay}: ${problem}`);
  const objects = render(join(folder, overlay));
  (await schemaProblems(objects)).forEach(say);
  if (kubectl !== undefined) differences(objects, byKubectl(overlay)).forEach(say);
  for (const { name, find, mistakes: made } of houseRules) {
    find(objects).forEach((problem) => say(`${problem} (${name})`));
    for (const [mistake, make] of Object.entries(made)) {
      const broken = copyOf(objects);
      make(broken);
      mistakes++;
      if (find(broken).length === 0) say(`the rule "${name}" does not find ${mistake}`);
    }
  }
  process.stdout.write(`${overlay}: ${objects.length} objects\n`);
}

const misspelt = copyOf(render(join(folder, 'dns')));
misspelt.find(({ kind }) => kind === 'Service').spec.publishNotReadyAdresses = true;
misspelt.find(({ kind }) => kind === 'Deployment').spec.minReady = 1;
if ((await schemaProblems(misspelt)).length !== 2) problems.push('misspelt fields are not found');
const wrong = copyOf(render(join(folder, 'dns')));
wrong.find(({ kind }) => kind === 'Deployment').spec.replicas = 'three';
if ((await schemaProblems(wrong)).length !== 1) problems.push('a value of the wrong kind is not found');

for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(
  `${houseRules.length} rules, which found ${mistakes} mistakes; ` +
    `${kubectl === undefined ? 'there is no kubectl here to hold it against' : `compared with what kubectl makes of it, kustomize ${kubectl}`}.\n`,
);
process.exit(problems.length === 0 ? 0 : 1);

/** The version of the kustomize in kubectl, if it is one that knows these files. */
function findKubectl() {
  try {
    const { kustomizeVersion = '' } = JSON.parse(run(['version', '--client', '--output=json']));
    return /^v[5-9]\./.test(kustomizeVersion) ? kustomizeVersion : undefined;
  } catch {
    return undefined; // not needed: the objects are checked all the same
  }
}

function byKubectl(overlay) {
  const output = run(['kustomize', join(folder, overlay)])
    // The hash of what is in it, which gives each change of a Secret another name.
    .replace(/\brookery-secrets-[a-z0-9]{10}\b/g, 'rookery-secrets');
  const objects = parseAllDocuments(output).map((document) => document.toJS());
  for (const { kind, data } of objects) {
    // Long ones are wrapped.
    if (kind === 'Secret') for (const key of Object.keys(data)) data[key] = data[key].replace(/\s/g, '');
  }
  return objects;
}

function run(args) {
  return execFileSync('kubectl', args, { encoding: 'utf8', stdio: 'pipe', timeout: 30_000 });
}

function copyOf(objects) {
  return JSON.parse(JSON.stringify(objects));
}

/** What two lists of objects do not have in common. */
function differences(ours, theirs) {
  const others = new Map(theirs.map((object) => [nameOf(object), object]));
  const different = ours.filter((object) => !isDeepStrictEqual(object, others.get(nameOf(object)))).map(nameOf);
  if (ours.length !== others.size) different.push(`${ours.length} objects, not ${others.size}`);
  return different.map((name) => `kubectl makes something else of ${name}`);
}
