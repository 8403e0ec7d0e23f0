/**
 * The network between simulated nodes, as the port to another node sees it: calls take time, overtake each other, are
 * lost on the way there or back, are executed twice, run into partitions (also one-way ones); streams trickle or break
 * off; and now and then a node answers something that is not true. A call that is lost stays silent until its signal
 * aborts, as a packet does, or fails quickly, as a refused connection does.
 *
 * What arrives at a node is served as its HTTP routes serve it.
 */
import { Fault } from "../../src/kit/fault.ts";
import { below, type Random } from "../../src/kit/random.ts";
import type { Cask } from "../../src/storage/cask/cask.ts";
import { bucketCount, type Key } from "../../src/storage/cask/key.ts";
import type { BlobBytes, Peer, PeerFor } from "../../src/storage/cask/peer.ts";
import type { CaskNode } from "../../src/storage/cask/placement.ts";
import type { NodeClock, VirtualTime } from "./virtual-clock.ts";

/** How bad the network is. Chances are from 0 to 1. */
export interface Weather {
  minDelayMs: number;
  maxDelayMs: number;
  /** Chance that a message, in either direction, is lost. */
  loss: number;
  /** Chance that a request is executed a second time a little later. */
  duplicate: number;
  /** Chance that a message takes a hundred times as long. */
  straggle: number;
  /** Chance that a streamed body crawls, or breaks off. */
  trickle: number;
  /** Chance that an answer is not true, or bytes are not those that were sent. */
  lie: number;
}

/** A network in which nothing goes wrong. */
export const fairWeather: Weather = {
  minDelayMs: 1,
  maxDelayMs: 5,
  loss: 0,
  duplicate: 0,
  straggle: 0,
  trickle: 0,
  lie: 0,
};

/** A running process as the network sees it. */
export interface Endpoint {
  readonly nodeId: string;
  readonly clock: NodeClock;
  readonly cask: Cask | undefined;
  readonly dead: boolean;
}

/** The kinds of calls, for counting. */
export type CallKind = "put" | "get" | "has" | "prove" | "digests" | "keys" | "held";

/** Bytes up to this size travel as one message, larger ones in pieces of it. */
const pieceBytes = 256 * 1024;

/** All links of a simulated cluster. */
export class Network {
  weather: Weather = { ...fairWeather };
  readonly calls: Record<CallKind, number> = { put: 0, get: 0, has: 0, prove: 0, digests: 0, keys: 0, held: 0 };
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #processOf: (nodeId: string) => Endpoint | undefined;
  readonly #blocked = new Set<string>();
  /** Told of each get that failed on the way: the asker then knows that somebody was silent. */
  readonly #getFailed: (from: string, to: string, key: Key) => void;

  constructor(parts: {
    time: VirtualTime;
    random: Random;
    processOf: (nodeId: string) => Endpoint | undefined;
    getFailed: (from: string, to: string, key: Key) => void;
  }) {
    this.#time = parts.time;
    this.#random = parts.random;
    this.#processOf = parts.processOf;
    this.#getFailed = parts.getFailed;
  }

  /** Cuts, or mends, the way from one node to another. */
  cut(from: string, to: string, cut: boolean): void {
    if (cut) this.#blocked.add(`${from}>${to}`);
    else this.#blocked.delete(`${from}>${to}`);
  }

  mendAll(): void {
    this.#blocked.clear();
  }

  linked(from: string, to: string): boolean {
    return !this.#blocked.has(`${from}>${to}`);
  }

  /** How a process reaches the others. */
  peerFor(from: Endpoint): PeerFor {
    return (node) => this.#peer(from, node);
  }

