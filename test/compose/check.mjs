/** Checks the Compose files as far as that goes without an engine: Compose takes them, and wants a cookie. */
import { execFileSync } from 'node:child_process';
import { root } from '../../tools/layers.mjs';
import { findCompose } from './stack.mjs';

const compose = await findCompose();
if ('missing' in compose) fail(`it needs ${compose.missing}`);
const { CLUSTER_COOKIE: _, ...withoutCookie } = process.env;

const services = config(['--services'], { ...withoutCookie, CLUSTER_COOKIE: 'only to see whether it is asked for' });
const found = services.output.trim().split('\n').sort().join(' ');
if (!services.isFine || found !== 'api landing postgres') fail(services.output);

const refused = config(['-q'], withoutCookie);
if (refused.isFine || !refused.output.includes('CLUSTER_COOKIE')) {
  fail(`without CLUSTER_COOKIE it should be refused, naming the variable: ${refused.output}`);
}

const withFile = config([], { ...withoutCookie, CLUSTER_COOKIE: '' }, ['docker-compose.secret.yml']);
for (const part of ['CLUSTER_COOKIE_FILE: /run/secrets/cluster_cookie', 'cluster-cookie', "CLUSTER_COOKIE: ''"]) {
  const said = withFile.output.replaceAll('""', "''");
  if (!withFile.isFine || !said.includes(part)) fail(`with the secret file there should be ${part}: ${said}`);
}
process.stdout.write(
  `Compose ${compose.version} takes docker-compose.cluster.yml, also with docker-compose.secret.yml, and refuses it without a cookie.\n`,
);

function config(args, env, further = []) {
  const [program, ...first] = compose.command;
  try {
    const files = ['docker-compose.cluster.yml', ...further].flatMap((file) => ['-f', file]);
    const all = [...first, ...files, 'config', ...args];
    return { isFine: true, output: execFileSync(program, all, { cwd: root, env, encoding: 'utf8', stdio: 'pipe' }) };
  } catch (error) {
    return { isFine: false, output: `${error.stdout}${error.stderr}` };
  }
}

function fail(reason) {
  process.stderr.write(`The Compose files could not be found right: ${reason}\n`);
  process.exit(1);
}
