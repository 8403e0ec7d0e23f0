/** The rules of a node: what is taken, what is made once, what is forgotten, what is made better. */
import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Fault } from "../../kit/fault.ts";
import { parseSizeSpec } from "../../lib/resize/size-spec.ts";
import { type Key, requireKey } from "../cask/client.ts";
import type { ImageFormat } from "./engine.ts";
import { ImageRoute } from "./image-route.ts";
import { imageInfo } from "./image-info.ts";
import { FakeEngine, hashIn, imageOf, testNode, uploadOf } from "./node-fixture.ts";
import { ReadyAnswers } from "./ready.ts";
import type { KnownImage } from "./known-images.ts";
import type { Wish } from "./reticulum.ts";

const wishOf = (size: string, format: ImageFormat = "jpeg", pixelRatio = 1): Wish => {
  const spec = parseSizeSpec(size);
  if (spec === undefined) throw new Error(`${size} is no size`);
  return { spec, format, pixelRatio };
};
const textOf = ({ bytes }: { bytes: Uint8Array | Blob }) =>
  bytes instanceof Blob ? "a file" : new TextDecoder().decode(bytes);
const failureOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
    return "fine";
  } catch (thrown) {
    if (thrown instanceof Fault) return `${thrown.status} ${thrown.code}`;
    throw thrown;
  }
};

test("take: what is decoded is stored, remembered and answered for", async () => {
  using parts = testNode();
  const { cask, node } = parts;
  const taken = await node.take(uploadOf(imageOf(40, 30)));
  expect(taken.facts).toMatchObject({ format: "jpeg", width: 40, height: 30 });
  expect(taken.nodes).toEqual(["name of n0"]);
  expect([...cask.blobs.keys()]).toEqual([taken.image.key]);
  expect(node.known.recent(10).map(({ key, name }) => [key, name])).toEqual([[taken.image.key, "a.jpg"]]);
  expect(parts.events).toEqual(["upload"]);
});

test("take: what cannot be decoded is refused with its own status and not stored", async () => {
  using parts = testNode();
  const take = (bytes: Uint8Array) => failureOf(parts.node.take(uploadOf(bytes)));
  expect(await take(new TextEncoder().encode("hello"))).toBe("415 reticulum/not-an-image");
  expect(await take(imageOf(1, 1, "broken"))).toBe("422 reticulum/damaged");
  expect([parts.cask.blobs.size, parts.node.known.counts().known]).toEqual([0, 0]);
});

test("take: nothing is remembered of what Cask did not store", async () => {
  using parts = testNode();
  parts.cask.failure = new Fault("unavailable", "cask/no-quorum", "too few");
  expect(await failureOf(parts.node.take(uploadOf(imageOf(1, 1))))).toBe("503 cask/no-quorum");
  expect(parts.node.known.counts().known).toBe(0);
});

test("take: a declared type that is another becomes a note that survives this node", async () => {
  using parts = testNode();
  const { image } = await parts.node.take(uploadOf(imageOf(4, 3, "png"), { declaredType: "image/gif" }));
  expect(parts.node.notes.isServedAs(image.key, "gif")).toBe(true);
  expect([parts.sent.length, parts.cask.blobs.size]).toEqual([1, 2]);
  for (const declaredType of ["image/png", "image/jpg", "text/plain", "gif", ""])
    await parts.node.take(uploadOf(imageOf(4, 3, "png"), { declaredType }));
  // image/jpg is no type, but .jpg is what its links would end in.
  expect(parts.sent.map(({ name }) => name)).toEqual(["as:gif", "as:jpg"]);
});

test("result: a hundred who ask at once cost one job and one reading; later ones cost none", async () => {
  using parts = testNode();
  const { engine, node } = parts;
  const { image } = await node.take(uploadOf(imageOf(40, 30)));
  const { promise, resolve } = Promise.withResolvers<void>();
  engine.hold = promise;
  const asked = Array.from({ length: 100 }, () => node.result(image, wishOf("20w")));
  resolve();
  const served = await Promise.all(asked);
  expect(new Set(served.map(textOf))).toEqual(new Set(['jpeg 20x15 "centre" quick']));
  expect(engine.jobs).toHaveLength(1);
  const again = await node.result(image, wishOf("20w"));
  expect([again.source, again.etag, engine.jobs.length]).toEqual(["kept", served[0]?.etag ?? "", 1]);
  expect(node.etagsOf(node.nameOf(image, wishOf("20w")), "jpeg")).toEqual([again.etag]);
});

