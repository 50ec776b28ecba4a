/** A real name server on loopback whose zone a test writes and rewrites. */
import { createTCPServer, createUDPServer, Packet } from 'dns2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

interface Writer {
  names?: unknown;
}

/** dns2 compresses the target of an SRV record, which RFC 2782 forbids and resolvers since c-ares 1.34.7 refuse. */
const srvCodec = (Packet.Resource as unknown as { SRV: { encode(record: unknown, writer: Writer): void } }).SRV;
const encodeCompressed = srvCodec.encode;
srvCodec.encode = (record, writer) => {
  const { names } = writer;
  writer.names = undefined;
  encodeCompressed(record, writer);
  writer.names = names;
};

/** One SRV record. */
export interface Service {
  readonly target: string;
  readonly port: number;
  readonly priority?: number;
}

/** What is answered: records (none: "no such data"), an error, or nothing at all. */
export type Answer = readonly string[] | readonly Service[] | 'SERVFAIL' | 'REFUSED' | 'silence';

type RecordType = 'A' | 'AAAA' | 'SRV';

type Request = InstanceType<typeof Packet>;

export class ZoneServer {
  /** Every question that arrived, such as `A app.test`, in order. */
  readonly questions: string[] = [];
  /** How long records are good for. */
  ttlSeconds = 300;
  private readonly zone = new Map<string, Answer>();
  private readonly waiting = new Map<string, () => void>();

  private constructor(
    private readonly udp: ReturnType<typeof createUDPServer>,
    private readonly tcp: ReturnType<typeof createTCPServer>,
  ) {}

  static async start(): Promise<ZoneServer> {
    const handle = (request: Request, send: (response: Request) => unknown): void => server.handle(request, send);
    const tcp = createTCPServer(handle);
    const udp = createUDPServer(handle);
    const server = new ZoneServer(udp, tcp);
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    await udp.listen((tcp.address() as AddressInfo).port, '127.0.0.1');
    return server;
  }

  /** For `setServers`. */
  get address(): string {
    return `127.0.0.1:${(this.tcp.address() as AddressInfo).port}`;
  }

  /** Names without any answer do not exist (NXDOMAIN). */
  answer(type: RecordType, name: string, answer: Answer): this {
    this.zone.set(`${type} ${name}`, answer);
    return this;
  }

  /** From now on no name exists. */
  forget(): void {
    this.zone.clear();
  }

  /** Resolves when this question arrives. */
  asked(question: string): Promise<void> {
    return new Promise((resolve) => this.waiting.set(question, resolve));
  }

  async stop(): Promise<void> {
    await Promise.all([
      new Promise((resolve) => this.udp.close(() => resolve(undefined))),
      new Promise((resolve) => this.tcp.close(resolve)),
    ]);
  }

  private handle(request: Request, send: (response: Request) => unknown): void {
    const { name, type: typeNumber } = request.questions[0]!;
    const type = Packet.typeName(typeNumber);
    const question = `${type} ${name}`;
    this.questions.push(question);
    const answer = this.zone.get(question);
    const response = Packet.createResponseFromRequest(request);
    if (answer === undefined) response.header.rcode = this.knows(name) ? Packet.RCODE.NOERROR : Packet.RCODE.NXDOMAIN;
    else if (answer === 'SERVFAIL' || answer === 'REFUSED') response.header.rcode = Packet.RCODE[answer];
    else if (answer !== 'silence')
      response.answers.push(...answer.map((record) => resource(name, typeNumber, this.ttlSeconds, record)));
    if (answer !== 'silence') void send(response);
    this.waiting.get(question)?.();
  }

  private knows(name: string): boolean {
    return [...this.zone.keys()].some((key) => key.endsWith(` ${name}`));
  }
}

function resource(name: string, type: number, ttl: number, record: string | Service): Request['answers'][number] {
  const base = { name, type, class: Packet.CLASS.IN, ttl };
  const data = typeof record === 'string' ? { address: record } : { priority: 0, weight: 0, ...record };
  return { ...base, ...data } as Request['answers'][number];
}
