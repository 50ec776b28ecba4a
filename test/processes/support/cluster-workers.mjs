/** An application in worker processes of `node:cluster`, as PM2 starts them too: each worker is a node of its own. */
import cluster from 'node:cluster';
import { createRequire } from 'node:module';

const WORKERS = 3;
const [, , folder, directory, cookie] = process.argv;

if (cluster.isPrimary) {
  const views = new Map();
  cluster.on('message', (worker, view) => {
    views.set(worker.id, view);
    if (views.size === WORKERS) process.send?.([...views.values()]);
  });
  for (let i = 0; i < WORKERS; i++) cluster.fork();
  process.once('disconnect', () => process.exit());
} else {
  const installed = createRequire(`${folder}/`);
  const { createMesh } = await import(installed.resolve('rookery/mesh'));
  const { local } = await import(installed.resolve('rookery/discovery'));
  const mesh = createMesh({ name: `worker-${cluster.worker.id}`, cookie, discovery: local({ directory }) });
  await mesh.ready();
  const report = () => {
    const members = mesh.members().map(({ name }) => name);
    if (members.length === WORKERS - 1) process.send({ port: mesh.self.address.port, members, name: mesh.self.name });
  };
  mesh.on('member.up', report);
  report();
}
