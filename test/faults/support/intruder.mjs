/**
 * Somebody on the network without the cookie: records what goes through the group, and sends it again, as it is, with bits
 * turned, and made into answers. Prints what it did. Arguments: the family, the group, its port, and for how long to record.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

const [family, group, port, recordMs] = [
  process.argv[2],
  process.argv[3],
  Number(process.argv[4]),
  Number(process.argv[5]),
];
const type = family === 'IPv6' ? 'udp6' : 'udp4';
const own = networkInterfaces().wire.filter((address) => address.family === family);
const handle = family === 'IPv6' ? '::%wire' : own[0].address;

const ear = createSocket({ type, reuseAddr: true });
const mouth = createSocket(type);
ear.bind(port);
mouth.bind(0);
await Promise.all([once(ear, 'listening'), once(mouth, 'listening')]);
ear.addMembership(group, handle);
mouth.setMulticastInterface(handle);

const recorded = [];
let answers = 0;
let answerBytes = 0;
let sent = 0;
let sentBytes = 0;
ear.on('message', (packet, source) => {
  if (!own.some(({ address }) => source.address.startsWith(address))) recorded.push({ packet, source });
});
mouth.on('message', (packet) => {
  answers++;
  answerBytes += packet.length;
  recorded.push({ packet, source: undefined });
});

const send = async (packet, to, toPort) => {
  await new Promise((resolve) => mouth.send(packet, toPort, to, resolve));
  sent++;
  sentBytes += packet.length;
};

await delay(recordMs);
const kinds = new Set(recorded.map(({ packet }) => packet[5]));
const askers = recorded.flatMap(({ source }) => (source === undefined ? [] : [source]));
// What is recorded meanwhile, answers to its own questions among it, is sent again, too; each asker gets all of it at its own port.
for (let round = 0; round < 3; round++) {
  for (const { packet } of recorded.slice(0, 100)) {
    const turned = Buffer.from(packet);
    turned[randomBytes(1)[0] % turned.length] ^= 1 << (randomBytes(1)[0] & 7);
    const forged = Buffer.concat([packet.subarray(0, 38), Buffer.from([0x11, 0x12, 0]), randomBytes(32)]);
    forged[5] = 2;
    for (const bytes of [packet, turned, forged]) {
      await send(bytes, group, port);
      for (const { address, port: itsOwn } of askers.slice(-6)) await send(bytes, address, itsOwn);
    }
    await delay(5);
  }
}
await delay(200);
ear.close();
mouth.close();
const addresses = own.map(({ address }) => address);
process.stdout.write(
  JSON.stringify({ addresses, recorded: recorded.length, kinds: [...kinds], sent, sentBytes, answers, answerBytes }),
);
