import { expect, test } from "bun:test";

import fc from "fast-check";

import { formatEndpoint, parseBindEndpoint, parseConnectEndpoint } from "./endpoint.ts";

test("endpoints: as libzmq writes them", () => {
  expect(parseBindEndpoint("tcp://*:5555")).toEqual({ kind: "tcp", host: "0.0.0.0", port: 5555 });
  expect(parseBindEndpoint("tcp://127.0.0.1:*")).toEqual({ kind: "tcp", host: "127.0.0.1", port: 0 });
  expect(parseBindEndpoint("tcp://[::1]:1")).toEqual({ kind: "tcp", host: "::1", port: 1 });
  expect(parseBindEndpoint("tcp://lo:7")).toMatchObject({ host: "127.0.0.1", port: 7 });
  expect(parseBindEndpoint("ipc:///run/x")).toEqual({ kind: "ipc", path: "/run/x" });
  expect(parseConnectEndpoint("tcp://localhost:5555")).toEqual({ kind: "tcp", host: "localhost", port: 5555 });
  expect(formatEndpoint({ kind: "tcp", host: "::1", port: 5 })).toBe("tcp://[::1]:5");
});

test("endpoints: what is none is refused in words", () => {
  for (const text of [
    "",
    "localhost:5555",
    "tcp://x",
    "tcp://x:99999",
    "udp://x:1",
    "tcp://a b:1",
    `ipc://${"x".repeat(200)}`,
  ]) {
    expect(() => parseConnectEndpoint(text)).toThrow(SyntaxError);
  }
  expect(() => parseConnectEndpoint("tcp://*:5555")).toThrow("wanted a host");
  expect(() => parseConnectEndpoint("tcp://x:0")).toThrow("wanted a port");
  expect(() => parseBindEndpoint("tcp://no-such-if0:5555")).toThrow("network interface");
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const parse of [parseBindEndpoint, parseConnectEndpoint]) {
        try {
          parse(text);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(SyntaxError);
        }
      }
    }),
  );
});
