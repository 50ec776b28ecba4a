/**
 * Runs `docker-compose.cluster.yml` for real and changes its size while flags change and pages are loaded. Started by hand,
 * for it needs a Docker engine and some minutes:
 *
 *   npm run test:compose
 *   npm run test:compose -- --override my-machine.yml     or COMPOSE_OVERRIDE=my-machine.yml
 *
 * An override is a Compose file for what a machine needs, such as `services: { api: { build: { network: host } }, ... }`
 * where builds reach the npm registry only through the network of the host.
 *
 * The project has a name of its own, so it disturbs no other one. Everything it made is removed in the end, but for what
 * Docker keeps of builds.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { getJson, send } from './http.mjs';
import { findEngine, Stack } from './stack.mjs';
import { flagOnPage, Flipper, Visitor } from './traffic.mjs';

const KEY = 'promo-banner';
const TOTAL_TIMEOUT_MS = 15 * 60_000;
const BUILD_TIMEOUT_MS = 8 * 60_000;
const MESH_TIMEOUT_MS = 60_000;
const POLL_MS = 25;

/** What a replica may take from the start of its container until every other one lists it. */
const JOIN_LIMIT_MS = 5_000;
/** After this time without a change, every replica must show the last one. */
const SETTLE_MS = 1_000;
/** How long a replica is paused, or without its network. */
const HINDERED_MS = 15_000;
/** What the others may take to know of it, and all of them to be as before once it is over. */
const NOTICE_LIMIT_MS = 8_000;
const HEAL_LIMIT_MS = 15_000;

const { values } = parseArgs({ options: { override: { type: 'string', multiple: true } } });
const overrides = values.override ?? (process.env.COMPOSE_OVERRIDE ? [process.env.COMPOSE_OVERRIDE] : []);

const compose = await findEngine();
if ('missing' in compose) {
  process.stderr.write(`The Compose test was not run: it needs ${compose.missing}.\n`);
  process.exit(2);
}

const aborting = new AbortController();
const { signal } = aborting;
setTimeout(
  () => aborting.abort(new Error(`not done after ${TOTAL_TIMEOUT_MS / 60_000} min`)),
  TOTAL_TIMEOUT_MS,
).unref();
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => aborting.abort(new Error(name)));

const stack = new Stack(compose.command, overrides, signal);
const flipper = new Flipper(KEY);
/** Visitors, by the id of the container they visit. */
const visitors = new Map();
const figures = [];
const problems = [];
let pages = 0;

try {
  await story();
} catch (error) {
  problems.push((signal.aborted ? signal.reason : error).message);
} finally {
  await cleanUp();
}
for (const [name, value] of figures) process.stdout.write(`${name.padEnd(70)} ${value}\n`);
for (const problem of problems) process.stdout.write(`FAILED: ${problem}\n`);
process.stdout.write(problems.length === 0 ? 'All as it should be.\n' : 'Not all as it should be.\n');
process.exit(problems.length === 0 ? 0 : 1);

