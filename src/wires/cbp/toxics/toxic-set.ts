/**
 * The toxics of one proxy, and the connections they are at work on. A connection without toxics has no stage and pays
 * nothing; stages are put in when the first toxic comes, and taken out when the last has gone.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Random } from "../../../kit/random.ts";
import type { Connection } from "../connection.ts";
import type { Flow, Stage } from "../flow.ts";
import { Link } from "./link.ts";
import { changedToxic, type Stream, streams, type Toxic, toxicOf } from "./toxic.ts";
import { ToxicError } from "./toxic-error.ts";

/** What a set needs. */
export interface ToxicSetParts {
  readonly clock: Clock;
  readonly random: Random;
  /** The connections that are open now. */
  connections(): Iterable<Connection>;
}

/** How many toxics a proxy may have. */
const toxicsMax = 100;

/** Toxics by name, in the order in which they came. */
export class ToxicSet {
  readonly #parts: ToxicSetParts;
  readonly #toxics = new Map<string, Toxic>();
  readonly #stages: Record<Stream, Set<ToxicStage>> = { upstream: new Set(), downstream: new Set() };

  constructor(parts: ToxicSetParts) {
    this.#parts = parts;
  }

  /** All of them: those of `upstream` first, as Toxiproxy lists them. */
  get all(): readonly Toxic[] {
    return streams.flatMap((stream) => this.#of(stream));
  }

  /** Throws {@link ToxicError} when there is none of that name. */
  get(name: string): Toxic {
    const toxic = this.#toxics.get(name);
    if (toxic === undefined) throw new ToxicError("toxic not found", 404);
    return toxic;
  }

  /** A new toxic from what a client sent; open connections get it, too. Throws {@link ToxicError}. */
  add(body: unknown): Toxic {
    const toxic = toxicOf(body);
    if (this.#toxics.has(toxic.name)) throw new ToxicError("toxic already exists", 409);
    if (this.#toxics.size >= toxicsMax) throw new ToxicError(`too many toxics: ${toxicsMax} at most`, 400);
    const known = this.#stages[toxic.stream];
    for (const connection of this.#parts.connections()) {
      if (flowOf(connection, toxic.stream).stage === undefined) this.#install(connection, toxic.stream);
    }
    this.#toxics.set(toxic.name, toxic);
    for (const stage of known) stage.link.add(toxic);
    return toxic;
  }

  /** Changes one by what a client sent. Throws {@link ToxicError}. */
  change(name: string, body: unknown): Toxic {
    const toxic = changedToxic(this.get(name), body);
    this.#toxics.set(name, toxic);
    for (const stage of this.#stages[toxic.stream]) stage.link.change(toxic);
    return toxic;
  }

  /** Takes one away; what it held back goes on. Throws {@link ToxicError} when there is none of that name. */
  remove(name: string): void {
    const { stream } = this.get(name);
    this.#toxics.delete(name);
    const isLast = this.#of(stream).length === 0;
    for (const stage of this.#stages[stream]) {
      stage.link.remove(name);
      if (isLast) stage.leave();
    }
  }

  /** Takes all away. */
  clear(): void {
    for (const { name } of this.all) this.remove(name);
  }

  /** A connection was taken; nothing has moved on it. */
  prepare(connection: Connection): void {
    for (const stream of streams) {
      if (this.#of(stream).length > 0) this.#install(connection, stream);
    }
  }

  #of(stream: Stream): Toxic[] {
    return [...this.#toxics.values()].filter((toxic) => toxic.stream === stream);
  }

  #install(connection: Connection, stream: Stream): void {
    const stages = this.#stages[stream];
    const stage = new ToxicStage(connection, flowOf(connection, stream), this.#parts, () => stages.delete(stage));
    stages.add(stage);
    for (const toxic of this.#of(stream)) stage.link.add(toxic);
  }
}

/** The toxics of one direction as a stage of it. */
class ToxicStage implements Stage {
  readonly link: Link;
  readonly #connection: Connection;
  readonly #flow: Flow;
  readonly #left: () => void;
  #isClosing = false;

  constructor(connection: Connection, flow: Flow, { clock, random }: ToxicSetParts, left: () => void) {
    this.#connection = connection;
    this.#flow = flow;
    this.#left = left;
    this.link = new Link({
      clock,
      random,
      out: {
        send: (chunk) => flow.send(chunk),
        finish: () => flow.finish(),
        cut: (isReset) => this.#cut(isReset),
      },
      hold: () => flow.hold(),
      release: () => flow.release(),
    });
    flow.stage = this;
  }

  take(chunk: Uint8Array): void {
    this.link.take(chunk);
  }

  end(): void {
    this.link.end();
  }

  drained(): void {
    if (this.#isClosing) this.#close();
  }

  stop(): void {
    this.link.stop();
    this.#left();
  }

  /** No toxic is left in this direction. */
  leave(): void {
    if (!this.link.isClear) return;
    this.stop();
    if (this.#flow.stage === this) this.#flow.stage = undefined;
  }

  #cut(isReset: boolean): void {
    const connection = this.#connection;
    connection.ending ??= "toxic";
    // Nobody may hold this against the upstream.
    connection.judge("void");
    if (isReset) {
      for (const socket of [connection.client, connection.server]) socket?.terminate();
      return;
    }
    this.#flow.finish();
    if (this.#flow.isShut || !connection.client || !connection.server) this.#close();
    else this.#isClosing = true;
  }

  #close(): void {
    for (const socket of [this.#connection.client, this.#connection.server]) socket?.end();
  }
}

function flowOf(connection: Connection, stream: Stream): Flow {
  return stream === "upstream" ? connection.up : connection.down;
}
