/**
 * Renders the overlays of `deploy/k8s` where there is no kubectl: the few things that they use of kustomize, and an error
 * for whatever else they say. Where there is a kubectl, the check holds the two against each other.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

const KNOWN = ['apiVersion', 'kind', 'resources', 'patches', 'replicas', 'secretGenerator'];

/**
 * @param {string} folder one with a `kustomization.yaml`
 * @returns {object[]} what it makes, without the hashes that kustomize appends to the names of Secrets
 */
export function render(folder) {
  const file = join(folder, 'kustomization.yaml');
  const kustomization = parse(readFileSync(file, 'utf8'));
  onlyKnown(kustomization, KNOWN, file);
  const objects = (kustomization.resources ?? []).flatMap((path) => load(join(folder, path)));
  for (const generator of kustomization.secretGenerator ?? []) generate(generator, objects, folder, file);
  for (const { path, target, ...rest } of kustomization.patches ?? []) {
    onlyKnown(rest, [], file);
    const found = objects.filter(({ kind, metadata }) => kind === target.kind && metadata.name === target.name);
    if (found.length !== 1) throw new Error(`${file}: ${path} is for ${found.length} objects`);
    for (const operation of parse(readFileSync(join(folder, path), 'utf8'))) patch(found[0], operation, path);
  }
  for (const { name, count } of kustomization.replicas ?? []) {
    const found = objects.filter(({ metadata, spec }) => metadata.name === name && spec?.replicas !== undefined);
    if (found.length !== 1) throw new Error(`${file}: there are ${found.length} workloads called ${name}`);
    found[0].spec.replicas = count;
  }
  return objects;
}

function load(path) {
  if (statSync(path).isDirectory()) return render(path);
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => {
    if (document.errors.length > 0) throw new Error(`${path}: ${document.errors[0].message}`);
    return document.toJS();
  });
}

function generate({ name, envs, behavior = 'create', ...rest }, objects, folder, file) {
  onlyKnown(rest, [], file);
  const data = Object.fromEntries(envs.flatMap((env) => variables(join(folder, env))));
  const existing = objects.find(({ kind, metadata }) => kind === 'Secret' && metadata.name === name);
  if (behavior === 'create' && existing === undefined) {
    objects.push({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'Opaque', data });
  } else if (behavior === 'merge' && existing !== undefined) Object.assign(existing.data, data);
  else throw new Error(`${file}: to ${behavior} ${name} makes no sense here`);
}

/** Pairs of names and values, these in the Base64 of a Secret. */
function variables(path) {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const at = line.indexOf('=');
      if (at < 1) throw new Error(`${path}: "${line}" is no variable`);
      return [line.slice(0, at), Buffer.from(line.slice(at + 1)).toString('base64')];
    });
}

/** One operation of a JSON patch. */
function patch(object, { op, path, value }, file) {
  const keys = path.split('/').slice(1);
  const last = keys.pop();
  const parent = keys.reduce((part, key) => part?.[key], object);
  const isThere = parent?.[last] !== undefined;
  if (op === 'add' && Array.isArray(parent) && last === '-') parent.push(value);
  else if (op === 'replace' && isThere) parent[last] = value;
  else throw new Error(`${dirname(file)}: ${op} ${path} is no operation that is known here, or is for nothing`);
}

function onlyKnown(object, known, file) {
  const other = Object.keys(object).find((key) => !known.includes(key));
  if (other !== undefined) throw new Error(`${file}: ${other} is not known to test/k8s/render.mjs`);
}
