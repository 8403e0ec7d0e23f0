import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { formatAddress, parseAddress } from "./address.ts";
import { goBytes, goFlag, goInteger, goLogLevel, goPort, goSeconds } from "./legacy.ts";
import { nearest } from "./nearest.ts";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

const wholeNumbers = fc.maxSafeNat();

/** Runs `parse` on anything; true when it gave a value or threw one of the errors it promises. */
function keepsPromise(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
  } catch (thrown) {
    return thrown instanceof SyntaxError || thrown instanceof RangeError;
  }
  return true;
}

describe("durations", () => {
  test("parseDuration: a number and a unit, fractions where they are whole milliseconds, parts from large to small", () => {
    const cases = { "250ms": 250, "30s": 30_000, "5m": 300_000, "1.5h": 5_400_000, "30d": 2_592_000_000, "0s": 0 };
    for (const [text, wantedMs] of Object.entries(cases)) expect(parseDuration(text)).toBe(wantedMs);
    expect(parseDuration("1d2h3m4s5ms")).toBe(93_784_005);
    expect(parseDuration("0.3s")).toBe(300);
  });

  test("parseDuration: refuses everything else and says what is wanted", () => {
    expect(() => parseDuration("10x")).toThrow('Cannot parse duration "10x": unit must be ms, s, m, h or d');
    expect(() => parseDuration("10")).toThrow("unit must be ms, s, m, h or d");
    expect(() => parseDuration("5m1h")).toThrow("larger units come first");
    expect(() => parseDuration("1s1s")).toThrow("each once");
    expect(() => parseDuration("0.5ms")).toThrow("whole number of milliseconds");
    expect(() => parseDuration("999999999999999999d")).toThrow(RangeError);
    for (const text of ["", "s", "-1s", " 1s", "1s ", "1 s", "1e3s", "infs"])
      expect(() => parseDuration(text)).toThrow(SyntaxError);
  });

  test("formatDuration: the largest unit that divides it, and parseDuration reads it back", () => {
    expect([90_000, 86_400_000, 1, 0, 1500].map(formatDuration)).toEqual(["90s", "1d", "1ms", "0s", "1500ms"]);
    expect(() => formatDuration(-1)).toThrow(RangeError);
    fc.assert(fc.property(wholeNumbers, (durationMs) => parseDuration(formatDuration(durationMs)) === durationMs));
  });
});

describe("sizes", () => {
  test("parseSize: units of 1024 and of 1000 in either case, plain bytes, exact fractions", () => {
    const cases = {
      "64MiB": 67_108_864,
      "10GiB": 10_737_418_240,
      "1GB": 1e9,
      "1kb": 1000,
      "4096": 4096,
      "7B": 7,
      "1.5 KiB": 1536,
    };
    for (const [text, wantedBytes] of Object.entries(cases)) expect(parseSize(text)).toBe(wantedBytes);
  });

  test("parseSize: refuses everything else and says what is wanted", () => {
    expect(() => parseSize("10x")).toThrow('Cannot parse size "10x": unit must be B, KiB, MiB');
    expect(() => parseSize("10G")).toThrow("unit must be");
    expect(() => parseSize("0.3KiB")).toThrow("whole number of bytes");
    expect(() => parseSize("9000000PiB")).toThrow(RangeError);
    for (const text of ["", "MiB", "-1", "1,5GB", "1  GB", " 1"]) expect(() => parseSize(text)).toThrow(SyntaxError);
  });

  test("formatSize: the largest unit that divides it, and parseSize reads it back", () => {
    expect([67_108_864, 1e9, 1536, 1023, 0].map(formatSize)).toEqual(["64MiB", "1GB", "1536B", "1023B", "0B"]);
    expect(() => formatSize(0.5)).toThrow(RangeError);
    fc.assert(fc.property(wholeNumbers, (sizeBytes) => parseSize(formatSize(sizeBytes)) === sizeBytes));
  });
});