async function story() {
  say(`Compose ${compose.version}, project ${stack.project}: building`);
  figure('build', await timed(() => stack.build(BUILD_TIMEOUT_MS)), 's');

  say('starting 3 landing, 2 api and the database');
  const startedAt = performance.now();
  await stack.scale({ api: 2, landing: 3 });
  let replicas = await waitForMesh({ api: 2, landing: 3 });
  figure('up to one mesh of 5, flags loaded', performance.now() - startedAt, 's');
  for (const { service, number, address } of replicas) {
    const said = await stack.port(service, number);
    check(said === address, `Compose says that ${service} ${number} serves at ${said}, not ${address}`);
  }
  await waitFor('every container is healthy', async () => (await allContainers()).every(({ isHealthy }) => isHealthy));

  say('asking the doctor in a container');
  const said = await stack.exec(replicas[0], 'rookery', 'doctor', '--dns', 'replicas');
  check(said.includes(`all ${replicas.length - 1} other addresses answer`), `the doctor says:\n${said}`);

  say('changing a flag through either api');
  const delays = [];
  flipper.apis = addressesOf(replicas, 'api');
  for (let i = 0; i < 40; i++) delays.push(await changeIsEverywhere(replicas));
  figure('one change until every landing was seen to show it, median', median(delays), 'ms');
  figure('one change until every landing was seen to show it, slowest', Math.max(...delays), 'ms');

  flipper.start();
  for (const replica of replicas) visit(replica);
  for (const landing of [2, 3, 1, 3]) replicas = await scaleTo(landing, replicas);
  figureOfChanges('while scaling');

  say('killing an api');
  const [victim, survivor] = replicas.filter(({ service }) => service === 'api');
  flipper.apis = [survivor.address];
  await stillShows(replicas); // and whatever was on its way through the other one is done
  const others = replicas.filter(({ id }) => id !== victim.id);
  const killedAt = performance.now();
  await stack.kill(victim);
  await waitFor('the killed api is known to be gone', () => allAgree(others, others));
  figure('docker kill of an api until all others know', performance.now() - killedAt, 'ms');
  await waitFor('the flags are proven current again', () => noneStale(others));
  figure('docker kill of an api until no flag is marked stale', performance.now() - killedAt, 'ms');
  await stack.scale({ api: 2, landing: 3 });
  replicas = await joined(others, { api: 2, landing: 3 }, 'the killed api, started again');
  flipper.apis = addressesOf(replicas, 'api');
  await stillShows(replicas);

  say('crashing a landing replica');
  const crashing = replicas.find(({ service }) => service === 'landing');
  await leave(crashing);
  const rest = replicas.filter(({ id }) => id !== crashing.id);
  await stack.crash(crashing);
  await waitFor('the crash is noticed', async () =>
    (await allContainers()).some(({ id, startedAt: at }) => id === crashing.id && at > crashing.startedAt),
  );
  replicas = await joined(rest, { api: 2, landing: 3 }, 'the crashed landing, restarted by Docker');
  await stillShows(replicas);
  figureOfChanges('around the kill and the crash');

  replicas = await hindered(
    replicas,
    replicas.find(({ service }) => service === 'api'),
    'paused',
    { begin: (api) => stack.pause(api), end: (api) => stack.unpause(api) },
  );
  replicas = await hindered(
    replicas,
    replicas.findLast(({ service }) => service === 'landing'),
    'without its network',
    { begin: (landing) => stack.disconnect(landing), end: (landing) => stack.connect(landing) },
  );
  await flipper.stop();

  for (const { id } of replicas) await leave({ id });
  figure('changes made', flipper.changes);
  figure('changes that failed', flipper.failures.length);
  figure('pages loaded', pages);
  check(flipper.failures.length === 0, `changes failed: ${flipper.failures.slice(0, 3).join('; ')}`);
}

/** Scales landing, under load, and checks what must hold afterwards. */
async function scaleTo(landing, before) {
  const count = before.filter(({ service }) => service === 'landing').length;
  say(`scaling landing ${count} -> ${landing}`);
  const beganAt = performance.now();
  const scaled = stack.scale({ api: 2, landing });
  let replicas;
  if (landing > count) {
    const names = watchNames(before);
    await scaled;
    replicas = await joined(before, { api: 2, landing }, `landing ${count} -> ${landing}`, names);
  } else {
    await scaled;
    figure(`landing ${count} -> ${landing}: command done`, performance.now() - beganAt, 's');
    const left = await stack.containers('landing');
    replicas = before.filter(({ service, id }) => service === 'api' || left.some((container) => container.id === id));
    await waitFor('the others know who left', () => allAgree(replicas, replicas));
    for (const gone of before.filter(({ id }) => !replicas.some((replica) => replica.id === id))) {
      await leave(gone, { isTold: true });
      for (const view of await viewsOf(replicas)) {
        const member = view.members.find(({ name }) => isNameOf(name, gone));
        check(member?.status === 'left', `${gone.name} is ${member?.status} to ${view.self.name}: no goodbye`);
      }
    }
  }
  await stillShows(replicas);
  return replicas;
}

/** Keeps a replica from the others for a while: they are told and serve on, and once it is over nobody misses anything. */
async function hindered(replicas, victim, how, { begin, end }) {
  const what = `${victim.service} ${victim.number} ${how}`;
  say(what);
  const others = replicas.filter(({ id }) => id !== victim.id);
  flipper.apis = addressesOf(others, 'api');
  await stillShows(replicas); // and whatever was on its way through the other one is done
  await leave(victim);
  const changesBefore = flipper.changes;
  const beganAt = performance.now();
  await begin(victim);
  await waitFor('the others are told', async () =>
    (await viewsOf(others)).every(({ members }) =>
      members.some(({ name, status }) => isNameOf(name, victim) && status !== 'up'),
    ),
  );
  const noticedMs = performance.now() - beganAt;
  figure(`${what}: noticed by all others after`, noticedMs, 'ms');
  check(noticedMs <= NOTICE_LIMIT_MS, `${what} was noticed only after ${Math.round(noticedMs)} ms`);
  await pause(HINDERED_MS - noticedMs, undefined, { signal });
  await stillShows(others);
  const changes = flipper.changes - changesBefore;
  figure(`${what}: changes that the others made meanwhile`, changes);
  check(changes > 0, `${what}: no change was possible meanwhile`);

  const endedAt = performance.now();
  await end(victim);
  const healed = await waitForMesh(sizeOf(replicas));
  const healedMs = performance.now() - endedAt;
  figure(`${what}: healed, with nothing stale, after`, healedMs, 'ms');
  check(healedMs <= HEAL_LIMIT_MS, `${what} was healed only after ${Math.round(healedMs)} ms`);
  await stillShows(healed);
  flipper.apis = addressesOf(healed, 'api');
  for (const replica of healed) visit(replica);
  figureOfChanges(`while ${what}`);
  return healed;
}

