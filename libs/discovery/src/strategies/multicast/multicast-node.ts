/** One node in its multicast group, from start to withdraw: asks, answers, and remembers who answered. */
import { describeError } from '@rookery/runtime';
import { networkInterfaces } from 'node:os';
import { isLoopback, isThisHost, isUnspecified, uniqueAddresses } from '../../address.js';
import type { DiscoveryContext, PeerAddress } from '../../discovery-strategy.js';
import { DiscoveryError } from '../../errors.js';
import { hostRule } from '../../option-check.js';
import { describeSocketFailure } from './multicast-failure.js';
import { MulticastHearsay } from './multicast-hearsay.js';
import { chooseInterfaces, type MulticastInterface } from './multicast-interfaces.js';
import type { ResolvedMulticastOptions } from './multicast-options.js';
import { addressOfAnswer, isMessage, type MulticastAnswer, MulticastPackets } from './multicast-packet.js';
import { type InterfaceFailures, MulticastSockets, type PacketSource } from './multicast-sockets.js';
import { MAX_TABLE_ENTRIES, MISSED_QUESTIONS, MulticastTable } from './multicast-table.js';
import { RateLimit } from './rate-limit.js';

/** So long the first poll waits for answers. */
const FIRST_ANSWERS_MS = 250;
/** A poll so soon after another one asks nobody again, unless somebody new was heard. */
const MIN_QUESTION_GAP_MS = 250;
/** What this node sends for the asking, and what it looks at, a second; enough for {@link MAX_TABLE_ENTRIES} nodes. */
const MAX_ANSWERS_PER_SECOND = 200;
const MAX_PACKETS_PER_SECOND = 2_000;
/** For so many newcomers a second the loop is woken; the others are met at the next poll. */
const MAX_HINTS_PER_SECOND = 4;
/** Questions that were answered, so that a copy is not. */
const MAX_ANSWERED = 1_024;
/** Sockets that cannot be opened are tried again at the next poll, then more and more seldom, up to this. */
const MAX_RETRY_MS = 60_000;
/** So long leaving waits for the goodbye to be handed to the system. */
const GOODBYE_MS = 500;

interface Hearing {
  readonly sockets: MulticastSockets;
  readonly interfaces: readonly MulticastInterface[];
  readonly notJoined: InterfaceFailures;
}

export class MulticastNode {
  private readonly packets: MulticastPackets;
  private readonly table: MulticastTable;
  private readonly hearsay: MulticastHearsay;
  private readonly answersLeft = new RateLimit(MAX_ANSWERS_PER_SECOND, MAX_ANSWERS_PER_SECOND);
  private readonly hintsLeft = new RateLimit(MAX_HINTS_PER_SECOND, MAX_HINTS_PER_SECOND);
  /** One for each socket: what floods the port that all know leaves room for answers. */
  private readonly groupLeft = new RateLimit(MAX_PACKETS_PER_SECOND, MAX_PACKETS_PER_SECOND);
  private readonly askedLeft = new RateLimit(MAX_PACKETS_PER_SECOND, MAX_PACKETS_PER_SECOND);
  private readonly answered = new Set<string>();
  private sockets: MulticastSockets | undefined;
  private opening: Promise<MulticastSockets> | undefined;
  private asking: Promise<void> | undefined;
  private failures = 0;
  private retryAt = -Infinity;
  private lastFailure: DiscoveryError | undefined;
  private askedAt = -Infinity;
  /** When the first question to these sockets has had its time. */
  private settledAt = -Infinity;
  private isNewcomerHeard = false;
  private hasLeft = false;
  private hasToldOfForgery = false;
  private toldFailures = '';
  private interfaces: readonly MulticastInterface[] = [];
  private leftOut: readonly string[] = [];
  private isEmpty = false;

  constructor(
    private readonly options: ResolvedMulticastOptions,
    private readonly context: DiscoveryContext,
  ) {
    const patienceMs = MISSED_QUESTIONS * options.pollIntervalMs;
    this.packets = new MulticastPackets(context.self.cluster, context);
    this.table = new MulticastTable(patienceMs);
    this.hearsay = new MulticastHearsay(patienceMs);
  }

  /** Hears the group on every interface that is up now: whoever asks is answered from here on. */
  async listen(): Promise<Hearing> {
    const sockets = await this.open();
    if (this.hasLeft) sockets.close();
    const interfaces = this.chooseInterfaces();
    return { sockets, interfaces, notJoined: this.hasLeft ? new Map<string, unknown>() : sockets.join(interfaces) };
  }

