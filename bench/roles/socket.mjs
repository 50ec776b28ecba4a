/**
 * The reference: a bare socket between two processes that carries the same values, with the same codec at both ends and
 * a length in front; nothing else. With `isEncrypted` the same over TLS as the mesh pins it: what encryption alone costs.
 * With `isGathered` what is sent in one turn leaves in one write, as whoever has many calls in flight would do it.
 */
import { constants } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { callCommands } from '../calling.mjs';
import { importInternal, payloadOf } from '../support.mjs';

const { decode, encode } = await importInternal('shared/mesh.js');

const { port, isEncrypted = false, isGathered = false } = JSON.parse(process.argv[2]);

const PSK = Buffer.alloc(32, 7);
const TLS = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
  secureOptions: constants.SSL_OP_NO_TICKET,
};

function onValues(socket, onValue) {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      onValue(decode(rest, 4, end));
      rest = rest.subarray(end);
    }
  });
}

function send(socket, value) {
  const bytes = encode(value);
  const framed = Buffer.allocUnsafe(4 + bytes.length);
  framed.writeUInt32BE(bytes.length, 0);
  bytes.copy(framed, 4);
  if (isGathered && socket.writableCorked === 0) {
    socket.cork();
    process.nextTick(() => socket.uncork());
  }
  socket.write(framed);
}

if (port === undefined) {
  const serve = (socket) => {
    socket.setNoDelay(true);
    onValues(socket, (value) => send(socket, value));
  };
  const server = isEncrypted ? createTlsServer({ ...TLS, pskCallback: () => PSK }, serve) : createServer(serve);
  server.listen(0, '127.0.0.1', () => process.send({ type: 'ready', port: server.address().port }));
} else {
  const socket = isEncrypted
    ? connectTls({
        ...TLS,
        host: '127.0.0.1',
        port,
        pskCallback: () => ({ psk: PSK, identity: 'bench' }),
        checkServerIdentity: () => undefined,
      })
    : connect({ host: '127.0.0.1', port });
  socket.setNoDelay(true);
  // Whoever asked first is answered first.
  const asked = [];
  onValues(socket, (value) => asked.shift()(value));
  const call = (value) =>
    new Promise((resolve) => {
      asked.push(resolve);
      send(socket, value);
    });
  const commands = {
    ...callCommands({ call }),
    async roundTrips({ count, payload }) {
      const value = payloadOf(payload);
      const times = [];
      for (let i = 0; i < count; i++) {
        const started = performance.now();
        await call(value);
        times.push(performance.now() - started);
      }
      process.send({ type: 'roundTrips', times });
    },
  };
  process.on('message', (message) => void commands[message.type](message));
  socket.once(isEncrypted ? 'secureConnect' : 'connect', () => process.send({ type: 'ready' }));
}
process.on('disconnect', () => process.exit(0));