  #peer(from: Endpoint, node: CaskNode): Peer {
    const to = node.id;
    const call = <T>(
      kind: CallKind,
      signal: AbortSignal,
      serve: (cask: Cask, process: Endpoint) => Promise<T>,
      repeatable = true,
    ) => {
      this.calls[kind]++;
      return this.#call(from, to, signal, serve, repeatable);
    };
    return {
      node,
      put: (algorithm, bytes, { sizeBytes, signal }) =>
        call(
          "put",
          signal,
          async (cask, process) => {
            cask.requireWriteable();
            const offered = this.#body(bytes, from, process, signal);
            const record = await cask.keep(offered, {
              algorithm,
              signal: new AbortController().signal,
              ...(sizeBytes === undefined ? {} : { sizeBytes }),
            });
            return record.key;
          },
          // A stream can be sent once only.
          bytes instanceof Uint8Array,
        ),
      get: async (key, signal) => {
        try {
          return await call("get", signal, async (cask, process) => {
            const stat = await cask.holdings.trusted(key);
            if (!stat) return this.#chance(this.weather.lie) ? new Uint8Array([1, 2, 3]) : undefined;
            const body = await cask.holdings.store.body(key, stat);
            return body instanceof Uint8Array ? this.#body(body, process, from, signal) : undefined;
          });
        } catch (thrown) {
          this.#getFailed(from.nodeId, to, key);
          throw thrown;
        }
      },
      has: (key, signal) =>
        call("has", signal, async (cask) => {
          const record = await cask.holdings.holds(key);
          const held = this.#chance(this.weather.lie) ? !record : record !== undefined;
          return { held, ...(record ? { verifiedAt: record.verifiedAt, sizeBytes: record.sizeBytes } : {}) };
        }),
      prove: (key, nonce, signal) =>
        call("prove", signal, async (cask) => {
          const proof = await cask.prove(key, nonce);
          if (!this.#chance(this.weather.lie)) return proof;
          // A liar without the bytes can claim anything but the digest.
          const { fingerprint } = cask.placement;
          return { digest: new Bun.CryptoHasher("sha256").update(nonce).digest("hex"), owner: true, fingerprint };
        }),
      digests: (nodeId, signal) =>
        call("digests", signal, async (cask) =>
          Array.from({ length: bucketCount }, (_, bucket) =>
            this.weather.lie > 0 && this.#chance(this.weather.lie / 16)
              ? { count: 1, xor: "0123456789abcdef" }
              : cask.holdings.shared.digest(bucket, nodeId, cask.placement),
          ),
        ),
      keys: (nodeId, bucket, signal) =>
        call("keys", signal, async (cask) => {
          const keys = cask.holdings.shared.list(bucket, nodeId, cask.placement);
          if (!this.#chance(this.weather.lie)) return keys;
          const invented = new Bun.CryptoHasher("sha1").update(`${this.#random()}`).digest("hex").slice(2);
          return [`sha1:${bucket.toString(16).padStart(2, "0")}${invented}` as Key];
        }),
      held: (bucket, after, signal) => call("held", signal, (cask) => cask.holdings.held.page(bucket, after)),
    };
  }

  #call<T>(
    from: Endpoint,
    to: string,
    signal: AbortSignal,
    serve: (cask: Cask, process: Endpoint) => Promise<T>,
    repeatable: boolean,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let open = true;
      const onAbort = () => finish(() => reject(signal.reason as Error));
      const finish = (action: () => void) => {
        if (!open) return;
        open = false;
        signal.removeEventListener("abort", onAbort);
        action();
      };
      const refuse = (delayMs: number) =>
        this.#time.schedule(delayMs, () => from.clock.deliver(() => finish(() => reject(unreachable(to)))));
      const answer = (action: () => void) => {
        if (!this.linked(to, from.nodeId) || this.#chance(this.weather.loss)) refuse(60_000);
        else this.#time.schedule(this.#delayMs(), () => from.clock.deliver(() => finish(action)));
      };
      const arrive = (counts: boolean) => {
        const process = this.#processOf(to);
        if (!this.linked(from.nodeId, to)) {
          if (counts) refuse(60_000);
          return;
        }
        if (!process || process.dead || !process.cask) {
          // A machine that is off says nothing; one whose process is gone refuses.
          if (counts) refuse(this.#chance(0.5) ? this.#delayMs() : 60_000);
          return;
        }
        process.clock.deliver(() => {
          if (!process.cask) return;
          serve(process.cask, process).then(
            (value) => counts && answer(() => resolve(value)),
            (thrown: Error) => counts && answer(() => reject(asSeenByCaller(thrown, to))),
          );
        });
      };
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener("abort", onAbort);
      if (this.#chance(this.weather.loss)) {
        refuse(60_000);
        return;
      }
      this.#time.schedule(this.#delayMs(), () => arrive(true));
      if (repeatable && this.#chance(this.weather.duplicate))
        this.#time.schedule(this.#delayMs() * 3, () => arrive(false));
    });
  }

  /** A body on its way: small ones at once, larger ones and streams in pieces that take their time. */
  #body(bytes: BlobBytes, sender: Endpoint, receiver: Endpoint, signal: AbortSignal): BlobBytes {
    if (bytes instanceof Uint8Array && bytes.length <= pieceBytes && !this.#chance(this.weather.trickle)) {
      return this.#perhapsWrong(bytes);
    }
    return this.#stream(bytes instanceof Uint8Array ? pieces(bytes) : bytes, sender, receiver, signal);
  }

