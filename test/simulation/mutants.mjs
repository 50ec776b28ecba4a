/**
 * One mutant for each rule: the sources with that rule broken. A simulation that cannot tell a mutant from the real thing
 * proves nothing about the rule. The edits are made while the modules are loaded, so that no shipped code has a switch; one
 * whose text is not found exactly once is an error.
 */

const MESH = 'libs/mesh/src';

export const MUTANTS = [
  {
    name: 'no-replay',
    rule: 'a link resumes where the peer is, not at the head',
    edits: [
      {
        file: `${MESH}/link/greeting.ts`,
        find: 'have > 0 ? { seq: have + 1, missed: undefined }',
        replace: 'have > 0 ? { seq: log.head + 1, missed: undefined }',
      },
      {
        file: `${MESH}/delivery/inbox.ts`,
        find: 'if (seq < 1 || seq > peer.last + 1) {',
        replace: 'peer.last = Math.max(peer.last, seq - 1);\n    if (seq < 1) {',
      },
    ],
  },
  {
    name: 'first-contact-at-head',
    rule: 'a newcomer is sent what was published in its lifetime',
    edits: [
      {
        file: `${MESH}/link/greeting.ts`,
        find: 'missed: undefined } : this.firstContact(peer)',
        replace: 'missed: undefined } : { seq: log.head + 1, missed: undefined }',
      },
    ],
  },
  {
    name: 'no-origin-lost',
    rule: 'an origin that died is a gap',
    edits: [
      {
        file: `${MESH}/membership/membership.ts`,
        find: "this.owner.onGap({ from: peer.member, reason: 'origin-lost', missed: undefined });",
        replace: '',
      },
    ],
  },
  {
    name: 'keyed-by-name',
    rule: 'state belongs to an incarnation, not to a name',
    edits: [
      {
        file: `${MESH}/membership/peer-table.ts`,
        find: 'this.peers.set(peer.incarnation, peer);',
        replace:
          'const old = [...this.peers.values()].find(({ name }) => name === peer.name);\n' +
          '    if (old !== undefined) { peer.last = old.last; peer.hasStarted = old.hasStarted; this.peers.delete(old.incarnation); }\n' +
          '    this.peers.set(peer.incarnation, peer);',
      },
    ],
  },
  {
    name: 'no-load-guard',
    rule: 'a value whose key was invalidated while it was loaded is not kept',
    edits: [
      {
        file: 'test/simulation/cached-database.ts',
        find: 'if (!load.isOutdated) this.entries.set(key, version);',
        replace: 'this.entries.set(key, version);',
      },
    ],
  },
  {
    name: 'no-freshness',
    rule: 'a node that cannot prove that it is up to date says so',
    edits: [
      {
        file: `${MESH}/freshness.ts`,
        find: 'return { fresh: reasons.length === 0, reasons };',
        replace: 'return { fresh: true, reasons: [] };',
      },
    ],
  },
  {
    name: 'freshness-by-any-frame',
    rule: 'only who reached the head is fresh, not who hears anything at all',
    edits: [
      {
        file: `${MESH}/membership/peer.ts`,
        find: 'if (this.last >= head) {',
        replace: 'if (head >= 0) {',
      },
    ],
  },
  {
    name: 'forget-by-timeout',
    rule: 'silence alone is no evidence of a death',
    edits: [
      {
        file: `${MESH}/membership/evidence.ts`,
        find: 'if (now - evidence.aloneSince >= GIVE_UP_MS)',
        replace: 'if (now - evidence.aloneSince >= 3_000)',
      },
    ],
  },
  {
    name: 'no-hearsay',
    rule: 'members tell each other whom they hear',
    edits: [
      {
        file: `${MESH}/membership/membership.ts`,
        find: '      this.hearOf(entry);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'write-before-readiness',
    rule: 'nobody writes before the first mesh is formed',
    edits: [
      {
        file: 'test/simulation/world.ts',
        find: '    await node.ready();\n',
        replace: '    await node.start();\n',
      },
    ],
  },
  {
    name: 'superseded-frames',
    rule: 'frames of a link that another one has replaced are discarded',
    edits: [
      // By the rules only a link that is dead already is replaced: here, one of two that crossed is, alive.
      {
        file: `${MESH}/link/link-choice.ts`,
        find: 'return !areCrossing || candidate.isDialled === current.isDialled;',
        replace: 'return !areCrossing || candidate.isDialled === current.isDialled || candidate.isDialled;',
      },
      {
        file: `${MESH}/mesh.ts`,
        find: 'if (peer.link === link && link.hasServed) this.inbox',
        replace: 'if (link.hasServed) this.inbox',
      },
      {
        file: `${MESH}/mesh.ts`,
        find: "if (previous !== undefined) previous.reject({ code: 'duplicate-link', text: 'replaced by a newer link' });",
        replace: 'if (previous !== undefined) this.bound.delete(previous);',
      },
    ],
  },
  {
    name: 'lower-wins',
    rule: 'the newest link wins, for a peer only dials when it holds none',
    edits: [
      {
        file: `${MESH}/link/link-choice.ts`,
        find: '  if (peerDroppedCurrent) return true;\n',
        replace: '  if (!peerDroppedCurrent || peerDroppedCurrent) return candidate.isDialled && !current.isDialled;\n',
      },
    ],
  },
  {
    name: 'verdict-before-poll',
    rule: 'what waits in the socket is read before silence is held against anybody',
    edits: [
      {
        file: `${MESH}/link/heartbeats.ts`,
        find: 'private verify(link: Link): void {\n    this.clock.afterPoll(() => {',
        replace: 'private verify(link: Link): void {\n    [0].forEach(() => {',
      },
    ],
  },
  {
    name: 'pump-ignores-drain',
    rule: 'one slice is written, and the next only once the kernel took it',
    edits: [
      {
        file: `${MESH}/link/link.ts`,
        find: 'while (!this.isWriting) {',
        replace: 'for (;;) {',
      },
    ],
  },
  {
    name: 'newcomers-count-as-proven',
    rule: 'a node that was only heard of proves nothing',
    edits: [
      {
        file: `${MESH}/membership/peer.ts`,
        find: 'this.bornAt = bornAt;',
        replace: 'this.bornAt = bornAt; this.provenAt = now;',
      },
    ],
  },
  {
    name: 'former-self-lives',
    rule: 'whoever was at our own address before us is gone',
    edits: [
      {
        file: `${MESH}/membership/evidence.ts`,
        find: 'if (evidence.leadsToUs && !isHeardByOthers)',
        replace: 'if (evidence.leadsToUs && isHeardByOthers)',
      },
    ],
  },
  {
    name: 'two-lives-at-one-address',
    rule: 'another incarnation at the address of one without a link has taken its place',
    edits: [
      {
        file: `${MESH}/membership/evidence.ts`,
        find: 'if (evidence.successor !== undefined) return',
        replace: 'if (evidence.successor === null) return',
      },
    ],
  },
  {
    name: 'gap-told-twice',
    rule: 'what two links tell to be missing is missing once',
    edits: [
      {
        file: `${MESH}/delivery/inbox.ts`,
        find: 'peer.received += missed;\n    link.noteLeading(peer.received);',
        replace: '',
      },
    ],
  },
  {
    name: 'ends-unheard',
    rule: 'who was away learns who lived and died meanwhile',
    edits: [
      {
        file: `${MESH}/membership/membership.ts`,
        find: '    const peer = this.makePeer(incarnation, { name, address: { host, port }, metadata: {} }, endedMs);\n',
        replace:
          '    if (endedMs >= 0) return;\n    const peer = this.makePeer(incarnation, { name, address: { host, port }, metadata: {} }, endedMs);\n',
      },
    ],
  },
  {
    name: 'no-detour',
    rule: 'a member that hears both carries what a broken link cannot',
    edits: [
      {
        file: `${MESH}/detour/detours.ts`,
        find: 'if (!peer.isExpected || peer.isRelinking) return false;',
        replace: 'if (peer !== undefined) return false;',
      },
    ],
  },
  {
    name: 'detour-begins-anywhere',
    rule: 'what was carried and begins too late is ignored',
    edits: [
      {
        file: `${MESH}/delivery/inbox.ts`,
        find: 'if (!peer.isAnnounced || next > peer.last + 1) return -1;',
        replace: 'if (!peer.isAnnounced) return -1;',
      },
    ],
  },
  {
    name: 'stalled-accuses',
    rule: 'who was held up itself accuses nobody of having hung up',
    edits: [
      {
        file: `${MESH}/mesh.ts`,
        find: 'if (this.heartbeats.wasStalled) this',
        replace: 'if (reason === undefined) this',
      },
    ],
  },
];