  /** Asks, and answers who is there. */
  async peers(): Promise<PeerAddress[]> {
    // Polls that overlap ask once.
    this.asking ??= this.askOnce().finally(() => (this.asking = undefined));
    await this.asking;
    await this.until(this.settledAt);
    const peers = uniqueAddresses(this.table.list(this.now()));
    this.isEmpty = peers.length === 0;
    return peers;
  }

  /** Says goodbye, and closes the sockets. */
  async leave(): Promise<void> {
    this.hasLeft = true;
    // Whoever waited for it has been told why it failed.
    const sockets = this.sockets ?? (await this.opening?.catch(() => undefined));
    if (sockets === undefined) return;
    const { incarnation } = this.context.self;
    const goodbye = this.packets.encode({ kind: 'goodbye', incarnation });
    const sent = sockets.multicast(goodbye, this.interfaces).catch(() => undefined); // It is missed soon enough.
    await Promise.race([sent, this.until(this.now() + GOODBYE_MS)]);
    sockets.close();
  }

  explain(): string | undefined {
    const now = this.now();
    const { group, port } = this.options;
    const names = this.interfaces.map(({ name }) => name).join(', ');
    const sentences = this.hearsay.tell(now);
    if (this.toldFailures !== '') sentences.push(`Multicast fails on ${this.toldFailures}.`);
    if (this.leftOut.length > 0) sentences.push(`Left out are the interfaces ${this.leftOut.join(', ')}: choose one.`);
    if (this.table.isOverfull) sentences.push(`More than ${MAX_TABLE_ENTRIES} nodes answer; the others are left out.`);
    if (this.isEmpty) {
      sentences.push(
        `Nobody answers at ${group}, UDP port ${port}, on ${names}. If somebody is there, look whether the network ` +
          'forwards multicast, which most clouds do not, and whether firewalls let UDP through.',
      );
    }
    return sentences.length === 0 ? undefined : sentences.join(' ');
  }

  /** The sockets; opened, if they are not, and if the last attempt was not just now. */
  private async open(): Promise<MulticastSockets> {
    if (this.sockets !== undefined) return this.sockets;
    if (this.opening === undefined && this.lastFailure !== undefined && this.now() < this.retryAt) {
      throw this.lastFailure;
    }
    this.opening ??= this.openOnce().finally(() => (this.opening = undefined));
    return this.opening;
  }

  private async openOnce(): Promise<MulticastSockets> {
    try {
      const sockets = await MulticastSockets.open(this.options, {
        onPacket: (packet, source, isAsked) => this.hear(packet, source, isAsked),
        onFailure: (error) => this.onFailure(sockets, error),
      });
      this.failures = 0;
      this.lastFailure = undefined;
      this.askedAt = -Infinity;
      this.settledAt = Infinity;
      this.sockets = sockets;
      return sockets;
    } catch (error) {
      throw this.noteFailure(error);
    }
  }

  private async askOnce(): Promise<void> {
    const { sockets, interfaces, notJoined } = await this.listen();
    const now = this.now();
    if (now - this.askedAt < MIN_QUESTION_GAP_MS && !this.isNewcomerHeard) return;
    this.isNewcomerHeard = false;
    const nonce = this.context.random.bytes(16).toString('hex');
    const { incarnation } = this.context.self;
    // Before it is sent: one interface may bring an answer while the next is waited for.
    this.table.ask(nonce, now);
    const notSent = await sockets.multicast(this.packets.encode({ kind: 'query', incarnation, nonce }), interfaces);
    if (notSent.size === interfaces.length) {
      this.table.revoke(nonce);
      throw failed(this.describeFailures(notSent), [...notSent.values()][0]);
    }
    this.askedAt = now;
    if (this.settledAt === Infinity) this.settledAt = now + FIRST_ANSWERS_MS;
    this.tellFailures(new Map([...notJoined, ...notSent]));
  }

  /** Whatever a packet brings about, it ends here: others decide what arrives, and when. */
  private hear(packet: Buffer, source: PacketSource, isAsked: boolean): void {
    try {
      this.onPacket(packet, source, isAsked);
    } catch (error) {
      this.context.logger.debug(`A multicast packet of ${source.address} came to nothing: ${describeError(error)}`);
    }
  }

  private onPacket(packet: Buffer, source: PacketSource, isAsked: boolean): void {
    const now = this.now();
    const atAGlance = this.packets.glance(packet);
    if (atAGlance !== undefined) return this.hearsay.note(atAGlance, now);
    if (this.packets.incarnationOf(packet) === this.context.self.incarnation) return;
    if (!(isAsked ? this.askedLeft : this.groupLeft).take(now)) return;
    const message = this.packets.decode(packet);
    if (!isMessage(message)) {
      if (message === 'forged') this.tellOfForgery(source);
      return this.hearsay.note(message, now);
    }
    if (message.kind === 'answer') return this.onAnswer(message, source, now);
    if (message.kind === 'goodbye') {
      if (this.table.depart(message.incarnation)) this.context.changed();
      return;
    }
    // A copy, of another interface or of whoever recorded it, is worth nothing at all.
    if (this.answered.has(message.nonce)) return;
    // Not believed, for it may be recorded: it is a reason to ask, and no more.
    if (!this.table.knows(message.incarnation) && this.hintsLeft.take(now)) {
      this.isNewcomerHeard = true;
      this.context.changed();
    }
    this.answer(message.nonce, source, now);
  }