test("result: the job ends with the last who waits, and the next who asks gets it made", async () => {
  using parts = testNode();
  const { engine, node } = parts;
  const { image } = await node.take(uploadOf(imageOf(40, 30)));
  engine.hold = new Promise(() => undefined);
  const leaving = [new AbortController(), new AbortController()];
  const asked = leaving.map(({ signal }) => node.result(image, wishOf("20w"), signal).catch(() => "left"));
  while (engine.jobs.length === 0) await Promise.resolve();
  leaving[0]?.abort();
  expect([await asked[0], engine.aborted]).toEqual(["left", 0]);
  leaving[1]?.abort();
  expect([await asked[1], engine.aborted]).toEqual(["left", 1]);
  engine.hold = undefined;
  expect(textOf(await node.result(image, wishOf("20w")))).toContain("20x15");
  expect(parts.events.filter((event) => event === "make-failed")).toEqual([]);
});

test("result: what is beyond the limits is refused before the original is read", async () => {
  using parts = testNode({ maxSide: 100, maxResultPixels: 5000 });
  const { cask, engine, node } = parts;
  const { image } = await node.take(uploadOf(imageOf(40, 30)));
  for (const size of ["101w", "200w200h", "100w100h", "9007199254740991w"])
    expect([size, await failureOf(node.result(image, wishOf(size)))]).toEqual([size, "400 reticulum/result-too-large"]);
  expect(await failureOf(node.result(image, wishOf("60w", "jpeg", 2)))).toBe("400 reticulum/result-too-large");
  expect([engine.jobs.length, cask.reads]).toEqual([0, 0]);
  using modest = testNode({ maxSide: 100, noEnlarge: true });
  const taken = await modest.node.take(uploadOf(imageOf(40, 30)));
  expect(textOf(await modest.node.result(taken.image, wishOf("5000w")))).toContain("40x30");
});

test("result: is served even if it cannot be kept", async () => {
  using parts = testNode();
  const { image } = await parts.node.take(uploadOf(imageOf(40, 30)));
  // A file where the folder should be.
  rmSync(join(parts.folder, "results"), { recursive: true, force: true });
  writeFileSync(join(parts.folder, "results"), "");
  expect(textOf(await parts.node.result(image, wishOf("20w")))).toContain("20x15");
  expect(parts.node.results.state().results).toBe(0);
});

test("nameOf: settings, format, ratio and focal point make another result; a box has no focal point", async () => {
  using parts = testNode();
  using other = testNode({ quality: 50 });
  const { node } = parts;
  const { image } = await node.take(uploadOf(imageOf(40, 30)));
  const names = () => [
    node.nameOf(image, wishOf("20s")),
    node.nameOf(image, wishOf("20w")),
    node.nameOf(image, wishOf("20w", "webp")),
    node.nameOf(image, wishOf("20w", "jpeg", 2)),
    other.node.nameOf(image, wishOf("20w")),
  ];
  const before = names();
  expect(new Set(before).size).toBe(5);
  await node.setFocus(image.key, { x: 0.1, y: 0.9 });
  const after = names();
  expect(after.slice(1)).toEqual(before.slice(1));
  expect(after[0]).not.toBe(before[0] ?? "");
  expect(parts.changed).toEqual([hashIn(image)]);
  expect(textOf(await node.result(image, wishOf("20s")))).toContain('{"x":0.1,"y":0.9}');
});

test("setFocus: is not acknowledged, and not used, before it is safe in Cask", async () => {
  using parts = testNode();
  const { image } = await parts.node.take(uploadOf(imageOf(40, 30)));
  parts.cask.failure = new Fault("unavailable", "cask/no-quorum", "too few");
  expect(await failureOf(parts.node.setFocus(image.key, { x: 0, y: 0 }))).toBe("503 cask/no-quorum");
  expect([parts.node.notes.focus(image.key), parts.sent]).toEqual([undefined, []]);
});

test("refineOne: makes AVIF better when nobody waits, once, and its tag is another", async () => {
  using parts = testNode();
  const { engine, node } = parts;
  const { image } = await node.take(uploadOf(imageOf(40, 30)));
  const { signal } = new AbortController();
  const quick = await node.result(image, wishOf("20w", "avif"));
  await node.result(image, wishOf("20w", "jpeg"));
  expect(textOf(quick)).toEndWith("quick");
  const tags = node.etagsOf("not kept", "avif");
  expect(tags).toHaveLength(2);
  engine.current = { waiting: 1 };
  expect(await node.refineOne(signal)).toBe(false);
  engine.current = {};
  expect(await node.refineOne(signal)).toBe(true);
  expect(engine.jobs.at(-1)).toMatchObject({ idle: true, effort: 4, format: "avif" });
  const fine = await node.result(image, wishOf("20w", "avif"));
  expect([textOf(fine), fine.source]).toEqual(['avif 20x15 "centre" 4', "kept"]);
  expect(fine.etag).not.toBe(quick.etag);
  expect(parts.changed).toEqual([hashIn(image)]);
  expect(await node.refineOne(signal)).toBe(false);
  // What was made under other settings is not touched.
  await node.results.keep("old/20w/1/avif/centre/other", image.key, { ...fine.result, bytes: imageOf(1, 1) });
  expect([await node.refineOne(signal), await node.refineOne(signal)]).toEqual([true, false]);
});

