/** NATS through its own client, with JSON as its users send it: what Nest's transport stands on. */
import { connect } from '@nats-io/transport-node';
import { callCommands } from '../calling.mjs';

// Not `ping`: Nest's own responder listens to that, on the same server.
const { port, isServer = false } = JSON.parse(process.argv[2]);
const connection = await connect({ servers: `127.0.0.1:${port}` });
if (isServer) {
  const callback = (error, message) => {
    if (error !== null) throw error;
    message.respond(JSON.stringify(message.json()));
  };
  connection.subscribe('plain.ping', { callback });
  // The server knows of the subscription, before anybody asks.
  await connection.flush();
}

const commands = callCommands({
  call: async (value) => (await connection.request('plain.ping', JSON.stringify(value), { timeout: 10_000 })).json(),
});
process.on('message', (message) => void commands[message.type](message));
process.on('disconnect', () => process.exit(0));
process.send({ type: 'ready' });
