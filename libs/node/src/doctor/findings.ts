/** What a record of discovery means, in words that name the cause and the remedy. Pure. */
import type { DialStats, StrategyStats } from '@rookery/mesh';
import { printable } from '@rookery/runtime';

/** One line of a diagnosis. */
export interface Finding {
  /** `ok`, `note` for what may be as intended, `problem` for what keeps nodes apart. */
  readonly level: 'ok' | 'note' | 'problem';
  /** What it is about: a strategy, an address, or `summary`. */
  readonly subject: string;
  readonly text: string;
  /** What to do about it. */
  readonly mend: string | undefined;
}

/** What {@link explain} reads: the same record that `stats()` of a running node has. */
export interface DiscoveryRecord {
  readonly strategies: readonly StrategyStats[];
  readonly discovery: readonly DialStats[];
}

const MAX_SHOWN_ADDRESSES = 8;
const MAX_TEXT_LENGTH = 300;

/**
 * @param isOwn whether an address is the one of the node that is looked for beside us
 */
export function explain(record: DiscoveryRecord, isOwn: (address: string) => boolean): Finding[] {
  const findings = record.strategies.map(explainStrategy);
  for (const dial of record.discovery) findings.push(explainAddress(dial, isOwn(dial.address)));
  findings.push(summarize(record, isOwn));
  return findings;
}

function explainStrategy({ name, state, addresses, failure, note }: StrategyStats): Finding {
  if (state === 'failed' || state === 'waiting') {
    return {
      level: 'problem',
      subject: name,
      text: `does not know who is there: ${failure ?? 'no answer'}`,
      mend: note,
    };
  }
  if (addresses.length === 0) {
    const mend = note ?? 'This is as it should be only for the first node of a cluster.';
    return { level: 'problem', subject: name, text: 'lists nobody', mend };
  }
  const shown = addresses.slice(0, MAX_SHOWN_ADDRESSES).join(', ');
  const rest = addresses.length - MAX_SHOWN_ADDRESSES;
  const count = addresses.length === 1 ? '1 address' : `${addresses.length} addresses`;
  const text = `lists ${count}: ${shown}${rest > 0 ? ` and ${rest} more` : ''}`;
  return { level: note === undefined ? 'ok' : 'note', subject: name, text, mend: note };
}

function explainAddress(dial: DialStats, isOwn: boolean): Finding {
  const { address, outcome, member, detail, mend } = dial;
  const who = member === undefined ? 'a node' : printable(member);
  if (outcome === 'linked') {
    const text = isOwn ? `the node of this machine, ${who}, answers` : `${who} answers`;
    return { level: 'ok', subject: address, text, mend: undefined };
  }
  if (isOwn && outcome === 'refused') {
    const text = 'no node runs here now: this is an address of this machine';
    return { level: 'note', subject: address, text, mend: undefined };
  }
  const said = detail === undefined ? '' : ` (${printable(detail, MAX_TEXT_LENGTH)})`;
  return { level: 'problem', subject: address, text: `${outcome}${said}`, mend };
}

function summarize({ strategies, discovery }: DiscoveryRecord, isOwn: (address: string) => boolean): Finding {
  const others = discovery.filter(({ address }) => !isOwn(address));
  const answering = others.filter(({ outcome }) => outcome === 'linked').length;
  const summary = (level: Finding['level'], text: string, mend?: string): Finding => ({
    level,
    subject: 'summary',
    text,
    mend,
  });
  if (others.length === 0) {
    const known = strategies.every(({ state }) => state === 'answered');
    const text = known ? 'no other node is listed' : 'whether there are other nodes is not known';
    return summary('problem', text, 'A node that starts here now is alone, until another one dials it.');
  }
  if (answering === others.length) {
    return summary('ok', answering === 1 ? 'the other address answers' : `all ${count(answering)} answer`);
  }
  if (answering > 0) {
    // One is enough to learn of all that it hears, but an address that nobody can reach keeps a node from being fresh.
    return summary('problem', `${answering} of ${count(others.length)} answer`);
  }
  return summary('problem', `none of ${count(others.length)} answers: a node that starts here now is alone`);
}

function count(others: number): string {
  return others === 1 ? '1 other address' : `${others} other addresses`;
}
