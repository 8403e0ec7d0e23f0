import { expect, test } from "bun:test";

import { bytesOf, caskNode, fixtureOptions, keyFor } from "./cluster-fixture.ts";
import { type CaskNode, Placement } from "./placement.ts";

const key = keyFor(bytesOf("placed"));

function view(nodes: readonly CaskNode[], changes: Partial<typeof fixtureOptions> = {}): Placement {
  return new Placement(nodes, { ...fixtureOptions, ...changes });
}

const five = ["a", "b", "c", "d", "e"].map((id) => caskNode(id, { self: id === "a" }));

test("Placement.owners: the first copies of the ring's order, whoever is alive or writeable", () => {
  const usual = view(five);
  const owners = usual.owners(key).map((node) => node.id);
  expect(owners).toEqual(
    usual
      .readOrder(key)
      .slice(0, 3)
      .map((node) => node.id),
  );
  const hampered = five.map((node) =>
    node.id === owners[0] ? { ...node, alive: false, goneMs: 59_999 } : { ...node, writeable: node.id !== owners[1] },
  );
  expect(
    view(hampered)
      .owners(key)
      .map((node) => node.id),
  ).toEqual(owners);
});

test("Placement: a node gone for as long as stated, or draining, is off the ring", () => {
  const [first] = view(five).owners(key);
  for (const change of [{ alive: false, goneMs: 60_000 }, { draining: true }]) {
    const changed = view(five.map((node) => (node.id === first?.id ? { ...node, ...change } : node)));
    expect(changed.owns(first?.id ?? "", key)).toBe(false);
    expect(changed.owners(key)).toHaveLength(3);
    expect(changed.fingerprint).not.toBe(view(five).fingerprint);
  }
});

test("Placement.writeOrder: passes over nodes that are away or read-only, stand-ins follow the owners", () => {
  const order = view(five)
    .readOrder(key)
    .map((node) => node.id);
  const hampered = five.map((node) => {
    if (node.id === order[0]) return { ...node, alive: false, goneMs: 1 };
    return node.id === order[2] ? { ...node, writeable: false } : node;
  });
  expect(
    view(hampered)
      .writeOrder(key)
      .map((node) => node.id),
  ).toEqual([order[1], order[3], order[4]] as string[]);
});

test("Placement.quorum: a majority of the copies that known and expected nodes could hold", () => {
  const quorumOf = (nodes: number, nodesExpected: number, copies = 3) =>
    view(five.slice(0, nodes), { nodesExpected, copies }).quorum;
  expect([quorumOf(1, 0), quorumOf(2, 0), quorumOf(3, 0), quorumOf(5, 0)]).toEqual([1, 2, 2, 2]);
  expect(quorumOf(1, 3)).toBe(2);
  expect(quorumOf(5, 5, 5)).toBe(3);
  expect(view(five, { quorum: 1 }).quorum).toBe(1);
});

test("Placement.unmet: nodes expected but not seen", () => {
  expect(view(five.slice(0, 2), { nodesExpected: 5 }).unmet).toBe(3);
  expect(view(five, { nodesExpected: 3 }).unmet).toBe(0);
});

test("Placement.fingerprint: the same for all who see the same ring, whatever else they see", () => {
  const elsewhere = five.map((node) => ({ ...node, self: node.id === "b", writeable: false, alive: node.id !== "c" }));
  expect(view(elsewhere).fingerprint).toBe(view(five.toReversed()).fingerprint);
  expect(view(five, { copies: 2 }).fingerprint).not.toBe(view(five).fingerprint);
});

test("Placement.everyKeyGoesTo: known beforehand only where there are no more nodes than copies", () => {
  expect(view(five).everyKeyGoesTo()).toBeUndefined();
  const three = five.slice(0, 3).map((node) => (node.id === "b" ? { ...node, writeable: false } : node));
  expect(
    view(three)
      .everyKeyGoesTo()
      ?.map((node) => node.id),
  ).toEqual(["a", "c"]);
});
