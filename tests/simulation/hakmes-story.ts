/**
 * Stories of several Hakmes from seeds: uploads, questions and downloads at any node, while messages and calls are lost,
 * nodes crash or stand still at any instant, catalogs and machines are lost, the network is cut, and a stranger plants manifests that lie.
 * What must hold is looked at with every answer, and at the end, when all is well again, at every node:
 *
 * - bytes that are given out are those of the key;
 * - no node says with certainty that a file is not there which was acknowledged before it was asked;
 * - in the end every node gives every acknowledged file, under the same record and under every acknowledged name, says
 *   with certainty that what never was is not there, and the catalogs are at rest.
 */
import { Fault } from "../../src/kit/fault.ts";
import { below, pick, type Random, seededRandom } from "../../src/kit/random.ts";
import { type Key, requireKey } from "../../src/storage/cask/client.ts";
import { encodeName, encodeRoot, type ManifestEntry } from "../../src/storage/hakmes/manifest.ts";
import { labelOf } from "../../src/storage/hakmes/record.ts";
import { type HakmesMistake, HakmesWorld } from "./hakmes-world.ts";
import { VirtualTime } from "./virtual-clock.ts";

/** What became of a story. */
export interface HakmesStory {
  /** What was broken, or undefined. */
  violation: string | undefined;
  /** How often what happened. */
  counts: Record<string, number>;
}

const contentCount = 12;
const eventCount = 120;

interface Acknowledged {
  atMs: number;
  names: Set<string>;
}

/** What to do beside telling. */
export interface StoryOptions {
  /** Hears of everything that happens. */
  trace?: (line: string) => void;
  mistake?: HakmesMistake;
}

/** Tells the story of a seed. */
export function tellStory(seed: number, options: StoryOptions = {}): HakmesStory {
  return new Story(seed, options).tell();
}

class Story {
  readonly #random: Random;
  readonly #time = new VirtualTime();
  readonly #world: HakmesWorld;
  readonly #contents: { key: Key; bytes: Uint8Array }[];
  readonly #acknowledged = new Map<Key, Acknowledged>();
  /** Keys that a stranger's manifest speaks of. */
  readonly #planted = new Set<Key>();
  readonly #counts: Record<string, number> = {};
  readonly #trace: ((line: string) => void) | undefined;
  #violation: string | undefined;

