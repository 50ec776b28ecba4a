/** A Rookery node: echoes pings, publishes bursts, counts what arrives, answers and calls. Uses the installed package. */
import { callCommands } from '../calling.mjs';
import { COOKIE, importInstalled, payloadOf } from '../support.mjs';

const { createMesh } = await importInstalled('rookery/mesh');
const { staticPeers } = await importInstalled('rookery/discovery');

const { name, seeds, isAnswering = false } = JSON.parse(process.argv[2]);
const silent = { debug() {}, info() {}, warn() {}, error: console.error };
const mesh = createMesh({
  name,
  cookie: COOKIE,
  listen: { host: '127.0.0.1', port: 0 },
  discovery: staticPeers(seeds),
  logger: silent,
});

let gaps = 0;
let received = 0;
let expected = Infinity;
let firstAt = 0;
mesh.on('gap', () => gaps++);

function onBurst() {
  if (received++ === 0) firstAt = performance.now();
  if (received === expected) {
    process.send({
      type: 'received',
      ms: performance.now() - firstAt,
      wallMs: performance.timeOrigin + performance.now(),
      received,
      gaps,
    });
  }
}

let ticks = 0;
if (isAnswering) {
  mesh.respond('ping', (value) => value);
  mesh.subscribe('tick', () => ticks++);
}

let onEcho = () => undefined;
const commands = {
  ...callCommands({
    call: (value) => mesh.request('ping', value),
    emit: (value) => mesh.publish('tick', value),
    ticks: () => ticks,
  }),
  expect({ count }) {
    received = 0;
    expected = count;
    mesh.subscribe('burst', onBurst);
    process.send({ type: 'expect' });
  },
  again({ count }) {
    received = 0;
    expected = count;
    process.send({ type: 'again' });
  },
  async burst({ count, payload }) {
    const value = payloadOf(payload);
    const started = performance.now();
    for (let i = 0; i < count; i++) {
      mesh.publish('burst', value);
      if ((i & 31) === 0) await mesh.writable();
    }
    process.send({ type: 'burst', ms: performance.now() - started, startedWallMs: performance.timeOrigin + started });
  },
  echo() {
    mesh.subscribe('ping', (payload) => mesh.publish('pong', payload));
    process.send({ type: 'echo' });
  },
  async roundTrips({ count, payload }) {
    const value = payloadOf(payload);
    const end = mesh.subscribe('pong', () => onEcho());
    const times = [];
    for (let i = 0; i < count; i++) {
      const started = performance.now();
      const answered = new Promise((resolve) => (onEcho = resolve));
      mesh.publish('ping', value);
      await answered;
      times.push(performance.now() - started);
    }
    end();
    process.send({ type: 'roundTrips', times });
  },
  stamps() {
    mesh.subscribe('stamp', ({ at }) =>
      process.send({ type: 'stamp', ms: performance.timeOrigin + performance.now() - at }),
    );
    process.send({ type: 'stamps' });
  },
  stamp() {
    mesh.publish('stamp', { at: performance.timeOrigin + performance.now() });
  },
  members: () => process.send({ type: 'members', count: mesh.members('up').length }),
  cpu: () => process.send({ type: 'cpu', usage: process.cpuUsage() }),
};
process.on('message', (message) => void commands[message.type](message));
process.on('disconnect', () => process.exit(0));
await mesh.ready();
process.send({ type: 'ready', port: mesh.self.address.port });
