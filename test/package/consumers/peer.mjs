// One node in a process of its own: `node peer.mjs <name> <port to dial, or 0>`, driven over IPC.
import { createMesh } from 'rookery/mesh';
import { staticPeers } from 'rookery/discovery';

const [name, port] = process.argv.slice(2);
const mesh = createMesh({
  name,
  cookie: 'the installed package, twice',
  listen: { host: '127.0.0.1', port: 0 },
  discovery: staticPeers(port === '0' ? [] : [{ host: '127.0.0.1', port: Number(port) }]),
});
mesh.subscribe('greeting', (payload, { from }) => process.send({ heard: payload, from: from.name }));
process.on('message', (greeting) => mesh.publish('greeting', greeting));
process.on('SIGTERM', () => mesh.leave().then(() => process.exit(0)));
await mesh.ready();
process.send({ port: mesh.self.address.port, members: mesh.members().map((member) => member.name) });
