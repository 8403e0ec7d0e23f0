/**
 * Where the updates of late stand in the order, by their ids: clients come back with an id, the hub goes on from a position.
 * Bounded; an id that is forgotten is one after which something may be missing.
 */
import type { Hub } from "../hub.ts";
import type { Publication } from "../publication.ts";
import { addressLead, updateOf } from "./update.ts";

const mostIds = 50_000;
const mostRead = 10_000;

/** See the file's head. */
export class KnownIds {
  readonly #hub: Hub;
  readonly #positions = new Map<string, string>();
  #newest: string | undefined;
  #ready: Promise<void> | undefined;
  #leave: () => void = () => undefined;

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  /** The id of the newest update, if there was any. */
  get newest(): string | undefined {
    return this.#newest;
  }

  /** The position of an update, if it is known. */
  async positionOf(id: string): Promise<string | undefined> {
    await this.ready();
    return this.#positions.get(id);
  }

  /** Reads what was published before, once, and listens from then on. */
  ready(): Promise<void> {
    this.#ready ??= this.#begin();
    return this.#ready;
  }

  stop(): void {
    this.#leave();
  }

  async #begin(): Promise<void> {
    const interest = { kind: "prefix" as const, prefix: addressLead };
    const note = (publication: Publication) => this.#note(publication);
    this.#leave();
    // After a break of the order the log may hold what nobody was told of.
    const gap = () => {
      this.#ready = undefined;
    };
    const { seat } = await this.#hub.listen([interest], { hear: note, gap });
    this.#leave = () => seat.leave();
    for (const publication of await this.#hub.history(interest, mostRead)) note(publication);
  }

  #note(publication: Publication): void {
    const id = updateOf(publication)?.id;
    if (id === undefined) return;
    // The last one of an update with several topics counts: who saw it saw the others.
    this.#positions.delete(id);
    this.#positions.set(id, publication.position);
    this.#newest = id;
    if (this.#positions.size <= mostIds) return;
    for (const oldest of this.#positions.keys()) {
      this.#positions.delete(oldest);
      break;
    }
  }
}
