/** A DNS server in a process of its own, whose A records the suite sets over IPC. Without records a name does not exist. */
import dns2 from 'dns2';

const { Packet } = dns2;
const NXDOMAIN = 3;
let records = new Map();

const server = dns2.createServer({
  udp: true,
  handle(request, respond) {
    const response = Packet.createResponseFromRequest(request);
    const [question] = request.questions;
    const addresses = records.get(question.name);
    if (addresses === undefined) response.header.rcode = NXDOMAIN;
    else if (question.type === Packet.TYPE.A) {
      for (const address of addresses) {
        response.answers.push({ name: question.name, type: Packet.TYPE.A, class: Packet.CLASS.IN, ttl: 1, address });
      }
    }
    respond(response);
  },
});
server.on('listening', () => process.send({ port: server.addresses().udp.port }));
process.on('message', (entries) => {
  records = new Map(entries);
  process.send({ isSet: true });
});
process.on('disconnect', () => process.exit(0));
void server.listen({ udp: { port: Number(process.argv[2] ?? 0), address: '127.0.0.1' } });
