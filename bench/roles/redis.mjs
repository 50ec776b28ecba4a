/** Redis pub/sub through ioredis, with JSON as its users send it. */
import { Redis } from 'ioredis';
import { payloadOf } from '../support.mjs';

const { port } = JSON.parse(process.argv[2]);
const subscriber = new Redis(port, '127.0.0.1');
const publisher = new Redis(port, '127.0.0.1');
let received = 0;
let expected = Infinity;
let firstAt = 0;
let onEcho = () => undefined;

subscriber.on('message', (channel, text) => {
  const payload = JSON.parse(text);
  if (channel === 'ping') void publisher.publish('pong', JSON.stringify(payload));
  else if (channel === 'pong') onEcho();
  else {
    if (received++ === 0) firstAt = performance.now();
    if (received === expected) process.send({ type: 'received', ms: performance.now() - firstAt, received, gaps: 0 });
  }
});

const commands = {
  async expect({ count }) {
    received = 0;
    expected = count;
    await subscriber.subscribe('burst');
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
    let last;
    for (let i = 0; i < count; i++) {
      last = publisher.publish('burst', JSON.stringify(value));
      // Without a pause nothing is sent and everything is kept in memory.
      if (i % 1000 === 999) await last;
    }
    await last;
    process.send({ type: 'burst', ms: performance.now() - started });
  },
  async echo() {
    await subscriber.subscribe('ping');
    process.send({ type: 'echo' });
  },
  async roundTrips({ count, payload }) {
    await subscriber.subscribe('pong');
    const text = JSON.stringify(payloadOf(payload));
    const times = [];
    for (let i = 0; i < count; i++) {
      const started = performance.now();
      const answered = new Promise((resolve) => (onEcho = resolve));
      void publisher.publish('ping', text);
      await answered;
      times.push(performance.now() - started);
    }
    process.send({ type: 'roundTrips', times });
  },
};
process.on('message', (message) => void commands[message.type](message));
process.on('disconnect', () => process.exit(0));
await Promise.all([subscriber.ping(), publisher.ping()]);
process.send({ type: 'ready' });