/** Waits for containers that are new, or run anew, to be members; prints and checks how long each took. */
async function joined(before, size, what, names = watchNames(before)) {
  const running = await waitFor('the containers run', async () => {
    const all = await allContainers();
    return all.length === size.api + size.landing && all.every(({ isRunning }) => isRunning) ? all : undefined;
  });
  const fresh = running.filter(({ id }) => !before.some((replica) => replica.id === id));
  for (const container of fresh) {
    const since = (name, at) => isNameOf(name, container) && at > container.startedAt;
    const sightings = await waitFor(`${container.name} is a member`, () => {
      const seen = names.sightings().map((one) => one.find(([name, at]) => since(name, at)));
      return seen.every(Boolean) ? seen : undefined;
    });
    const tookMs = Math.max(...sightings.map(([, at]) => at)) - container.startedAt;
    figure(`${what}: ${container.service} ${container.number}, container start to member`, tookMs, 'ms');
    check(tookMs <= JOIN_LIMIT_MS, `${container.name} took ${Math.round(tookMs)} ms to become a member`);
  }
  await names.stop();
  const replicas = await waitForMesh(size);
  for (const replica of replicas) visit(replica);
  return replicas;
}

/** Notes when each replica first lists a member as up, by name. */
function watchNames(replicas) {
  const seen = replicas.map(() => new Map());
  let isStopped = false;
  const watching = Promise.all(
    replicas.map(async ({ address }, i) => {
      while (!isStopped && !signal.aborted) {
        const view = await getJson(address, '/cluster').catch(() => undefined); // the wait for the sighting ends it
        const up = (view?.members ?? []).filter(({ status }) => status === 'up');
        for (const { name } of up) if (!seen[i].has(name)) seen[i].set(name, Date.now());
        await pause(POLL_MS);
      }
    }),
  );
  return {
    sightings: () => seen.map((one) => [...one]),
    stop: async () => {
      isStopped = true;
      await watching;
    },
  };
}

/** Stops the changes for a second: by then no replica may show anything but the last one. */
async function stillShows(replicas) {
  const isRunning = flipper.changes > 0;
  await flipper.stop();
  await pause(SETTLE_MS);
  const { enabled, version } = flipper.last;
  for (const { service, address, name } of replicas) {
    const { flag } = await getJson(address, `/flags/${KEY}`);
    check(
      flag.enabled === enabled && flag.version === version,
      `${name} holds version ${flag.version} a second after the last change, which is version ${version}`,
    );
    if (service !== 'landing') continue;
    const page = flagOnPage((await send(address, '/')).text, KEY);
    check(page.version === version && page.enabled === enabled, `the page of ${name} shows version ${page.version}`);
  }
  if (isRunning) flipper.start();
}

/** Makes a change; resolves to how long it took until every landing replica was seen to show it. */
async function changeIsEverywhere(replicas) {
  const beganAt = performance.now();
  const { flag, live } = await flipper.flip();
  check(
    live.confirmed.length === replicas.length - 1 && live.failed.length + live.pending.length === 0,
    `version ${flag.version} was confirmed by ${live.confirmed.length}, not by ${replicas.length - 1}`,
  );
  await Promise.all(
    addressesOf(replicas, 'landing').map((address) =>
      waitFor('the page shows the change', async () => {
        const page = flagOnPage((await send(address, '/')).text, KEY);
        return page.version === flag.version && page.enabled === flag.enabled;
      }),
    ),
  );
  return performance.now() - beganAt;
}

