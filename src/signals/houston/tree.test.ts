import { expect, test } from "bun:test";

import { branchAbove, labelsOf, patternBelow } from "./tree.ts";

test("tree: Graphite's branches are parts of a path", () => {
  expect(["", "a", "a.b"].map((path) => patternBelow(path, "graphite"))).toEqual(["*", "a.*", "a.b.*"]);
  expect(["a", "a.b", "a.b.c"].map((path) => branchAbove(path, "graphite"))).toEqual(["", "a", "a.b"]);
  expect(labelsOf("a.b", "graphite")).toBeUndefined();
});

test("tree: a Prometheus has metrics, labels and values", () => {
  expect(["", "up{", "up{job="].map((path) => patternBelow(path, "promql"))).toEqual(["*", "up{", "up{job="]);
  expect(["up{", "up{job="].map((path) => branchAbove(path, "promql"))).toEqual(["", "up{"]);
  expect(labelsOf("up", "promql")).toBe("up{");
  expect(labelsOf('up{job="a"}', "promql")).toBeUndefined();
});
