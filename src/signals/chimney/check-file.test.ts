import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { readCheckFile } from "./check-file.ts";
import { type PlanDefaults, statusIsGood } from "./plan.ts";

const defaults: PlanDefaults = {
  intervalMs: 60_000,
  jitterMs: 5000,
  timeoutMs: 10_000,
  failures: 2,
  successes: 1,
  verifyTls: true,
  maxBodyBytes: 1000,
  guard: false,
  expiresWithinMs: 0,
};

describe("readCheckFile", () => {
  test("readCheckFile: the predecessor's file is read with keys in any case, and its prefix is kept to the letter", () => {
    const text = `{"graphitebase":"graphite.example:2003","POLLINTERVAL":30,"Jitter":0,"Tests":[
      {"Url":"https://shop.example/smoketest/","MetricPrefix":"apps.shop.smoketest."},
      {"url":"http://two.example/smoketest/","metricprefix":"two"},
      {"URL":"not a url","METRICPREFIX":"two"}]}`;
    const { graphite, plans } = readCheckFile(text, "config.json", defaults);
    expect(graphite).toEqual({ host: "graphite.example", port: 2003 });
    expect(
      plans.map(({ intervalMs, jitterMs, kind, name, onlyOriginal, prefix, target, verifyTls }) => [
        name,
        kind,
        target,
        prefix,
        intervalMs,
        jitterMs,
        verifyTls,
        onlyOriginal,
      ]),
    ).toEqual([
      [
        "apps.shop.smoketest",
        "smoketest",
        "https://shop.example/smoketest/",
        "apps.shop.smoketest.",
        30_000,
        0,
        false,
        true,
      ],
      ["two", "smoketest", "http://two.example/smoketest/", "two", 30_000, 0, false, true],
      ["two (2)", "smoketest", "not a url", "two", 30_000, 0, false, true],
    ]);
  });

  test("readCheckFile: our own checks are read from JSON and TOML alike", () => {
    const json = '{"checks":[{"name":"shop","target":"https://shop.example/","timeout":"3s","failures":4}]}';
    const toml = '[[checks]]\nname = "shop"\ntarget = "https://shop.example/"\ntimeout = "3s"\nfailures = 4\n';
    const read = readCheckFile(toml, "checks.toml", defaults).plans;
    expect(read).toEqual(readCheckFile(json, "checks.json", defaults).plans);
    expect(read[0]).toMatchObject({
      kind: "http",
      timeoutMs: 3000,
      failures: 4,
      intervalMs: 60_000,
      onlyOriginal: false,
    });
  });

  test("readCheckFile: what cannot be used is refused with the check's name and the reason", () => {
    const wrong =
      (check: object, also: object[] = []) =>
      () =>
        readCheckFile(JSON.stringify({ checks: [check, ...also] }), "c.json", defaults);
    expect(wrong({ name: "a", target: "ftp://x" })).toThrow(
      'Cannot use check "a": its target must be an http or https URL',
    );
    expect(wrong({ name: "a", kind: "tcp", target: "db" })).toThrow("a host and a port");
    expect(wrong({ name: "a" })).toThrow("wanted a target");
    expect(wrong({ name: "a", kind: "heartbeat", target: "x" })).toThrow("a heartbeat has no target");
    expect(wrong({ name: "a", target: "http://x/", timeut: "1s" })).toThrow("timeut");
    expect(wrong({ name: "a", target: "http://x/", timeout: "1 second" })).toThrow("checks.0.timeout");
    expect(wrong({ name: "a", target: "http://x/" }, [{ name: "a", target: "http://y/" }])).toThrow(
      "its name stands twice",
    );
    expect(wrong({ name: "a", kind: "heartbeat", id: "short" })).toThrow("16 to 100");
    expect(wrong({ name: "a", target: "http://x/", timeout: "0s" })).toThrow(
      'checks.0.timeout: wanted 1ms to 10m, not "0s"',
    );
    expect(wrong({ name: "a", target: "http://x/", interval: "10ms" })).toThrow("wanted 1s to 365d");
    expect(wrong({ name: "a", target: "http://x/", max_body: "2GiB" })).toThrow("wanted 1 to 64MiB");
    expect(wrong({ name: "a", kind: "heartbeat", every: "0s", grace: "0s" })).toThrow("checks.0.every");
    expect(wrong({ name: "a", target: "http://x/", status: "299-200" })).toThrow("the lower one of a range first");
    expect(wrong({ name: "a", target: "http://x/", json: "$.a[*]" })).toThrow(
      'checks.0.json: Cannot read the path "$.a[*]": nothing known stands at position 3',
    );
    expect(wrong({ name: "a", target: "http://x/", equals: 1 })).toThrow("wanted json, too");
    expect(wrong({ name: "a", target: "http://x/", body: "x" })).toThrow("method GET sends no body");
    expect(wrong({ name: "a", target: "http://x/", headers: { "X-A": "\u20ac" } })).toThrow("in Latin-1");
    expect(wrong({ name: "a", kind: "tcp", target: "x:1", contains: "220" })).toThrow(
      "contains means nothing for kind tcp, only for http",
    );
    expect(wrong({ name: "a", kind: "dns", target: "https://x.example" })).toThrow("must be a name");
    expect(wrong({ name: "a", kind: "dns", target: "x.example", server: "ns.example" })).toThrow(
      "must be an IP address",
    );
    expect(wrong({ name: "a", kind: "dns", target: "x.example", server: "1.2.3.4:99999" })).toThrow("an IP address");
    const twins = ["a", "b"].map((name) => ({ name, kind: "heartbeat", id: "the-same-secret-of-both" }));
    expect(wrong(twins[0] ?? {}, twins.slice(1))).toThrow('Cannot use check "b": "a" has the same id');
    expect(() => readCheckFile("{", "c.json", defaults)).toThrow('Cannot read the checks in "c.json"');
    expect(() => readCheckFile('{"Tests":[{"Url":5}]}', "c.json", defaults)).toThrow("tests.0.url");
    const long = "x".repeat(3000);
    expect(() => readCheckFile(JSON.stringify({ tests: [{ url: long }] }), "c.json", defaults)).toThrow("tests.0.url");
    expect(() =>
      readCheckFile(JSON.stringify({ tests: [{ url: "", metricprefix: long }] }), "c.json", defaults),
    ).toThrow("tests.0.metricprefix");
  });

  test("readCheckFile: name servers stand with and without a port, in both families", () => {
    for (const server of ["192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]", "[2001:db8::53]:53"]) {
      const text = JSON.stringify({ checks: [{ name: "a", kind: "dns", target: "_dmarc.x.example", server }] });
      expect(readCheckFile(text, "c.json", defaults).plans[0]?.entry.server).toBe(server);
    }
  });

  test("readCheckFile: anything is read or refused with a SyntaxError", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), fc.constantFrom("a.json", "a.toml"), (text, name) => {
        try {
          return Array.isArray(readCheckFile(text, name, defaults).plans);
        } catch (thrown) {
          return thrown instanceof SyntaxError;
        }
      }),
    );
  });
});

test("statusIsGood: single statuses and ranges, both ends included", () => {
  expect([199, 200, 299, 300, 304, 404].filter((status) => statusIsGood("200-299, 304", status))).toEqual([
    200, 299, 304,
  ]);
});
