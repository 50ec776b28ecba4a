/** Who serves what, and whom to ask: the part of a call that only decides. */
import { type CallLane, MAX_SERVED, type Member, ProtocolError, type Serves } from '@rookery/mesh';
import type { Route } from './call.js';
import { score } from './rendezvous.js';

/** A member that can be asked: it is linked, and told what it serves. */
export interface Server {
  readonly lane: CallLane;
  /** Whether it is this node itself. */
  readonly isSelf: boolean;
  readonly keys: Set<string>;
  isDraining: boolean;
  /** Calls of ours that it has not answered yet. */
  inFlight: number;
}

/** Why nobody can be asked. */
export type NoServer = 'none' | 'draining' | 'full';

export class Directory {
  private readonly byLane = new Map<CallLane, Server>();
  private readonly byKey = new Map<string, Server[]>();
  private turn = 0;

  constructor(private readonly ownLane: CallLane) {}

  get servers(): Iterable<Server> {
    return this.byLane.values();
  }

  server(lane: CallLane): Server | undefined {
    return this.byLane.get(lane);
  }

  /** A member told what changed in what it serves. */
  apply(lane: CallLane, { added, removed, isDraining }: Serves): Server {
    let server = this.byLane.get(lane);
    if (server === undefined) {
      server = { lane, isSelf: lane === this.ownLane, keys: new Set(), isDraining: false, inFlight: 0 };
      this.byLane.set(lane, server);
    }
    server.isDraining = isDraining;
    for (const key of removed) {
      if (server.keys.delete(key)) this.unlist(key, server);
    }
    for (const key of added) {
      if (server.keys.has(key)) continue;
      if (server.keys.size >= MAX_SERVED) throw new ProtocolError(`more than ${MAX_SERVED} patterns served`);
      server.keys.add(key);
      const servers = this.byKey.get(key);
      if (servers === undefined) this.byKey.set(key, [server]);
      else servers.push(server);
    }
    return server;
  }

  /** Its link is gone. */
  remove(lane: CallLane): Server | undefined {
    const server = this.byLane.get(lane);
    if (server === undefined) return undefined;
    this.byLane.delete(lane);
    for (const key of server.keys) this.unlist(key, server);
    return server;
  }

  /** Everything that is served anywhere, in order. */
  get keys(): readonly string[] {
    return [...this.byKey.keys()].sort();
  }

  /** Those that serve `key` and that the route allows, those that are about to leave included. */
  matching(key: string, route: Route): readonly Server[] {
    const servers = this.byKey.get(key) ?? [];
    if (route.to === undefined && route.where === undefined) return servers;
    return servers.filter(({ lane }) => allows(route, lane.member));
  }

  /** Whom to ask, of those that were not `tried` yet; why nobody, otherwise. */
  choose(key: string, route: Route, tried: readonly Server[] | undefined): Server | NoServer {
    const matching = this.matching(key, route);
    let chosen: Server | undefined;
    let stuck: Server | undefined;
    let isAnyDraining = false;
    let isAnyFull = false;
    // Whoever is found first among equals is another one each time.
    const first = this.turn++;
    for (let i = 0; i < matching.length; i++) {
      const server = matching[(first + i) % matching.length]!;
      if (tried?.includes(server) === true) continue;
      if (server.isDraining) isAnyDraining = true;
      else if (server.lane.isFull) isAnyFull = true;
      else if (server.lane.isStuck) stuck = server;
      else if (route.prefer === 'local' && server.isSelf) return server;
      else if (chosen === undefined || isBetter(server, chosen, route.key)) chosen = server;
    }
    if (this.turn > 2 ** 30) this.turn = 0;
    return chosen ?? stuck ?? (isAnyFull ? 'full' : isAnyDraining ? 'draining' : 'none');
  }

  private unlist(key: string, server: Server): void {
    const servers = this.byKey.get(key)?.filter((other) => other !== server) ?? [];
    if (servers.length === 0) this.byKey.delete(key);
    else this.byKey.set(key, servers);
  }
}

function isBetter(server: Server, than: Server, key: string | undefined): boolean {
  if (key === undefined) return server.inFlight < than.inFlight;
  const [a, b] = [server.lane.member, than.lane.member];
  const difference = score(key, a.name) - score(key, b.name);
  // Two of one name: the same one everywhere.
  return difference === 0 ? a.incarnation > b.incarnation : difference > 0;
}

function allows({ to, where }: Route, member: Member): boolean {
  if (to !== undefined) {
    if (typeof to === 'string') {
      if (member.incarnation !== to && member.name !== to) return false;
    } else if (member.incarnation !== to.incarnation) return false;
  }
  if (where === undefined) return true;
  for (const name of Object.keys(where)) if (member.metadata[name] !== where[name]) return false;
  return true;
}
