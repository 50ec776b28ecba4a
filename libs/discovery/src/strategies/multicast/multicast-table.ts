/** Who answered: the list of one node, its questions, and who is forgotten when. Pure. */
import type { PeerAddress } from '../../discovery-strategy.js';

/** The list is never longer. */
export const MAX_TABLE_ENTRIES = 1_000;

/** Whoever left so many questions in a row without an answer is listed no more. */
export const MISSED_QUESTIONS = 3;

/** An answer may be late, but not later than this: it might be a recorded one. In milliseconds. */
export const ANSWER_LIFETIME_MS = 3_000;

/** So many questions may be open at a time. */
const MAX_OPEN_QUESTIONS = 4;

/** So many are remembered of those who said goodbye, for answers of theirs that are still on their way. */
const MAX_DEPARTED = 1_000;

interface Entry {
  readonly address: PeerAddress;
  /** The number of the question that was answered last. */
  readonly question: number;
  readonly at: number;
}

interface Question {
  readonly number: number;
  readonly at: number;
  /** A second answer to the same question is a copy, and may come from wherever somebody sent it again. */
  readonly answeredBy: Set<string>;
}

/** What became of an answer. */
export type AnswerOutcome =
  /** Somebody who was not listed, or not there. */
  | 'new'
  /** Somebody who is listed. */
  | 'known'
  /** To no question that is open, or not the first of its sender: a late one, or a recorded one. */
  | 'unasked'
  /** The list is full. */
  | 'full';

export class MulticastTable {
  private readonly entries = new Map<string, Entry>();
  private readonly questions = new Map<string, Question>();
  private readonly departed = new Set<string>();
  private asked = 0;
  private overfull = false;

  /** @param patienceMs - for so long an entry stays at least, however many questions are asked meanwhile. */
  constructor(private readonly patienceMs: number) {}

  /** Whether somebody was left out because the list is full, since it was so last. */
  get isOverfull(): boolean {
    return this.overfull;
  }

  /** Notes that this node asks now; answers name the nonce. */
  ask(nonce: string, now: number): void {
    this.asked++;
    this.questions.set(nonce, { number: this.asked, at: now, answeredBy: new Set() });
    for (const [oldest] of this.questions) {
      if (this.questions.size <= MAX_OPEN_QUESTIONS) break;
      this.questions.delete(oldest);
    }
  }

  /** The question was never sent: nobody missed it. */
  revoke(nonce: string): void {
    if (this.questions.delete(nonce)) this.asked--;
  }

  /** Notes an answer. Its signature must have been checked. */
  answer(incarnation: string, nonce: string, address: PeerAddress, now: number): AnswerOutcome {
    const question = this.questions.get(nonce);
    const isOpen = question !== undefined && now - question.at <= ANSWER_LIFETIME_MS;
    if (!isOpen || question.answeredBy.has(incarnation) || this.departed.has(incarnation)) return 'unasked';
    const known = this.entries.get(incarnation);
    if (known === undefined && this.entries.size >= MAX_TABLE_ENTRIES) {
      this.forgetSilent(now);
      this.overfull = this.entries.size >= MAX_TABLE_ENTRIES;
      if (this.overfull) return 'full';
    }
    question.answeredBy.add(incarnation);
    // An answer to an earlier question may be overtaken.
    const number = Math.max(question.number, known?.question ?? 0);
    this.entries.set(incarnation, { address, question: number, at: now });
    const isSame = known?.address.host === address.host && known.address.port === address.port;
    return isSame ? 'known' : 'new';
  }

  /** Whether a node is listed, or said goodbye. */
  knows(incarnation: string): boolean {
    return this.entries.has(incarnation) || this.departed.has(incarnation);
  }

  /** Notes a goodbye; whether that node was listed. Its signature must have been checked. */
  depart(incarnation: string): boolean {
    this.departed.add(incarnation);
    for (const oldest of this.departed) {
      if (this.departed.size <= MAX_DEPARTED) break;
      this.departed.delete(oldest);
    }
    return this.entries.delete(incarnation);
  }

  /** Who is there, as far as is known. */
  list(now: number): PeerAddress[] {
    this.forgetSilent(now);
    if (this.entries.size < MAX_TABLE_ENTRIES) this.overfull = false;
    return [...this.entries.values()].map(({ address }) => address);
  }

  /** Both must be over, time and questions: after a pause of this very process nobody is to blame. */
  private forgetSilent(now: number): void {
    for (const [incarnation, { question, at }] of this.entries) {
      // The newest question may still be answered.
      const missed = this.asked - question - 1;
      if (missed >= MISSED_QUESTIONS && now - at > this.patienceMs) this.entries.delete(incarnation);
    }
  }
}
