/** The objects that a watch knows, what they contribute, and the version up to which it knows them. Pure. */
import { uniqueAddresses } from '../../address.js';
import type { PeerAddress } from '../../discovery-strategy.js';
import { isRecord } from '../../option-check.js';
import type { Contribution, EndpointChoice, LeftOutReason, Reader } from './kubernetes-endpoints.js';
import { KubernetesFailure } from './kubernetes-failure.js';

/** More objects than any one application has: 10 000 pods, or as many slices of 100 endpoints. */
export const MAX_OBJECTS = 10_000;
/** Ten times what the mesh takes of one answer, which says what it leaves out. */
export const MAX_ADDRESSES = 20_000;
/** Kubernetes allows no longer name; versions are numbers of etcd in practice, and opaque by contract. */
const MAX_NAME_LENGTH = 253;
const MAX_VERSION_LENGTH = 256;

/** One page of a list. */
export interface Page {
  readonly items: readonly Readonly<Record<string, unknown>>[];
  readonly version: string;
  /** Asks for the next page; undefined on the last one. */
  readonly next: string | undefined;
}

/** What is to be said about the objects beside their addresses. */
export interface Summary {
  readonly objects: number;
  readonly addresses: number;
  readonly leftOut: Readonly<Partial<Record<LeftOutReason, number>>>;
  readonly portNames: readonly string[];
  /** Whether there are more addresses than an answer holds. */
  readonly isCut: boolean;
}

/**
 * Collects the pages of one list. It takes the place of what was known only once it is whole.
 */
export class ObjectList {
  readonly objects = new Map<string, Contribution>();
  /** Of the first page; the others show the same moment. */
  version: string | undefined;

  constructor(
    private readonly read: Reader,
    private readonly choice: EndpointChoice,
  ) {}

  /**
   * @returns how to ask for the next page; undefined when this was the last one.
   * @throws {@link KubernetesFailure} `malformed` for what is no list, `too-many` for more than {@link MAX_OBJECTS}.
   */
  add(body: unknown): string | undefined {
    const { items, version, next } = readPage(body);
    this.version ??= version;
    for (const item of items) {
      const { name } = identityOf(item);
      this.objects.set(name, this.read(item, this.choice));
    }
    if (this.objects.size > MAX_OBJECTS) throw tooMany();
    return next;
  }
}

/** What is known now. */
export class KubernetesObjects {
  private objects = new Map<string, Contribution>();
  private merged: readonly PeerAddress[] | undefined;
  /** From where a watch goes on; undefined before the first list, and when a new one is due. */
  version: string | undefined;

  constructor(
    private readonly read: Reader,
    private readonly choice: EndpointChoice,
  ) {}

  /** A list to be filled, for {@link KubernetesObjects.replace}. */
  newList(): ObjectList {
    return new ObjectList(this.read, this.choice);
  }

  /** From now on the objects are those of the list. @returns whether anybody came or went. */
  replace(list: ObjectList): boolean {
    const before = this.objects;
    this.objects = list.objects;
    this.version = list.version;
    this.merged = undefined;
    if (before.size !== this.objects.size) return true;
    for (const [name, contribution] of this.objects) {
      if (!contributesTheSame(before.get(name), contribution)) return true;
    }
    return false;
  }

  /**
   * Takes one event of a watch.
   *
   * @returns whether anybody came or went.
   * @throws {@link KubernetesFailure} `gone` when the version is too old to go on from, `status` for another error that
   * the server reports, `malformed` for what is no event, `too-many` for more than {@link MAX_OBJECTS}.
   */
  apply(event: unknown): boolean {
    if (!isRecord(event) || !isRecord(event['object'])) throw malformed('a line is no event of a watch');
    const { type, object } = event as { type: unknown; object: Record<string, unknown> };
    if (type === 'ERROR') {
      // Whatever it is, who goes on from the same version may meet it again.
      this.version = undefined;
      throw KubernetesFailure.ofStatus(object);
    }
    if (type === 'BOOKMARK') {
      this.version = versionOf(object);
      return false;
    }
    if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') throw malformed('an event is of no known type');
    const { name, version } = identityOf(object);
    const before = this.objects.get(name);
    const after = type === 'DELETED' ? undefined : this.read(object, this.choice);
    if (after === undefined) this.objects.delete(name);
    else if (before === undefined && this.objects.size >= MAX_OBJECTS) throw tooMany();
    else this.objects.set(name, after);
    this.version = version;
    const isChanged = !contributesTheSame(before, after);
    if (isChanged) this.merged = undefined;
    return isChanged;
  }

  /** All addresses, each once, sorted; {@link MAX_ADDRESSES} of them at most. */
  get addresses(): readonly PeerAddress[] {
    this.merged ??= uniqueAddresses(this.all()).slice(0, MAX_ADDRESSES);
    return this.merged;
  }

  get summary(): Summary {
    const leftOut: Partial<Record<LeftOutReason, number>> = {};
    const portNames = new Set<string>();
    let contributed = 0;
    for (const contribution of this.objects.values()) {
      contributed += contribution.addresses.length;
      for (const [reason, times] of Object.entries(contribution.leftOut) as [LeftOutReason, number][]) {
        leftOut[reason] = (leftOut[reason] ?? 0) + times;
      }
      if (portNames.size < MAX_SUMMARY_PORT_NAMES) contribution.portNames.forEach((name) => portNames.add(name));
    }
    const addresses = this.addresses.length;
    const isCut = addresses === MAX_ADDRESSES && contributed > MAX_ADDRESSES;
    return { objects: this.objects.size, addresses, leftOut, portNames: [...portNames], isCut };
  }

  private *all(): Iterable<PeerAddress> {
    for (const { addresses } of this.objects.values()) yield* addresses;
  }
}

const MAX_SUMMARY_PORT_NAMES = 8;

/** The order within an object has no meaning, but the server keeps it: a change of order alone is rare, and does no harm. */
function contributesTheSame(a: Contribution | undefined, b: Contribution | undefined): boolean {
  const [one, other] = [a?.addresses ?? [], b?.addresses ?? []];
  return (
    one.length === other.length &&
    one.every(({ host, port }, index) => host === other[index]!.host && port === other[index]!.port)
  );
}

function readPage(body: unknown): Page {
  if (!isRecord(body) || !isRecord(body['metadata'])) throw malformed('the answer is no list of Kubernetes');
  const { metadata, items } = body as { metadata: Record<string, unknown>; items?: unknown };
  const list = items ?? []; // an empty list may be left out, or null
  if (!Array.isArray(list) || !list.every(isRecord)) throw malformed('the items of the list are no objects');
  const next = metadata['continue'];
  return { items: list, version: versionOf(body), next: typeof next === 'string' && next !== '' ? next : undefined };
}

function identityOf(object: Readonly<Record<string, unknown>>): { name: string; version: string } {
  const name = isRecord(object['metadata']) ? object['metadata']['name'] : undefined;
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME_LENGTH)
    throw malformed('an object has no name');
  return { name, version: versionOf(object) };
}

function versionOf(object: Readonly<Record<string, unknown>>): string {
  const version = isRecord(object['metadata']) ? object['metadata']['resourceVersion'] : undefined;
  if (typeof version !== 'string' || version === '' || version.length > MAX_VERSION_LENGTH) {
    throw malformed('an object has no resourceVersion');
  }
  return version;
}

function malformed(what: string): KubernetesFailure {
  return new KubernetesFailure('malformed', `its answer cannot be read: ${what}`);
}

function tooMany(): KubernetesFailure {
  return new KubernetesFailure('too-many', `it lists more than ${MAX_OBJECTS} objects`);
}
