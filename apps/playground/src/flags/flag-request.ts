/** Checks what the page asks for, and chooses the api that shall do it. Pure. */
import { FleetError } from '../fleet/errors.js';
import type { Replica } from '../fleet/replica.js';

export interface FlagRequest {
  readonly key: string;
  readonly enabled: boolean;
  readonly description?: string;
  /** The api to go through; any when undefined. */
  readonly via?: string;
}

/** As the api has it: checked here, too, because the key becomes part of an address. */
const KEY_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** @throws {@link FleetError} `INVALID_REQUEST` */
export function readFlagRequest(key: string, body: unknown): FlagRequest {
  if (!KEY_PATTERN.test(key)) {
    throw invalid('A key is 1 to 64 characters of a-z, 0-9, ".", "_" and "-", and begins with a letter or a digit.');
  }
  const { enabled, description, via } = (body ?? {}) as Record<string, unknown>;
  if (typeof enabled !== 'boolean') throw invalid('"enabled" must be true or false.');
  if (description !== undefined && typeof description !== 'string') throw invalid('"description" must be a text.');
  if (via !== undefined && typeof via !== 'string') throw invalid('"via" must be the name of an api.');
  return { key, enabled, ...(description !== undefined && { description }), ...(via !== undefined && { via }) };
}

/**
 * The named api, or each in turn.
 *
 * @throws {@link FleetError} when there is none to ask
 */
export function chooseApi(replicas: readonly Replica[], via: string | undefined, turn: number): Replica {
  const ready = replicas.filter(({ app, state }) => app === 'api' && state === 'up');
  if (via === undefined) {
    const api = ready[turn % ready.length];
    if (api === undefined) throw new FleetError('WRONG_STATE', 'No api is up: start one, for only an api can write.');
    return api;
  }
  const api = ready.find(({ name }) => name === via);
  if (api === undefined) throw new FleetError('WRONG_STATE', `${via} is not an api that is up.`);
  return api;
}

function invalid(message: string): FleetError {
  return new FleetError('INVALID_REQUEST', message);
}
