/** What other members of an original's gossip say is believed in its form only: anybody on the network may say it. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { formatState, parseState } from "./original-cluster.ts";

const secret = "knock";
const state = { uuid: "a-node-of-old", base_url: "http://10.0.0.2:8080", writeable: true, secret };
const bytesOf = (text: string) => new TextEncoder().encode(text);

test("parseState: reads what formatState wrote, and what an original writes", () => {
  expect(parseState(bytesOf(formatState({ ...state, warren: 1 })), secret)).toEqual({
    ...state,
    neighbors: null,
    warren: 1,
  });
  expect(parseState(bytesOf(JSON.stringify({ ...state, neighbors: ["x"], more: 1 })), secret)?.uuid).toBe(
    "a-node-of-old",
  );
});

test("parseState: another secret, odd ids and URLs that lead elsewhere are nothing", () => {
  for (const odd of [
    { secret: "other" },
    { secret: "" },
    { uuid: "short" },
    { uuid: "line\nbreak-in-it" },
    { uuid: "right\u202eto-left" },
    { base_url: "" },
    { base_url: "file:///etc/passwd?" },
    { base_url: "http://10.0.0.2/x?y=" },
    { base_url: "http://10.0.0.2/#" },
    { base_url: "http://me:word@10.0.0.2" },
    { base_url: "http://10.0.0.2/a/../b" },
    { base_url: `http://${"x".repeat(300)}` },
    { writeable: "yes" },
  ]) {
    expect([odd, parseState(bytesOf(JSON.stringify({ ...state, ...odd })), secret)]).toEqual([odd, undefined]);
  }
});

test("parseState: never throws, whatever the bytes", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => expect(parseState(bytes, secret)).toBeUndefined()));
  fc.assert(fc.property(fc.json(), (text) => expect(parseState(bytesOf(text), secret)).toBeUndefined()));
});
