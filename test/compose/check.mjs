/** Checks `docker-compose.cluster.yml` as far as that goes without an engine: Compose takes it, and wants a cookie. */
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
process.stdout.write(`Compose ${compose.version} takes docker-compose.cluster.yml, and refuses it without a cookie.\n`);

function config(args, env) {
  const [program, ...first] = compose.command;
  try {
    const all = [...first, '-f', 'docker-compose.cluster.yml', 'config', ...args];
    return { isFine: true, output: execFileSync(program, all, { cwd: root, env, encoding: 'utf8', stdio: 'pipe' }) };
  } catch (error) {
    return { isFine: false, output: `${error.stdout}${error.stderr}` };
  }
}

function fail(reason) {
  process.stderr.write(`docker-compose.cluster.yml could not be found right: ${reason}\n`);
  process.exit(1);
}