describe("addresses", () => {
  test("parseAddress: names, IPv4, IPv6 in brackets and port 0", () => {
    expect(parseAddress("127.0.0.1:4100")).toEqual({ host: "127.0.0.1", port: 4100 });
    expect(parseAddress("[::1]:0")).toEqual({ host: "::1", port: 0 });
    expect(parseAddress("store_1.example:80")).toEqual({ host: "store_1.example", port: 80 });
  });

  test("parseAddress: refuses everything else", () => {
    const wrong = ["", "localhost", ":80", "::1:80", "[127.0.0.1]:80", "256.1.1.1:80", "1.2.3:80", "a:65536", "a:-1"];
    for (const text of [...wrong, "a b:80", "a/b:80", "http://a:80", "a:80 ", "-a:80", "[::1]", "[::1%eth0]:80"])
      expect(() => parseAddress(text)).toThrow("Cannot parse address");
  });

  test("formatAddress: parseAddress reads it back", () => {
    const hosts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(hosts, fc.nat(65535), (host, port) => {
        expect(parseAddress(formatAddress({ host, port }))).toEqual({ host, port });
      }),
    );
  });
});

describe("the predecessors' forms", () => {
  test("goFlag: what Go's ParseBool accepts, nothing else", () => {
    expect(["1", "t", "T", "TRUE", "true", "True"].map(goFlag)).toEqual(Array(6).fill(true));
    expect(["0", "f", "F", "FALSE", "false", "False"].map(goFlag)).toEqual(Array(6).fill(false));
    for (const text of ["", "yes", "tRUE", "on", "2"]) expect(() => goFlag(text)).toThrow(SyntaxError);
  });

  test("goInteger: what Go's ParseInt accepts in base 0, nothing else", () => {
    const cases = {
      "10": 10,
      "-7": -7,
      "+7": 7,
      "0x1F": 31,
      "0X1f": 31,
      "0b101": 5,
      "0o17": 15,
      "017": 15,
      "1_000": 1000,
      "0x_ff": 255,
      "0": 0,
      "-0": 0,
      "0_7": 7,
    };
    for (const [text, wanted] of Object.entries(cases)) expect(goInteger(text)).toBe(wanted);
    for (const text of ["", "1__0", "_1", "1_", "08", "0x", "0b2", "1.5", "1e3", " 1", "--1", "99999999999999999"])
      expect(() => goInteger(text)).toThrow(SyntaxError);
  });

  test("goLogLevel: the predecessors' words, and INFO for anything else", () => {
    const words = ["DEBUG", "INFO", "WARN", "ERROR", "FATAL", "debug", "TRACE", "constructor", ""];
    expect(words.map(goLogLevel)).toEqual(["debug", "info", "warn", "error", "error", "info", "info", "info", "info"]);
  });

  test("goSeconds, goBytes, goPort: numbers with the unit that the predecessor meant", () => {
    expect([goSeconds("5"), goSeconds("0x3c"), goBytes("1_0"), goPort("8380")]).toEqual([
      "5s",
      "1m",
      10,
      "0.0.0.0:8380",
    ]);
    for (const parse of [goSeconds, goBytes, goPort]) expect(() => parse("-1")).toThrow("wanted 0 or more");
    expect(() => goPort("65536")).toThrow("wanted a port");
  });
});

describe("any text", () => {
  test("parsers: give a value or throw SyntaxError or RangeError", () => {
    const digits = fc.string({
      unit: fc.constantFrom("0", "1", "9", ".", "_", "x", "-", "m", "s", "d", "G", "i", "B", ":", "[", "]"),
    });
    fc.assert(
      fc.property(fc.oneof(fc.string(), digits), (text) =>
        [parseDuration, parseSize, parseAddress, goFlag, goInteger, goSeconds, goPort].every((parse) =>
          keepsPromise(parse, text),
        ),
      ),
      { numRuns: 2000 },
    );
  });
});

describe("nearest", () => {
  test("nearest: few mistakes for the length, swapped letters count once, dashes are underscores", () => {
    const known = ["keep_free", "listen", "id", "aae_interval"];
    expect(nearest("keep_fre", known)).toBe("keep_free");
    expect(nearest("lisetn", known)).toBe("listen");
    expect(nearest("keep-free", known)).toBe("keep_free");
    expect(nearest("aae_intervall", known)).toBe("aae_interval");
    expect(nearest("port", known)).toBeUndefined();
    expect(nearest("completely_other", known)).toBeUndefined();
    expect(nearest("x", [])).toBeUndefined();
  });
});
