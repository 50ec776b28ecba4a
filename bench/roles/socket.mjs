/** The reference: a bare `net` socket that carries the same bytes, with a length in front and nothing else. */
import { connect, createServer } from 'node:net';
import { encode } from '../../dist/rookery/mesh/src/index.js';
import { payloadOf } from '../support.mjs';

const { port } = JSON.parse(process.argv[2]);

function frames(socket, onFrame) {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      onFrame(rest.subarray(4, end));
      rest = rest.subarray(end);
    }
  });
}

function frame(bytes) {
  const framed = Buffer.allocUnsafe(4 + bytes.length);
  framed.writeUInt32BE(bytes.length, 0);
  bytes.copy(framed, 4);
  return framed;
}

if (port === undefined) {
  const server = createServer({ noDelay: true }, (socket) => frames(socket, (bytes) => socket.write(frame(bytes))));
  server.listen(0, '127.0.0.1', () => process.send({ type: 'ready', port: server.address().port }));
} else {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  let onEcho;
  frames(socket, () => onEcho());
  socket.once('connect', () => process.send({ type: 'ready' }));
  process.on('message', async ({ count, payload }) => {
    const bytes = frame(encode(payloadOf(payload)));
    const times = [];
    for (let i = 0; i < count; i++) {
      const started = performance.now();
      const answered = new Promise((resolve) => (onEcho = resolve));
      socket.write(bytes);
      await answered;
      times.push(performance.now() - started);
    }
    process.send({ type: 'roundTrips', times });
  });
}
process.on('disconnect', () => process.exit(0));
