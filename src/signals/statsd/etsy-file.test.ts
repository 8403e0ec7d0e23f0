import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { originalFlags, settingsOf, statsdSection, type StatsdOptions } from "./config.ts";
import { etsySettings, readEtsyFile } from "./etsy-file.ts";

const own = settingsOf(
  Object.fromEntries(
    Object.entries(statsdSection.fields).map(([name, field]) => [
      name,
      field.default === undefined ? undefined : field.read(field.default),
    ]),
  ) as StatsdOptions,
);
const settings = (text: string) => etsySettings(readEtsyFile(text).config, own);

describe("readEtsyFile", () => {
  test("readEtsyFile: comments, bare keys, single quotes and a semicolon at the end", () => {
    const text =
      "/* all\n the keys */\n{ // one\n  graphitePort: 2003\n, graphiteHost: 'graphite.example.com', port: 8125,\n backends: [ './backends/graphite', \"./backends/console\" ] };\n";
    expect(settings(text)).toMatchObject({
      graphite: [{ host: "graphite.example.com", port: 2003, protocol: "line" }],
      toConsole: true,
      udp: [{ host: "0.0.0.0", port: 8125 }],
      tcp: [],
      admin: [{ host: "127.0.0.1", port: 8126 }],
      flushMs: 10_000,
      timers: { percentiles: [90] },
      idle: { counters: Infinity, gauges: Infinity },
    });
  });

  test("readEtsyFile: code is not run, and says so", () => {
    for (const text of [
      "{ port: 8000 + 125 }",
      "{ graphiteHost: process.env.HOST }",
      "(function(){ return {} })()",
      "module.exports = {}",
      "[]",
      "",
      "{ port: 'x' }",
    ]) {
      expect(() => readEtsyFile(text)).toThrow(SyntaxError);
    }
    expect(() => readEtsyFile("{ graphiteHost: process.env.HOST }")).toThrow("is not run");
  });

  test("readEtsyFile: any text is settings or a SyntaxError", () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "port",
        "graphite",
        "servers",
        "1",
        "'x'",
        "/*",
        "*/",
        "//",
        "\n",
        "true",
        "__proto__",
        "backends",
        "-1",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece), fc.json(), (pieces, json) => {
        for (const text of [
          pieces.join(""),
          `{${pieces.join("")}}`,
          json,
          `{ servers: [${json}], percentThreshold: ${json} }`,
        ]) {
          try {
            expect(settings(text).flushMs).toBeGreaterThan(0);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(SyntaxError);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("readEtsyFile: keys that nobody knows are told, those without effect here are not", () => {
    expect(
      readEtsyFile("{ title: 'x', log: {}, keyFlush: { interval: 0 }, grahpite: 1, __proto__: 2 }").unknown,
    ).toContain("grahpite");
    expect(readEtsyFile("{ title: 'x', log: {}, keyFlush: { interval: 0 } }").unknown).toEqual([]);
  });

  test("etsySettings: several servers, pickle, repeater, deletions", () => {
    expect(
      settings(`{
        servers: [{ server: './servers/tcp', port: 1 }, { server: './servers/udp', address: '::1', port: 2 }, { server: './servers/tcp', socket: '/tmp/s', socket_mod: '0777' }],
        graphiteHost: 'g', graphiteProtocol: 'pickle', backends: ['./backends/graphite', './backends/repeater'],
        repeater: [{ host: 'r', port: 3 }], repeaterProtocol: 'tcp', deleteIdleStats: true, deleteTimers: false, gaugesMaxTTL: 3,
        percentThreshold: [50, -10], healthStatus: 'down'
      }`),
    ).toMatchObject({
      udp: [{ host: "::1", port: 2 }],
      tcp: [{ host: "0.0.0.0", port: 1 }],
      unix: ["/tmp/s"],
      unixMode: 0o777,
      graphite: [{ host: "g", port: 2004, protocol: "pickle" }],
      repeat: [{ protocol: "tcp", host: "r", port: 3 }],
      idle: { counters: 0, timers: Infinity, sets: 0, gauges: 2 },
      timers: { percentiles: [50, -10] },
      health: "down",
    });
  });
});

describe("etsySettings of the cluster proxy", () => {
  test("etsySettings: nodes of a proxy's file, where it listens, and how often it asks", () => {
    const text =
      "{ nodes: [{host: '10.0.0.2', port: 8127, adminport: 8128}, {host: 'b', port: '8129', adminport: 8130}],\n" +
      "server: './servers/udp', host: '127.0.0.1', port: 9125, udp_version: 'udp4', mgmt_port: 9126,\n" +
      "forkCount: 'auto', checkInterval: 1000, cacheSize: 10000 }";
    expect(readEtsyFile(text).unknown).toEqual([]);
    expect(settings(text)).toMatchObject({
      nodes: [
        { host: "10.0.0.2", port: 8127, adminPort: 8128 },
        { host: "b", port: 8129, adminPort: 8130 },
      ],
      udp: [{ host: "127.0.0.1", port: 9125 }],
      admin: [{ host: "127.0.0.1", port: 9126 }],
      checkNodesEveryMs: 1000,
    });
    expect(settings("{ nodes: [{host: 'a', port: 1, adminport: 2}], udp_version: 'udp6' }")).toMatchObject({
      udp: [{ host: "::", port: 8125 }],
      checkNodesEveryMs: 10_000,
    });
    expect(settings("{ host: '127.0.0.1' }")).toMatchObject({ nodes: [], udp: [{ host: "0.0.0.0", port: 8125 }] });
  });

  test("readEtsyFile: a node without its ports is told by its place", () => {
    for (const [text, place] of [
      ["{ nodes: [{host: 'a', port: 1}] }", "nodes.0.adminport"],
      ["{ nodes: [{host: 'a', port: 0, adminport: 2}] }", "nodes.0.port"],
      ["{ nodes: 'a' }", "nodes"],
      ["{ checkInterval: 1 }", "checkInterval"],
      ["{ repeater: [{host: 'a', port: 0}] }", "repeater.0.port"],
    ] as const) {
      expect(() => readEtsyFile(text)).toThrow(`: ${place}: `);
    }
  });
});

describe("originalFlags", () => {
  test("originalFlags: statsd-go's flags in both forms become ours", () => {
    const words = originalFlags(["-address=:9125", "-graphite", "g:2003", "-flush-interval=5", "-stats-prefix", "x."]);
    const after = (flag: string) => words[words.indexOf(flag) + 1];
    expect([
      after("--udp"),
      after("--graphite"),
      after("--flush-every"),
      after("--stats-prefix"),
      after("--names"),
    ]).toEqual(["0.0.0.0:9125", "g:2003", "5s", "x.", "statsd-go"]);
  });

  test("originalFlags: debug needs no value, and what is no number stays as it was written", () => {
    expect(originalFlags(["-debug", "-graphite="])).toEqual(originalFlags(["-graphite=", "-debug=true"]));
    expect(originalFlags(["-debug"])).toContain("--dump-lines");
    expect(originalFlags(["-debug=false"])).not.toContain("--dump-lines");
    expect(originalFlags(["-flush-interval", "soon"]).slice(-2)).toEqual(["--flush-every", "soon"]);
  });

  test("originalFlags: other words stay as they are", () => {
    const words = ["tail", "--match", "x", "--udp", "127.0.0.1:0"];
    expect(originalFlags(words)).toEqual(words);
    expect(originalFlags([])).toEqual([]);
  });
});
