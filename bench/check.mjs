/** Whether a run measured what it was to measure: who is missing, whose figures are none, and who lost a message. */
import { programOf } from './support.mjs';

const CALLERS = ['rookery, request', 'rookery, ClusterClient', 'nest-tcp', 'nats, Nest'];
const BARE = ['socket', 'socket, TLS', 'nats'];

/** Who takes part in each scenario. */
export const CONTESTANTS = {
  latency: ['rookery', 'redis', 'nest-tcp', 'socket', 'socket, TLS'],
  throughput: ['rookery', 'redis', 'nest-tcp'],
  fanOut: ['rookery'],
  footprint: ['rookery'],
  callLatency: [...CALLERS, ...BARE],
  callThroughput: [...CALLERS, ...BARE, 'socket, gathered'],
  callQuiet: CALLERS,
};

/** What some of them cannot do without. All others need nothing but Node. */
const PROGRAMS = { redis: 'redis-server', 'nats, Nest': 'nats-server', nats: 'nats-server' };

/** Who of them cannot be measured on this machine, and why. */
export function missing(contestants) {
  return contestants
    .filter((contestant) => contestant in PROGRAMS && programOf(PROGRAMS[contestant]) === undefined)
    .map((contestant) => ({
      contestant,
      message: `${contestant} was not measured: no ${PROGRAMS[contestant]} on this machine.`,
    }));
}

/**
 * What is wrong with the rows of a scenario, in sentences.
 *
 * @param {string[]} expected the contestants that each of its tables must have
 */
export function faults(name, rows, expected) {
  const found = [];
  for (const table of new Set(rows.map(({ scenario }) => scenario))) {
    const present = rows.filter(({ scenario }) => scenario === table).map(({ contestant }) => contestant);
    for (const contestant of expected) {
      if (!present.includes(contestant)) found.push(`${table}: no figures of ${contestant}.`);
    }
  }
  if (rows.length === 0) found.push(`${name}: no figures at all.`);
  for (const { scenario, contestant, ...figures } of rows) {
    for (const [what, figure] of Object.entries(figures)) {
      if (/NaN|Infinity|undefined|null/.test(String(figure))) {
        found.push(`${scenario}: ${what} of ${contestant} is ${figure}.`);
      }
    }
    if (figures.gaps > 0) found.push(`${scenario}: ${contestant} lost messages, ${figures.gaps} gaps in all.`);
  }
  return found;
}
