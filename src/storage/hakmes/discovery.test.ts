/** The search for manifests and their proof, over a shelf of blobs of which a test decides what it lists. */
import { describe, expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { silentLog } from "../../kit/log.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { bucketOf, type CaskClient, type Key } from "../cask/client.ts";
import type { MemoryCatalog } from "./catalog-memory.ts";
import { keyOfShort } from "./digest.ts";
import { Discovery } from "./discovery.ts";
import { encodeName } from "./manifest.ts";
import { catalogOf, type MadeFile, makeFile, sesameReader } from "./neighbourhood-fixture.ts";
import { provingWork } from "./proving.ts";
import type { StoredFile } from "./record.ts";
import type { Shelf } from "./shelf.ts";
import { caskShelf } from "./shelf-cask.ts";

const never = new AbortController().signal;

class TestShelf implements Shelf {
  readonly blobs = new Map<Key, Uint8Array>();
  hasListing = true;
  isComplete = true;
  readonly unreadable = new Set<Key>();
  readonly heads: Key[] = [];

  put(bytes: Uint8Array | string): Key {
    const blob = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    const key = keyOfShort("sha256", blob);
    this.blobs.set(key, blob);
    return key;
  }

  async keys(bucket: number) {
    if (!this.hasListing) return undefined;
    const keys = [...this.blobs].filter(([key]) => bucketOf(key) === bucket);
    return { keys: keys.map(([key, { byteLength }]) => [key, byteLength] as const), isComplete: this.isComplete };
  }

  async read(key: Key, firstBytes: number | undefined) {
    if (firstBytes !== undefined) this.heads.push(key);
    if (this.unreadable.has(key)) throw new Fault("unavailable", "cask/unreachable", "Cannot reach Cask");
    return this.blobs.get(key)?.slice(0, firstBytes);
  }
}

interface World {
  clock: ManualClock;
  shelf: TestShelf;
  catalog: MemoryCatalog;
  discovery: Discovery;
  /** One whole round. */
  round(): Promise<void>;
}

function world(...files: readonly MadeFile[]): World {
  const clock = new ManualClock();
  const shelf = new TestShelf();
  for (const { root } of files) shelf.put(root);
  const catalog = catalogOf();
  const discovery = new Discovery({
    catalog,
    shelf,
    manifests: sesameReader,
    clock,
    log: silentLog,
    roundEveryMs: 600_000,
    learned: () => undefined,
    joinedLine: () => undefined,
  });
  const round = async () => {
    discovery.restart(false);
    do await discovery.step(never);
    while (discovery.state().isRunning);
  };
  return { clock, shelf, catalog, discovery, round };
}

describe("Discovery", () => {
  test("sealed manifests and names are believed, others are entered unproven, the rest is passed by once", async () => {
    const sealed = makeFile("sealed", { secret: "sesame", name: "first.txt" });
    const found = makeFile("found");
    const { shelf, catalog, discovery, round } = world(sealed, found);
    const name = { key: sealed.file.key, name: "second.txt", mimetype: "text/plain", addedAt: 7 };
    shelf.put(encodeName(name, "sesame"));
    const text = shelf.put("an ordinary text, longer than a head");
    const garbage = shelf.put("warren hakmes file 1\nis not one");
    shelf.put(new Uint8Array(65_537));
    shelf.put("short");
    await round();
    expect([catalog.find(sealed.file.key)?.isProven, catalog.find(found.file.key)?.isProven]).toEqual([true, false]);
    expect(catalog.names(sealed.file.key).map((each) => each.name)).toEqual(["second.txt", "first.txt"]);
    expect([catalog.isExamined(text), catalog.isExamined(garbage)]).toEqual([true, true]);
    expect(shelf.heads.length).toBe(5);
    expect(discovery.state()).toMatchObject({
      filesFound: 2,
      namesFound: 1,
      blobsListed: 7,
      rounds: 1,
      isComplete: true,
    });
    shelf.heads.length = 0;
    await round();
    // What is not proven may still be refuted, and must be met again after a restart.
    expect(shelf.heads).toEqual([found.manifest]);
  });

  test("a reindex looks at everything again", async () => {
    const made = makeFile("sealed", { secret: "sesame" });
    const { catalog, discovery, round, shelf } = world(made);
    await round();
    catalog.drop(made.file.key);
    await round();
    expect(catalog.find(made.file.key)).toBeUndefined();
    discovery.restart(true);
    expect(discovery.state()).toMatchObject({ isRunning: true, bucketsDone: 0 });
    shelf.heads.length = 0;
    await round();
    expect([catalog.find(made.file.key)?.isProven, shelf.heads.length]).toEqual([true, 1]);
  });

  test("only a round that saw every blob makes the catalog whole, and covers what was before it began", async () => {
    const { clock, shelf, discovery, round } = world();
    clock.advance(1000);
    shelf.isComplete = false;
    await round();
    expect([discovery.isWhole(), discovery.covers(0), discovery.state().isComplete]).toEqual([false, false, false]);
    shelf.isComplete = true;
    await round();
    expect([discovery.isWhole(), discovery.covers(1000), discovery.covers(1001)]).toEqual([true, true, false]);
  });

  test("a blob that cannot be read now may be the one that is asked for; one that nobody has is not", async () => {
    const { shelf, discovery, round, catalog } = world(makeFile("sealed", { secret: "sesame" }));
    const [key] = [...shelf.blobs.keys()] as [Key];
    shelf.unreadable.add(key);
    await round();
    expect([discovery.isWhole(), catalog.isExamined(key)]).toEqual([false, false]);
    shelf.unreadable.clear();
    const blob = shelf.blobs.get(key) as Uint8Array;
    shelf.read = () => Promise.resolve(undefined);
    await round();
    expect([discovery.isWhole(), catalog.isExamined(key), blob.length > 0]).toEqual([true, false, true]);
  });

  test("a Cask without a listing leaves nothing to wait for; one that had a listing must have it again", async () => {
    const { shelf, discovery, round } = world();
    shelf.hasListing = false;
    expect(await discovery.step(never)).toEqual({ waitMs: 600_000 });
    expect([discovery.state().listing, discovery.isWhole()]).toEqual(["no", true]);
    shelf.hasListing = true;
    await round();
    shelf.hasListing = false;
    discovery.restart(false);
    await expect(discovery.step(never)).rejects.toThrow("does not list");
    expect(discovery.state().listing).toBe("yes");
  });

  test("after a restart, what stood in line makes the catalog not whole until the next round", async () => {
    const { catalog, clock, discovery, round, shelf } = world(
      makeFile("lie", { liesAbout: "truth", createdAt: 1 }),
      makeFile("truth", { createdAt: 2 }),
    );
    await round();
    expect([discovery.isInLine(keyOfShort("sha256", "truth")), discovery.isWhole()]).toEqual([true, true]);
    const again = new Discovery({
      catalog,
      shelf,
      manifests: sesameReader,
      clock,
      log: silentLog,
      roundEveryMs: 1000,
      learned: () => undefined,
      joinedLine: () => undefined,
    });
    expect(again.isWhole()).toBe(false);
    do await again.step(never);
    while (again.state().isRunning);
    expect([again.isWhole(), again.isInLine(keyOfShort("sha256", "truth"))]).toEqual([true, true]);
  });
});

describe("provingWork", () => {
  const truth = makeFile("truth", { createdAt: 9 });
  const key = truth.file.key;

  function prover(
    { clock, catalog, discovery }: World,
    verdicts: (file: StoredFile) => "right" | "wrong" | "unreadable",
  ) {
    const tried: (Key | undefined)[] = [];
    const work = provingWork({
      catalog,
      clock,
      log: silentLog,
      manifests: sesameReader,
      line: discovery,
      bytesPerSecond: 1000,
      learned: () => undefined,
      async prove(file) {
        tried.push(file.manifest);
        const verdict = verdicts(file);
        if (verdict === "unreadable") throw new Fault("unavailable", "hakmes/chunk-unavailable", "Cannot read it");
        if (verdict === "wrong") {
          if (catalog.find(file.key)?.manifest === file.manifest) catalog.drop(file.key);
          throw new Fault("unavailable", "hakmes/damaged-manifest", "It is something else");
        }
        if (catalog.find(file.key)?.manifest === file.manifest) catalog.prove(file.key);
        else catalog.add({ ...file, isProven: true }, truth.root);
      },
    });
    return { work, tried };
  }

  test("a lie is refuted and the next in line gets its turn; its name comes with the proof", async () => {
    const named = makeFile("truth", { createdAt: 9, name: "truth.txt" });
    const lie = makeFile("lie", { liesAbout: "truth", createdAt: 1 });
    const place = world(lie, named);
    await place.round();
    const { work, tried } = prover(place, (file) => (file.sizeBytes === 5 ? "right" : "wrong"));
    while ((await work.step(never)) !== "idle");
    expect([tried, place.catalog.find(key)?.isProven]).toEqual([[lie.manifest, named.manifest], true]);
    expect(place.catalog.names(key).map(({ name }) => name)).toEqual(["truth.txt"]);
    expect([work.counts(), place.catalog.isExamined(lie.manifest)]).toEqual([{ proven: 1, refuted: 1 }, true]);
  });

  test("one that cannot be read keeps its place, and those in line are tried before it is tried again", async () => {
    const lie = makeFile("lie", { liesAbout: "truth", createdAt: 1 });
    const place = world(lie, truth);
    await place.round();
    const { work, tried } = prover(place, (file) => (file.sizeBytes === 5 ? "right" : "unreadable"));
    await work.step(never);
    expect([tried, place.catalog.find(key)]).toEqual([[lie.manifest, truth.manifest], truth.file]);
  });

  test("one with nobody in line waits longer and longer; asking does not hurry it", async () => {
    const place = world(truth);
    await place.round();
    const { work, tried } = prover(place, () => "unreadable");
    const waits: unknown[] = [];
    for (let attempt = 0; attempt < 3; attempt++) {
      await work.step(never);
      const outcome = await work.step(never);
      waits.push(outcome);
      expect(await work.prove(key, 10)).toBe("waiting");
      place.clock.advance(outcome === "idle" ? 0 : outcome.waitMs);
    }
    expect([waits, tried.length]).toEqual([[{ waitMs: 30_000 }, { waitMs: 60_000 }, { waitMs: 120_000 }], 3]);
    work.hurry(key);
    await work.step(never);
    expect(tried.length).toBe(4);
  });

  test("one whose reading does not end lets the others have their turn, the shortest first", async () => {
    const [endless, longer] = [makeFile("ab"), makeFile("a longer text")];
    const place = world(longer, truth, endless);
    await place.round();
    const { catalog, clock } = place;
    const tried: Key[] = [];
    const work = provingWork({
      catalog,
      clock,
      log: silentLog,
      manifests: sesameReader,
      line: place.discovery,
      bytesPerSecond: 1000,
      learned: () => undefined,
      prove(file, signal) {
        tried.push(file.key);
        if (file.key !== endless.file.key) {
          catalog.prove(file.key);
          return Promise.resolve();
        }
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
      },
    });
    while (catalog.counts().unproven > 1) await clock.until(work.step(never));
    expect(tried).toEqual([endless.file.key, truth.file.key, longer.file.key]);
  });

  test("a short file that is asked for does not wait for long ones", async () => {
    const long = ["a", "b", "c"].map((text) => makeFile(text, { sizeBytes: 2 ** 40 }));
    const place = world(truth, ...long);
    await place.round();
    const { catalog, clock } = place;
    const work = provingWork({
      catalog,
      clock,
      log: silentLog,
      manifests: sesameReader,
      line: place.discovery,
      bytesPerSecond: 1000,
      learned: () => undefined,
      async prove(file, signal) {
        if (file.sizeBytes === 2 ** 40) {
          await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
        }
        catalog.prove(file.key);
      },
    });
    const waiting = long.map(({ file }) => work.prove(file.key, 10_000));
    expect(await work.prove(key, 10_000)).toBe("proven");
    expect(await clock.until(Promise.all(waiting))).toEqual(["waiting", "waiting", "waiting"]);
    work.stop();
  });

  test("a lie about a length is nothing to pause for", async () => {
    const lie = makeFile("a lie", { liesAbout: "truth", createdAt: 1, sizeBytes: Number.MAX_SAFE_INTEGER });
    const place = world(lie);
    await place.round();
    const { work } = prover(place, () => "wrong");
    expect(await work.step(never)).toEqual({ waitMs: 0 });
  });

  test("reading is paced, and a file that is asked for does not wait for it", async () => {
    const [long, other] = [makeFile("x".repeat(3000)), makeFile("other")];
    const place = world(long, other);
    await place.round();
    const { work } = prover(place, () => "right");
    const first = (await work.step(never)) as { waitMs: number };
    expect([3000, 5]).toContain(first.waitMs);
    expect(await place.clock.until(work.prove(other.file.key, 1000))).toBe("proven");
    expect(await place.clock.until(work.prove(keyOfShort("sha256", "unknown"), 1000))).toBe("refuted");
  });
});

describe("caskShelf", () => {
  const listing = { bucket: 0, keys: [], complete: false, unasked: ["b"] };
  const status = { copies: { quorum: 2 } } as Awaited<ReturnType<CaskClient["status"]>>;
  const client = (more: Partial<CaskClient>) => ({
    keys: () => Promise.resolve(listing),
    status: () => Promise.resolve(status),
    get: () => Promise.reject(new Fault("missing", "cask/not-found", "Cannot find it")),
    ...more,
  });
  const fails = (kind: "missing" | "unavailable", code: string) => () => Promise.reject(new Fault(kind, code, "no"));

  test("with fewer silent nodes than the quorum a list is whole; not where some were never met, or elsewhere", async () => {
    const isComplete = async (options: Parameters<typeof caskShelf>[1], unasked = ["b"]) =>
      (await caskShelf(client({ keys: () => Promise.resolve({ ...listing, unasked }) }), options).keys(0, never))
        ?.isComplete;
    expect(await isComplete({ unmet: () => 0 })).toBe(true);
    expect(await isComplete({ unmet: () => 0 }, ["b", "c"])).toBe(false);
    expect(await isComplete({ unmet: () => 1 })).toBe(false);
    expect(await isComplete({})).toBe(false);
  });

  test("no such page, or a page for people on every path, is no listing; anything else is a failure", async () => {
    const nonsense = fails("unavailable", "cask/nonsense");
    expect(await caskShelf(client({ keys: fails("missing", "cask/no-page") })).keys(0, never)).toBeUndefined();
    expect(await caskShelf(client({ keys: nonsense, status: nonsense })).keys(0, never)).toBeUndefined();
    await expect(caskShelf(client({ keys: nonsense })).keys(0, never)).rejects.toThrow("no");
    await expect(
      caskShelf(client({ keys: fails("unavailable", "cask/unreachable") })).keys(0, never),
    ).rejects.toThrow();
    expect(await caskShelf(client({})).read(keyOfShort("sha256", "x"), 5, never)).toBeUndefined();
  });
});
