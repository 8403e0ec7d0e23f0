import { expect, test } from "bun:test";

import { bytesOf, ClusterFixture, keyFor } from "./cluster-fixture.ts";
import { bucketOf } from "./key.ts";

const bytes = bytesOf("held");
const never = new AbortController().signal;

function setUp() {
  const fixture = new ClusterFixture(["a"]);
  return { ...fixture.node("a"), clock: fixture.clock, fixture };
}

test("Holdings.keep: what resolved is found under its key, with its SHA-256 beside a SHA-1 key", async () => {
  const { holdings, ledger } = setUp();
  const record = await holdings.keep("sha1", bytes);
  expect(record.key).toBe(keyFor(bytes, "sha1"));
  expect(ledger.find(record.key)?.sha256).toBe(keyFor(bytes).slice(7));
  expect(await holdings.trusted(record.key)).toMatchObject({ sizeBytes: bytes.length });
});

test("Holdings.keep: bytes that are not those of the expected key leave nothing", async () => {
  const { holdings, store } = setUp();
  await expect(holdings.keep("sha256", bytes, undefined, keyFor(bytesOf("other")))).rejects.toThrow(
    "its bytes hash to",
  );
  expect(store.keys()).toEqual([]);
});

test("Holdings.keep: a store that says it kept fewer bytes than it was given holds no copy", async () => {
  const { holdings, store, ledger, reports } = setUp();
  store.faults.tornWrite = 1;
  await expect(holdings.keep("sha256", bytes)).rejects.toMatchObject({ code: "cask/store-failed" });
  expect([store.keys(), ledger.count()]).toEqual([[], 0]);
  expect(reports).toContain("troubled cask/store-failed");
});

test("Holdings.keep: a second content of one SHA-1 is refused and the first one stays", async () => {
  const { holdings, ledger } = setUp();
  const { key } = await holdings.keep("sha1", bytes);
  // Nobody has two such contents at hand: the record is made to speak of another one.
  ledger.put({ ...(ledger.find(key) ?? (await holdings.keep("sha1", bytes))), sha256: "0".repeat(64) });
  await expect(holdings.keep("sha1", bytes)).rejects.toMatchObject({ code: "cask/collision" });
});

test("Holdings.keepHashed: writes nothing when a good copy is there, and writes when it is not known to be good", async () => {
  const { holdings, store, clock, fixture, reports } = setUp();
  const key = keyFor(bytes);
  const first = await holdings.keepHashed(key, bytes);
  const { capacityBytes } = store.faults;
  store.faults.capacityBytes = 0;
  expect(await holdings.keepHashed(key, bytes)).toEqual(first);
  clock.advance(fixture.options.verifyEveryMs + 1);
  await expect(holdings.keepHashed(key, bytes)).rejects.toMatchObject({ code: "cask/disk-full" });
  expect(reports).toEqual(["troubled cask/disk-full"]);
  store.faults.capacityBytes = capacityBytes;
  store.flipBit(key, true);
  await holdings.keepHashed(key, bytes);
  expect(store.peek(key)).toEqual(bytes);
});

test("Holdings.trusted: a copy whose stamp changed is read again, and put aside when it is bad", async () => {
  const { holdings, store, reports } = setUp();
  const { key } = await holdings.keep("sha256", bytes);
  store.flipBit(key, true);
  expect(await holdings.trusted(key)).toBeUndefined();
  expect(reports).toEqual([`quarantined ${key}`]);
  expect(store.quarantined).toHaveLength(1);
});

test("Holdings.trusted: a copy that went bad unseen is found out once the interval has passed", async () => {
  const { holdings, store, clock, fixture } = setUp();
  const { key } = await holdings.keep("sha256", bytes);
  store.flipBit(key);
  clock.advance(fixture.options.verifyEveryMs + 1);
  expect(await holdings.trusted(key)).toBeUndefined();
});