  private onAnswer(answer: MulticastAnswer, source: PacketSource, now: number): void {
    const address = addressOfAnswer(answer, source.address);
    if (hostRule(address.host) !== undefined) return this.hearsay.note('unusable', now);
    if (isLoopback(address.host) && !isThisHost(source.address, networkInterfaces())) {
      return this.hearsay.note('loopback', now);
    }
    if (this.table.answer(answer.incarnation, answer.nonce, address, now) === 'new') this.context.changed();
  }

  private answer(nonce: string, to: PacketSource, now: number): void {
    if (this.hasLeft || this.sockets === undefined || !this.answersLeft.take(now)) return;
    this.answered.add(nonce);
    for (const oldest of this.answered) {
      if (this.answered.size <= MAX_ANSWERED) break;
      this.answered.delete(oldest);
    }
    const { incarnation, address } = this.context.self;
    const host = isUnspecified(address.host) ? undefined : address.host;
    const packet = this.packets.encode({ kind: 'answer', incarnation, nonce, port: address.port, host });
    this.sockets.reply(packet, to).catch((error: unknown) => {
      this.context.logger.debug(`Could not answer ${to.address}, which asked by multicast: ${describeError(error)}`);
    });
  }

  /** @throws {@link DiscoveryError} when there is none. */
  private chooseInterfaces(): readonly MulticastInterface[] {
    const { family, interface: wanted } = this.options;
    const chosen = chooseInterfaces(interfacesOfHost(), family, wanted, process.platform === 'win32');
    this.interfaces = chosen.interfaces;
    this.leftOut = chosen.leftOut;
    if (chosen.problem !== undefined) throw failed(chosen.problem);
    return chosen.interfaces;
  }

  /** They are opened again at the next poll. */
  private onFailure(sockets: MulticastSockets, error: Error): void {
    if (this.sockets !== sockets || this.hasLeft) return;
    this.sockets = undefined;
    sockets.close();
    this.noteFailure(error);
    this.context.logger.debug(`The sockets of multicast are opened again: ${describeError(error)}`);
  }

  private noteFailure(error: unknown): DiscoveryError {
    const delayMs = (this.options.pollIntervalMs / 2) * 2 ** Math.min(this.failures++, 16);
    this.retryAt = this.now() + Math.min(delayMs, MAX_RETRY_MS);
    this.lastFailure = failed(describeSocketFailure(error, this.options.port), error);
    return this.lastFailure;
  }

  private tellFailures(failures: InterfaceFailures): void {
    const text = this.describeFailures(failures);
    if (text === this.toldFailures) return;
    this.toldFailures = text;
    if (text !== '') this.context.logger.warn(`Multicast fails on ${text}. What works is used, the rest tried again.`);
  }

  private describeFailures(failures: InterfaceFailures): string {
    return [...failures]
      .map(([name, error]) => `${name}: ${describeSocketFailure(error, this.options.port)}`)
      .join('; ');
  }

  private tellOfForgery({ address }: PacketSource): void {
    if (this.hasToldOfForgery) return;
    this.hasToldOfForgery = true;
    this.context.logger.warn(
      `Heard ${address} ask or answer by multicast in the name of this cluster, signed with another cookie. Nobody is ` +
        'listed for it. Give every node the same cookie, or the other cluster another name. This is said once.',
    );
  }

  private async until(at: number): Promise<void> {
    const delayMs = at - this.now();
    if (delayMs <= 0 || delayMs === Infinity) return;
    await new Promise<void>((resolve) => void this.context.clock.after(delayMs, resolve));
  }

  private now(): number {
    return this.context.clock.now();
  }
}

function interfacesOfHost(): ReturnType<typeof networkInterfaces> {
  try {
    return networkInterfaces();
  } catch (error) {
    throw failed(`the system does not tell its interfaces, perhaps in a sandbox: ${describeError(error)}`, error);
  }
}

function failed(problem: string, cause?: unknown): DiscoveryError {
  const message = `multicast() cannot ask who is there: ${problem}.`;
  return new DiscoveryError('DISCOVERY_MULTICAST_FAILED', message, { cause });
}