  async *#stream(
    chunks: AsyncIterable<Uint8Array>,
    sender: Endpoint,
    receiver: Endpoint,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const iterator = chunks[Symbol.asyncIterator]();
    const crawls = this.#chance(this.weather.trickle);
    const breaks = this.#chance(this.weather.trickle);
    try {
      for (let sent = 0; ; sent++) {
        if (breaks && sent === 1) throw brokenOff();
        const next = await this.#orBroken(iterator.next(), sender, signal);
        if (next.done) return;
        const delayMs = crawls ? 300 + below(this.#random, 900) : this.#delayMs();
        await new Promise<void>((resolve, reject) => {
          this.#time.schedule(delayMs, () =>
            receiver.clock.deliver(() => {
              if (sender.dead || !this.linked(sender.nodeId, receiver.nodeId)) reject(brokenOff());
              else resolve();
            }),
          );
        });
        yield this.#perhapsWrong(next.value);
      }
    } finally {
      if (!sender.dead) void iterator.return?.(undefined);
    }
  }

  /** What the sender gives next, unless it dies or gives up. */
  #orBroken<T>(promise: Promise<T>, sender: Endpoint, signal: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const look = () => {
        if (sender.dead || signal.aborted) finish(() => reject(brokenOff()));
        else cancel = this.#time.schedule(1000, look);
      };
      let cancel = this.#time.schedule(1000, look);
      const finish = (action: () => void) => {
        cancel();
        action();
      };
      promise.then(
        (value) => finish(() => resolve(value)),
        (thrown: Error) => finish(() => reject(thrown)),
      );
    });
  }

  #perhapsWrong(bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0 || !this.#chance(this.weather.lie)) return bytes;
    const wrong = bytes.slice();
    const at = below(this.#random, wrong.length);
    wrong[at] = (wrong[at] ?? 0) ^ (1 << below(this.#random, 8));
    return wrong;
  }

  #delayMs(): number {
    const { minDelayMs, maxDelayMs, straggle } = this.weather;
    const delayMs = minDelayMs + below(this.#random, maxDelayMs - minDelayMs + 1);
    return straggle > 0 && this.#random() < straggle ? delayMs * 100 : delayMs;
  }

  #chance(chance: number): boolean {
    return chance > 0 && this.#random() < chance;
  }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += pieceBytes) yield bytes.subarray(start, start + pieceBytes);
}

function unreachable(to: string): Fault {
  return new Fault("unavailable", "cask/peer-unreachable", `Cannot reach node ${to}`);
}

function brokenOff(): Fault {
  return new Fault("unavailable", "cask/peer-unreachable", "The connection broke off");
}

/** A refusal as it looks after its way over HTTP: kind and message, not the thing itself. */
function asSeenByCaller(thrown: Error, to: string): Fault {
  const kind = thrown instanceof Fault && thrown.kind === "conflict" ? "conflict" : "unavailable";
  return new Fault(kind, "cask/peer-refused", `Node ${to} refused: ${thrown.message}`);
}