test("Holdings.trusted: a clock set back makes no copy trusted for longer", async () => {
  const { holdings, store, clock } = setUp();
  const { key } = await holdings.keep("sha256", bytes);
  store.flipBit(key);
  clock.jump(-86_400_000);
  expect(await holdings.trusted(key)).toBeUndefined();
});

test("Holdings.trusted: a copy that cannot be read is neither given nor put aside, and is there again afterwards", async () => {
  const { holdings, store, clock, fixture } = setUp();
  const { key } = await holdings.keep("sha256", bytes);
  clock.advance(fixture.options.verifyEveryMs + 1);
  store.faults.readFails = 1;
  await expect(holdings.trusted(key)).rejects.toMatchObject({ code: "cask/unreadable" });
  store.faults.readFails = 0;
  expect(store.quarantined).toEqual([]);
  expect(await holdings.trusted(key)).toMatchObject({ sizeBytes: bytes.length });
});

test("Holdings.verify: what is wrong only once in two readings is good", async () => {
  const { holdings, store } = setUp();
  const { key } = await holdings.keep("sha256", bytes);
  let readings = 0;
  const read = store.read.bind(store);
  store.read = async function* (asked, range) {
    for await (const part of read(asked, range)) yield readings++ === 0 ? part.slice().fill(0) : part;
  };
  expect(await holdings.verify(key)).toBe("good");
  expect(readings).toBe(2);
});

test("Holdings.challenge: only who reads the true bytes now can answer", async () => {
  const { holdings, store } = setUp();
  const { key } = await holdings.keep("sha256", bytes);
  const wanted = new Bun.CryptoHasher("sha256").update("beef").update(bytes).digest("hex");
  expect(await holdings.challenge(key, "beef")).toBe(wanted);
  store.flipBit(key);
  expect(await holdings.challenge(key, "beef")).toBeUndefined();
  expect(store.find(key)).toBeUndefined();
});

test("Holdings.drop: does nothing when the reason for it is gone by its turn", async () => {
  const { holdings, store } = setUp();
  const { key } = await holdings.keep("sha256", bytes);
  expect(await holdings.drop(key, () => false)).toBe(false);
  expect(store.find(key)).toBeDefined();
  expect(await holdings.drop(key, () => true)).toBe(true);
  expect([store.find(key), holdings.ledger.find(key)]).toEqual([undefined, undefined]);
});

test("Holdings.reconcile: finds blobs without a record, forgets records without a blob", async () => {
  const { holdings, store, ledger } = setUp();
  const { key } = await holdings.keep("sha256", bytes);
  ledger.remove(key);
  expect(await holdings.reconcile(bucketOf(key), never)).toMatchObject({ found: 1, lost: 0 });
  expect(ledger.find(key)).toMatchObject({ sizeBytes: bytes.length });
  store.wipe();
  expect(await holdings.reconcile(bucketOf(key), never)).toMatchObject({ found: 0, lost: 1 });
  expect(ledger.find(key)).toBeUndefined();
});

test("Holdings.reconcile: what was verified in the future is verified again", async () => {
  const { holdings, store, clock } = setUp();
  const { key } = await holdings.keep("sha256", bytes);
  store.flipBit(key);
  clock.jump(-86_400_000);
  await holdings.reconcile(bucketOf(key), never);
  expect(store.quarantined).toHaveLength(1);
});

test("Holdings.digest: differs when the shared keys differ and agrees when they agree", async () => {
  const fixture = new ClusterFixture(["a", "b", "c"]);
  const [a, b] = [fixture.node("a").holdings, fixture.node("b").holdings];
  const { key } = await a.keep("sha256", bytes);
  const bucket = bucketOf(key);
  const ofA = () => a.shared.digest(bucket, "b", fixture.placement("a"));
  const ofB = () => b.shared.digest(bucket, "a", fixture.placement("b"));
  expect(ofA()).not.toEqual(ofB());
  await b.keep("sha256", bytes);
  expect(ofA()).toEqual(ofB());
  await b.drop(key, () => true);
  expect(ofA()).not.toEqual(ofB());
});
