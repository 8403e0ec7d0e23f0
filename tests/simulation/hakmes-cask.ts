/**
 * Cask as the nodes of Hakmes meet it in a simulation: blobs under their hash, on the machines of the same nodes or on one
 * elsewhere. Slow, sometimes failing, and truthful: what it acknowledged is on a majority, and a list says whether a
 * majority was heard. Its own faults are simulated by itself (simulate.ts).
 */
import { below, type Random } from "../../src/kit/random.ts";
import { Fault } from "../../src/kit/fault.ts";
import { bucketOf, type Key } from "../../src/storage/cask/client.ts";
import type { ChunkStore } from "../../src/storage/hakmes/chunk-store.ts";
import { keyOfShort } from "../../src/storage/hakmes/digest.ts";
import type { Shelf } from "../../src/storage/hakmes/shelf.ts";
import { sleep } from "../../src/kit/clock.ts";
import type { NodeClock } from "./virtual-clock.ts";

/** What the store needs to know of the world. */
export interface CaskWorld {
  random: Random;
  nodeCount: number;
  /** Whether blobs lie on the nodes themselves; otherwise they lie elsewhere, in reach of everybody. */
  isHere: boolean;
  /** Whether a node runs and packets pass between the two in both directions. */
  reaches(from: number, to: number): boolean;
  /** How often a call fails. */
  failing(): number;
}

/** The blobs of a simulated cluster. */
export class SimulatedCask {
  readonly #world: CaskWorld;
  readonly #blobs = new Map<Key, Uint8Array>();
  readonly #buckets = new Map<Key, number>();
  /** By machine, what lies there. */
  readonly #held: Set<Key>[];

  constructor(world: CaskWorld) {
    this.#world = world;
    this.#held = Array.from({ length: world.isHere ? world.nodeCount : 1 }, () => new Set<Key>());
  }

  /** Stores at once, everywhere: what a stranger put there long ago. */
  plant(key: Key, bytes: Uint8Array): void {
    this.#keep(key, bytes);
    for (const held of this.#held) held.add(key);
  }

  /** Whether every machine has everything, so that one may be lost. */
  isHealed(): boolean {
    return this.#held.every((held) => held.size === this.#blobs.size);
  }

  /** A machine loses its disk. */
  lose(node: number): void {
    if (this.#world.isHere) this.#held[node]?.clear();
  }

  /** Machines that reach each other give each other what they lack. */
  heal(): void {
    if (!this.#world.isHere) return;
    this.#held.forEach((held, from) => {
      this.#held.forEach((other, to) => {
        if (from !== to && this.#world.reaches(from, to)) for (const key of held) other.add(key);
      });
    });
  }

  /** The store as the process of a node sees it. */
  chunks(node: number, clock: NodeClock): ChunkStore {
    const missing = (key: Key) => new Fault("missing", "cask/not-found", `Cannot find ${key}`);
    const get = (key: Key, signal: AbortSignal | undefined) =>
      this.#call(clock, signal, () => {
        const bytes = this.#find(node, key);
        if (bytes === undefined) throw missing(key);
        return bytes.slice();
      });
    return {
      put: (algorithm, bytes, signal) => {
        const key = keyOfShort(algorithm, bytes);
        return this.#call(clock, signal, () => {
          const isNew = !this.#blobs.has(key);
          const machines = this.#inReach(node);
          for (const held of machines) held.add(key);
          if (machines.length > 0) this.#keep(key, bytes.slice());
          if (this.#silent(node) >= this.#quorum()) throw unavailable();
          return { key, isNew };
        });
      },
      get: (key, _, signal) => get(key, signal),
      async *stream(key, signal) {
        yield await get(key, signal);
      },
      find: (key, signal) =>
        this.#call(clock, signal, () => {
          const bytes = this.#find(node, key);
          return bytes === undefined ? undefined : { sizeBytes: bytes.byteLength };
        }),
    };
  }

  /** The lists as the process of a node sees them. */
  shelf(node: number, clock: NodeClock): Shelf {
    return {
      keys: (bucket, signal) =>
        this.#call(clock, signal, () => {
          const keys = new Set(this.#inReach(node).flatMap((held) => [...held]));
          return {
            keys: [...keys]
              .filter((key) => this.#buckets.get(key) === bucket)
              .sort()
              .map((key) => [key, this.#blobs.get(key)?.byteLength ?? 0] as const),
            isComplete: this.#silent(node) < this.#quorum(),
          };
        }),
      read: (key, firstBytes, signal) => this.#call(clock, signal, () => this.#find(node, key)?.slice(0, firstBytes)),
    };
  }

  #keep(key: Key, bytes: Uint8Array): void {
    this.#blobs.set(key, bytes);
    this.#buckets.set(key, bucketOf(key));
  }

  #find(node: number, key: Key): Uint8Array | undefined {
    if (this.#inReach(node).some((held) => held.has(key))) return this.#blobs.get(key);
    if (this.#silent(node) >= this.#quorum()) throw unavailable();
    return undefined;
  }

  #inReach(node: number): Set<Key>[] {
    return this.#held.filter((_, machine) => !this.#world.isHere || this.#world.reaches(node, machine));
  }

  #silent(node: number): number {
    return this.#held.length - this.#inReach(node).length;
  }

  #quorum(): number {
    return Math.floor(this.#held.length / 2) + 1;
  }

  async #call<T>(clock: NodeClock, signal: AbortSignal | undefined, act: () => T): Promise<T> {
    const { random } = this.#world;
    await sleep(clock, 1 + below(random, 4), signal);
    signal?.throwIfAborted();
    if (random() < this.#world.failing()) throw unavailable();
    const result = act();
    // What was done is done, whether or not the answer comes.
    await sleep(clock, 1 + below(random, 4), signal);
    signal?.throwIfAborted();
    if (random() < this.#world.failing() / 2) throw unavailable();
    return result;
  }
}

function unavailable(): Fault {
  return new Fault("unavailable", "cask/unreachable", "Cannot reach Cask");
}
