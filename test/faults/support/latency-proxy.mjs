/** A TCP proxy that hands on every byte only after a time, in order: a long wire. One target for each port. */
import { connect, createServer } from 'node:net';

const [host, delayMs, ...routes] = process.argv.slice(2);

for (const route of routes) {
  const [port, targetHost, targetPort] = route.split(':');
  createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = connect({ host: targetHost, port: Number(targetPort), noDelay: true, allowHalfOpen: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      const later = (fn) => setTimeout(fn, Number(delayMs));
      from.on('data', (chunk) => later(() => to.writable && to.write(chunk)));
      from.on('end', () => later(() => to.end()));
      from.on('error', () => later(() => to.destroy()));
    }
  }).listen(Number(port), host, () => process.send({ port }));
}
process.on('disconnect', () => process.exit(0));