  constructor(seed: number, { trace, mistake }: StoryOptions) {
    this.#random = seededRandom(seed);
    this.#trace = trace;
    this.#world = new HakmesWorld({
      time: this.#time,
      random: this.#random,
      nodeCount: 3,
      secret: this.#chance(0.5) ? "sesame" : "",
      isCaskHere: this.#chance(0.6),
      mistake,
    });
    this.#contents = Array.from({ length: contentCount }, (_, number) => {
      const bytes = new Uint8Array(pick(this.#random, [0, 1, 999, 1000, 2500, 7000, 12_345]) + number);
      for (let at = 0; at < bytes.length; at++) bytes[at] = below(this.#random, 256);
      return { key: keyOf(bytes), bytes };
    });
  }

  tell(): HakmesStory {
    const nodes = this.#world.machines.map((_, node) => node);
    for (const node of nodes) if (this.#chance(0.9)) this.#world.start(node);
    for (let event = 0; event < eventCount && this.#violation === undefined; event++) {
      this.#time.run(this.#time.nowMs + below(this.#random, this.#chance(0.2) ? 20_000 : 1000));
      this.#happen();
    }
    this.#note("calm");
    this.#world.cut = [];
    this.#world.weather.loss = 0;
    this.#world.weather.failing = 0;
    for (const node of nodes) this.#world.start(node);
    this.#time.run(this.#time.nowMs + 540_000);
    const before = this.#world.machines.map(({ catalog }) => catalog.sequence());
    this.#time.run(this.#time.nowMs + 60_000);
    const after = this.#world.machines.map(({ catalog }) => catalog.sequence());
    // A last lie may just have been found out; entries that go round would be many more.
    if (after.some((sequence, node) => sequence > (before[node] ?? 0) + 3)) {
      this.#violate(`in the end the catalogs do not come to rest: ${before} ${after}`);
    }
    if (this.#violation === undefined) this.#judge(nodes);
    return { violation: this.#violation, counts: this.#counts };
  }

  #happen(): void {
    const world = this.#world;
    const running = world.running();
    const any = below(this.#random, world.machines.length);
    const dice = this.#random();
    if (dice < 0.3 && running.length > 0) this.#upload(pick(this.#random, running));
    else if (dice < 0.62 && running.length > 0) this.#read(pick(this.#random, running));
    else if (dice < 0.7) this.#plant();
    else if (dice < 0.78) {
      this.#note(`crash ${any}`, "crash");
      world.crash(any);
    } else if (dice < 0.9) {
      this.#note(`start ${any}`, "start");
      world.start(any);
    } else if (dice < 0.905) {
      const forMs = below(this.#random, 30_000);
      this.#note(`pause ${any} for ${forMs} ms`, "pause");
      world.machines[any]?.process?.clock.pause(forMs);
    } else if (dice < 0.925) {
      this.#note(`lose catalog ${any}`, "lose catalog");
      world.lose(any, "catalog");
    } else if (dice < 0.94) {
      if (running.length < world.machines.length || world.cut.length > 0 || !world.cask.isHealed()) return;
      this.#note(`lose machine ${any}`, "lose machine");
      world.lose(any, "machine");
    } else if (dice < 0.945) {
      this.#note("lose all catalogs");
      world.machines.forEach((_, node) => world.lose(node, "catalog"));
    } else if (dice < 0.97) {
      world.cut = world.cut.length === 0 ? [any] : [];
      this.#note(`cut ${world.cut.join()}`, "cut");
    } else if (dice < 0.985) {
      world.weather.loss = this.#chance(0.5) ? 0 : 0.3;
      world.weather.failing = this.#chance(0.5) ? 0 : 0.1;
    } else {
      this.#note(`reindex ${any}`, "reindex");
      world.machines[any]?.process?.hood.reindex();
    }
  }

  #upload(node: number): void {
    const process = this.#world.machines[node]?.process;
    const { key, bytes } = pick(this.#random, this.#contents);
    const name = `name-${below(this.#random, 4)}.txt`;
    const source = async function* () {
      yield bytes.slice();
    };
    const label = labelOf({ name, mimetype: "text/plain" });
    process?.hakmes.take(source(), label).then(
      () => {
        this.#note(`node ${node} acknowledged ${key} as ${name}`, "acknowledged");
        const known = this.#acknowledged.get(key);
        if (known === undefined) this.#acknowledged.set(key, { atMs: this.#time.nowMs, names: new Set([name]) });
        else known.names.add(name);
      },
      (thrown: unknown) => this.#failed("upload", thrown),
    );
  }

  #read(node: number): void {
    const { key } = pick(this.#random, this.#contents);
    const askedAtMs = this.#time.nowMs;
    this.#look(node, key).then(
      (found) => {
        this.#note(`node ${node} says ${found} of ${key}`, found);
        const acknowledged = this.#acknowledged.get(key);
        if (found === "not there" && acknowledged !== undefined && acknowledged.atMs < askedAtMs) {
          this.#violate(`node ${node} is certain that ${key} is not there, which was acknowledged before`);
        }
      },
      (thrown: unknown) => this.#failed("read", thrown),
    );
  }

  async #look(node: number, key: Key): Promise<"given" | "not there"> {
    const process = this.#world.machines[node]?.process;
    if (process === undefined) throw new Fault("unavailable", "simulation/down", "The node does not run");
    const file = await process.hakmes.find(key);
    if (file === undefined) return "not there";
    const hash = new Bun.CryptoHasher("sha256");
    let sizeBytes = 0;
    for await (const piece of await process.hakmes.read(file)) {
      hash.update(piece);
      sizeBytes += piece.byteLength;
    }
    if (`sha256:${hash.digest("hex")}` !== key || sizeBytes !== file.sizeBytes) {
      this.#violate(`node ${node} gave other bytes than those of ${key}`);
    }
    return "given";
  }

  /** Puts into Cask what looks like a manifest and lies. */
  #plant(): void {
    const { key, bytes } = pick(this.#random, this.#contents);
    const other = pick(this.#random, this.#contents);
    const nowhere = keyOf(Uint8Array.of(below(this.#random, 256), below(this.#random, 256)));
    const lies: readonly (readonly [string, number, readonly ManifestEntry[]])[] = [
      ["another's content", 0, [[other.key, Math.max(1, other.bytes.byteLength)]]],
      ["chunks that are nowhere", 0, [[nowhere, 100]]],
      ["parts that are nowhere", 1, [[nowhere, 100]]],
      ["a wrong length", 0, [[key, bytes.byteLength + 1]]],
    ];
    const [what, level, entries] = pick(this.#random, lies);
    this.#note(`planted for ${key}: ${what}`, "planted");
    this.#planted.add(key);
    const sizeBytes = entries.reduce((sum, [, length]) => sum + length, 0);
    const label = { extension: ".exe", mimetype: "text/html", name: "liar.exe" };
    const createdAt = below(this.#random, 3);
    const secret = this.#chance(0.5) ? "" : "guessed";
    const root = encodeRoot({ key, sizeBytes, chunkCount: 1, ...label, createdAt, level, entries }, secret);
    this.#world.cask.plant(keyOf(root), root);
    const name = encodeName({ key: other.key, name: "planted.txt", mimetype: "text/plain", addedAt: 1 }, secret);
    if (this.#chance(0.2)) this.#world.cask.plant(keyOf(name), name);
    const garbage = new TextEncoder().encode(`warren hakmes file 1\n{"key":"${key}"}\n${this.#random()}`);
    if (this.#chance(0.2)) this.#world.cask.plant(keyOf(garbage), garbage);
  }

  /** What must hold in the end. */
  #judge(nodes: readonly number[]): void {
    const answers: string[] = [];
    for (const node of nodes) {
      for (const { key } of this.#contents) {
        this.#look(node, key).then(
          (found) => {
            answers.push(found);
            if (found === "not there" && this.#acknowledged.has(key)) {
              this.#violate(`in the end node ${node} has no ${key}, which was acknowledged`);
            }
          },
          (thrown: unknown) => {
            answers.push("failed");
            // Of a file that only a stranger's manifest speaks of nothing can be said: it may be on its way.
            const isOpen = !this.#acknowledged.has(key) && thrown instanceof Fault && this.#planted.has(key);
            if (!isOpen) this.#violate(`in the end node ${node} cannot give ${key}: ${String(thrown)}`);
          },
        );
      }
    }
    this.#time.run(this.#time.nowMs + 60_000);
    if (answers.length < nodes.length * contentCount && this.#violation === undefined) {
      this.#violate("in the end some questions are never answered");
    }
    for (const [key, { names }] of this.#acknowledged) {
      const records = this.#world.machines.map(({ catalog }) => JSON.stringify(catalog.find(key)));
      if (new Set(records).size > 1) this.#violate(`in the end the nodes differ on ${key}: ${records.join(" ")}`);
      for (const { catalog } of this.#world.machines) {
        const known = new Set(catalog.names(key).map(({ name }) => name));
        for (const name of names) if (!known.has(name)) this.#violate(`in the end ${name} of ${key} is forgotten`);
      }
    }
  }

  #failed(what: string, thrown: unknown): void {
    if (!(thrown instanceof Fault)) this.#violate(`${what} failed by a bug: ${Bun.inspect(thrown)}`);
    else this.#note(`${what} failed: ${thrown.message}`, `${what}: ${thrown.code}`);
  }

  #violate(sentence: string): void {
    this.#trace?.(`${this.#time.nowMs} VIOLATION ${sentence}`);
    this.#violation ??= `at ${this.#time.nowMs} ms: ${sentence}`;
  }

  #note(line: string, counted = line): void {
    this.#counts[counted] = (this.#counts[counted] ?? 0) + 1;
    this.#trace?.(`${this.#time.nowMs} ${line}`);
  }

  #chance(chance: number): boolean {
    return this.#random() < chance;
  }
}

function keyOf(bytes: Uint8Array): Key {
  return requireKey(`sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`);
}
