import { expect, test } from "bun:test";

import { verdictOf } from "./overview.tsx";
import { type NodeRow, type OverviewView, caskTabs, filePath, lookupPath } from "./view.ts";

function nodeOf(name: string, rest: Partial<NodeRow> = {}): NodeRow {
  return {
    id: name,
    name,
    self: name === "a",
    state: "alive",
    stateSince: 0,
    url: undefined,
    writeable: true,
    share: undefined,
    freeBytes: undefined,
    totalBytes: undefined,
    blobs: undefined,
    ...rest,
  };
}

function viewOf(nodes: NodeRow[], rest: Partial<OverviewView> = {}): OverviewView {
  return {
    mountPath: "/cask",
    now: 0,
    nodes,
    copies: { perBlob: 3, quorum: 2, wanted: 30, had: 30 },
    handOff: { waiting: 0 },
    scrub: undefined,
    repairs: [],
    store: {
      kind: "disk",
      place: "/d",
      blobs: 10,
      bytes: 1,
      freeBytes: 1,
      totalBytes: 2,
      writeable: true,
      quarantined: 0,
    },
    ...rest,
  };
}

const three = [nodeOf("a"), nodeOf("b"), nodeOf("c")];

test("verdictOf: says what is lacking, the gravest first", () => {
  const short = { perBlob: 3, quorum: 2, wanted: 30, had: 20 };
  const verdicts = [
    viewOf(three),
    viewOf([nodeOf("a"), nodeOf("b", { state: "dead" }), nodeOf("c", { writeable: false })]),
    viewOf([...three, nodeOf("d", { state: "dead" })], { copies: short }),
    viewOf([nodeOf("a"), nodeOf("b"), nodeOf("d", { state: "left" })], { copies: short }),
    viewOf([...three, nodeOf("d")], { copies: short }),
    viewOf(three, { store: { ...viewOf(three).store, writeable: false } }),
    viewOf(three, { store: { ...viewOf(three).store, blobs: 0 } }),
  ].map((view) => verdictOf(view));
  expect(verdicts.map(({ tone, sentence }) => `${tone}: ${sentence}`)).toEqual([
    "good: Every blob known here has its 3 copies.",
    "bad: No file can be stored: 1 node takes writes, 2 must.",
    "warn: d is gone; 10 copies are missing.",
    "warn: 2 nodes take writes, so a blob gets 2 of the 3 copies that are wanted: add a node.",
    "warn: 10 copies are missing.",
    "warn: This node takes no writes; others do.",
    "good: Ready, and empty: upload a file to begin.",
  ]);
});

test("paths: stand below the mount, at the root when Cask is alone, and hold whatever was typed", () => {
  const key = `sha1:${"0".repeat(40)}`;
  expect([filePath("", key), lookupPath("/cask", key)]).toEqual([
    `/file/${key}/`,
    `/cask/lookup/?key=${encodeURIComponent(key)}`,
  ]);
  expect(filePath("/cask", "../../?x")).toBe("/cask/file/..%2F..%2F%3Fx/");
  expect(caskTabs("", "log").map((tab) => [tab.href, tab.current])).toEqual([
    ["/", false],
    ["/lookup/", false],
    ["/upload/", false],
    ["/log/", true],
    ["/join/", false],
  ]);
});