test("meet: what is no image is none, is not asked for again, and becomes none by no name", async () => {
  using parts = testNode();
  const { cask, node } = parts;
  const { key } = await cask.put(new TextEncoder().encode("<html>"));
  const { key: empty } = await cask.put(new Uint8Array());
  const { key: good } = await cask.put(imageOf(4, 3, "png"));
  expect([await node.originals.meet(key), await node.originals.meet(key), cask.reads]).toEqual([
    undefined,
    undefined,
    1,
  ]);
  expect(await node.originals.meet(empty)).toBeUndefined();
  expect(await node.originals.meet(requireKey(`sha1:${"0".repeat(40)}`))).toBeUndefined();
  const [one, other] = await Promise.all([node.originals.meet(good), node.originals.meet(good)]);
  expect([one?.format, one?.sizeBytes, other]).toEqual(["png", imageOf(4, 3, "png").byteLength, one]);
});

test("meet: says it cannot know when Cask cannot", async () => {
  using parts = testNode();
  parts.cask.failure = new Fault("unavailable", "cask/not-sure", "a node is away");
  const key: Key = requireKey(`sha256:${"0".repeat(64)}`);
  expect(await failureOf(parts.node.originals.meet(key))).toBe("503 cask/not-sure");
  parts.cask.failure = undefined;
  expect(await parts.node.originals.meet(key)).toBeUndefined();
});

test("bytes: an original beyond the limit is not read", async () => {
  using parts = testNode();
  const { key } = await parts.cask.put(imageOf(4, 3, "png", "x".repeat(200_000)));
  const image = await parts.node.originals.meet(key);
  if (image === undefined) throw new Error("it must be there");
  expect(await failureOf(parts.node.originals.bytes(image))).toBe("413 reticulum/too-large");
});

test("use: one copy of an original however many work with it, and no more at a time than the bound", async () => {
  using parts = testNode();
  const { cask, node } = parts;
  const images: KnownImage[] = [];
  // Larger than what is kept at hand.
  for (const rest of ["a", "b", "c", "d", "e"]) {
    const { key } = await cask.put(imageOf(4, 3, "png", rest.repeat(90_000)));
    const image = await node.originals.meet(key);
    if (image !== undefined) images.push(image);
  }
  const { signal } = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  const seen: Uint8Array[] = [];
  const before = cask.reads;
  const use = (image: KnownImage | undefined) =>
    image === undefined
      ? Promise.reject(new Error("there is no such image"))
      : node.originals.use(image, signal, (bytes) => {
          seen.push(bytes);
          return promise;
        });
  const first = Array.from({ length: 10 }, () => use(images[0]));
  while (seen.length < 10) await Promise.resolve();
  expect([new Set(seen).size, cask.reads - before]).toEqual([1, 1]);
  const others = images.slice(1, 4).map(use);
  expect(await failureOf(use(images[4]))).toBe("503 reticulum/busy");
  const late = use(images[0]);
  // What is told of an image is read within the same bound.
  const [last] = images.slice(4);
  if (last === undefined) throw new Error("there is no such image");
  const route = new ImageRoute({
    reticulum: node,
    ready: new ReadyAnswers({ maxBytes: 1000, clock: parts.clock }),
    metrics: { served: () => undefined, happened: () => undefined, counts: () => ({ served: {}, events: {} }) },
    rules: { urls: "open", sizes: new Set(), signingKeys: [], publicImages: false, convert: false, negotiate: [] },
    clock: parts.clock,
    mountPath: "",
    guarded: () => false,
  });
  const told = { ...last, facts: await new FakeEngine().probe(imageOf(4, 3, "png")) };
  const caller = { name: "anonymous", address: "127.0.0.1", requestId: "1", may: () => true, keepOpen: () => signal };
  const info = () => imageInfo({ reticulum: node, route, showLocation: false }, told, caller, signal);
  expect(await failureOf(info())).toBe("503 reticulum/busy");
  resolve();
  await Promise.all([...first, ...others, late]);
  expect((await info()).width).toBe(4);
  expect(await failureOf(use(images[4]))).toBe("fine");
});
