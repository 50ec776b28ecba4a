/** Changes flags the way any client would: with a PUT to an api. Notes in the log what came of it. */
import { Injectable } from '@nestjs/common';
import { FleetError } from '../fleet/errors.js';
import { Fleet } from '../fleet/fleet.service.js';
import { type JsonAnswer, requestJson } from '../json-request.js';
import { ActivityLog } from '../watch/activity-log.js';
import { describeFlip, describeRefusal, type FlipAnswer } from '../watch/notes.js';
import { Watcher } from '../watch/watcher.service.js';
import { chooseApi, type FlagRequest } from './flag-request.js';

/** An api waits a second for the other replicas, and several for its database. */
const TIMEOUT_MS = 8_000;

/** What an api answered, and which one it was. */
export type FlagAnswer = JsonAnswer & { readonly via: string };

@Injectable()
export class FlagChanges {
  #turn = 0;

  constructor(
    private readonly fleet: Fleet,
    private readonly watcher: Watcher,
    private readonly log: ActivityLog,
  ) {}

  /**
   * Like {@link put}, for a flag that does not exist yet.
   *
   * @throws {@link FleetError} `FLAG_EXISTS`
   */
  async create(request: FlagRequest): Promise<FlagAnswer> {
    const { key } = request;
    const api = chooseApi(this.fleet.replicas(), request.via, this.#turn++);
    try {
      const { status } = await requestJson(`${api.url}/flags/${encodeURIComponent(key)}`, { timeoutMs: TIMEOUT_MS });
      if (status === 200) throw new FleetError('FLAG_EXISTS', `There is a flag ${key} already: its switch changes it.`);
    } catch (error) {
      if (!(error instanceof FleetError)) this.log.add(describeRefusal(key, api.name, `no answer (${String(error)})`));
      throw error;
    }
    return this.put({ ...request, via: api.name });
  }

  /** Resolves with what the api answered, be that a refusal. Rejects when it did not answer. */
  async put({ key, via, ...flag }: FlagRequest): Promise<FlagAnswer> {
    const api = chooseApi(this.fleet.replicas(), via, this.#turn++);
    try {
      const answer = await requestJson(`${api.url}/flags/${encodeURIComponent(key)}`, {
        put: flag,
        timeoutMs: TIMEOUT_MS,
      });
      const isDone = answer.status === 200 || answer.status === 201;
      this.log.add(
        isDone
          ? describeFlip(answer.body as FlipAnswer, api.name, answer.status === 201)
          : describeRefusal(key, api.name, reasonOf(answer)),
      );
      return { ...answer, via: api.name };
    } catch (error) {
      this.log.add(
        describeRefusal(key, api.name, `no answer, so nobody knows whether it was changed (${String(error)})`),
      );
      throw error;
    } finally {
      this.watcher.expectChange();
    }
  }
}

function reasonOf({ status, body }: JsonAnswer): string {
  const message = (body as { message?: unknown } | undefined)?.message;
  return typeof message === 'string' ? message : `it answered ${status}`;
}