/** Resolves to the replicas once they are one mesh, nobody is missing and everybody has loaded the flags. */
async function waitForMesh({ api, landing }) {
  return waitFor(
    `${landing} landing and ${api} api are one mesh`,
    async () => {
      const replicas = await allContainers();
      if (replicas.length !== api + landing || !replicas.every(({ isRunning }) => isRunning)) return undefined;
      return (await allAgree(replicas, replicas)) && (await noneStale(replicas)) ? replicas : undefined;
    },
    MESH_TIMEOUT_MS,
  );
}

/** Whether each of these replicas lists and is linked with exactly the others of `members`. */
async function allAgree(replicas, members) {
  const views = await viewsOf(replicas);
  return views.every((view, i) => {
    const others = members.filter(({ id }) => id !== replicas[i].id);
    const up = view.members.filter(({ status }) => status === 'up');
    return (
      isNameOf(view.self.name, replicas[i]) &&
      up.length === others.length &&
      view.links.length === others.length &&
      others.every((other) => up.some(({ name }) => isNameOf(name, other)))
    );
  });
}

async function noneStale(replicas) {
  const lists = await Promise.all(replicas.map(({ address }) => getJson(address, '/flags')));
  return lists.every(({ stale }) => !stale);
}

function viewsOf(replicas) {
  return Promise.all(replicas.map(({ address }) => getJson(address, '/cluster')));
}

/** A replica's name begins with the name of its host, which is the id of the container. */
function isNameOf(name, { hostname }) {
  return name.startsWith(`${hostname}-`);
}

async function allContainers() {
  return [...(await stack.containers('api')), ...(await stack.containers('landing'))];
}

function sizeOf(replicas) {
  const count = (service) => replicas.filter((replica) => replica.service === service).length;
  return { api: count('api'), landing: count('landing') };
}

function addressesOf(replicas, service) {
  return replicas.filter((replica) => replica.service === service).map(({ address }) => address);
}

/** Two visitors for each landing replica: one keeps its connection, one makes a new one for each page. */
function visit({ service, id, address }) {
  if (service !== 'landing' || visitors.has(id)) return;
  visitors.set(
    id,
    [true, false].map((keepsConnection) => new Visitor(address, KEY, { keepsConnection })),
  );
}

/** Ends the visits of a replica, and counts them. One that ended should have told its visitors to go, and no other one. */
async function leave({ id }, { isTold = false } = {}) {
  const own = visitors.get(id) ?? [];
  visitors.delete(id);
  for (const visitor of own) {
    await visitor.stop();
    pages += visitor.pages;
    check(visitor.wasSentAway === isTold, `a visitor was ${isTold ? 'not told' : 'told'} to go`);
    const { failures } = visitor;
    check(failures.length === 0, `${failures.length} pages failed, such as: ${failures.slice(0, 3).join('; ')}`);
  }
}

async function cleanUp() {
  await flipper.stop();
  for (const id of [...visitors.keys()]) await leave({ id });
  try {
    if (problems.length > 0) process.stderr.write(await stack.logs());
  } catch (error) {
    process.stderr.write(`There are no logs: ${error.message}\n`);
  }
  say('removing everything');
  try {
    const left = await stack.down();
    check(left.length === 0, `left behind: ${left.join(', ')}`);
  } catch (error) {
    problems.push(error.message);
  }
}

/** Resolves with the first truthy value of the condition; one that throws counts as not yet. */
async function waitFor(what, condition, timeoutMs = 20_000) {
  const deadline = performance.now() + timeoutMs;
  let reason = '';
  while (performance.now() < deadline) {
    signal.throwIfAborted();
    try {
      const value = await condition();
      if (value) return value;
    } catch (error) {
      reason = `: ${error.message}`;
    }
    await pause(POLL_MS);
  }
  throw new Error(`not so within ${timeoutMs / 1000} s: ${what}${reason}`);
}

async function timed(action) {
  const beganAt = performance.now();
  await action();
  return performance.now() - beganAt;
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function check(isFine, problem) {
  if (!isFine) problems.push(problem);
}

/** @param value milliseconds when there is a unit, else a count */
function figure(name, value, unit) {
  const shown = { s: `${(value / 1000).toFixed(1)} s`, ms: `${Math.round(value)} ms` }[unit] ?? String(value);
  figures.push([name, shown]);
}

/** What became of the changes since the last such figures. */
function figureOfChanges(when) {
  figure(`slowest change ${when}`, flipper.slowestMs, 'ms');
  figure(`changes ${when} that some replica did not confirm in time`, flipper.unconfirmed);
  flipper.slowestMs = 0;
  flipper.unconfirmed = 0;
}

function say(text) {
  process.stderr.write(`[compose] ${text}\n`);
}
