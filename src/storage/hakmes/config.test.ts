import { describe, expect, test } from "bun:test";

import { loadConfig } from "../../kit/config/load.ts";
import { nodeSection } from "../../kit/config/node.ts";
import { cutPlanOf, hakmesSection } from "./config.ts";

const load = (environment: Record<string, string>, alone = true) =>
  loadConfig({
    sections: [nodeSection, hakmesSection],
    environment,
    ...(alone ? { legacyOf: "hakmes" } : {}),
  });

async function read(environment: Record<string, string>, alone = true) {
  const config = await load(environment, alone);
  expect(config.problems).toEqual([]);
  return { hakmes: config.get(hakmesSection), node: config.get(nodeSection) };
}

describe("by itself", () => {
  test("content is cut at about a mebibyte and named by SHA-256, whatever a predecessor's variables say", async () => {
    const { hakmes } = await read({ HAKMES_CHUNK_SIZE: "7", HAKMES_CASK_BASE: "http://cask.example" }, false);
    expect(cutPlanOf(hakmes)).toEqual({
      kind: "content",
      minBytes: 262_144,
      averageBytes: 1_048_576,
      maxBytes: 4_194_304,
    });
    expect([hakmes.algorithm, hakmes.cask, hakmes.originalFailureStatus]).toEqual([undefined, [], false]);
  });

  test("lengths out of order are refused when they matter", async () => {
    const wrong = { WARREN_HAKMES_CHUNK_MIN: "8MiB" };
    const { problems } = await load(wrong);
    expect(problems.map(({ message }) => message).join()).toContain("not in order");
    expect((await load({ ...wrong, WARREN_HAKMES_CUT: "fixed" })).problems).toEqual([]);
    expect((await load({ WARREN_HAKMES_CHUNK_SIZE: "0" })).problems.length).toBe(1);
  });
});

describe("in the predecessor's place", () => {
  test("its variables count, each with and without the prefix", async () => {
    for (const prefix of ["HAKMES_", ""]) {
      const { hakmes, node } = await read({
        HAKMES_PORT: "8000",
        [`${prefix}CASK_BASE`]: "http://a.example/cask/, http://b.example",
        [`${prefix}CHUNK_SIZE`]: "16777216",
        [`${prefix}DB_PATH`]: "/var/lib/hakmes.db",
        [`${prefix}SERIALIZE`]: "t",
        [`${prefix}INGEST`]: "F",
        [`${prefix}SSL_CERT`]: "/etc/cert.pem",
        [`${prefix}SSL_KEY`]: "/etc/key.pem",
      });
      expect(hakmes.cask).toEqual(["http://a.example/cask", "http://b.example"]);
      expect(cutPlanOf(hakmes)).toEqual({ kind: "fixed", sizeBytes: 16_777_216 });
      expect([hakmes.algorithm, hakmes.originalFailureStatus]).toEqual(["sha1", true]);
      expect([hakmes.serialize, hakmes.ingest]).toEqual([true, false]);
      expect(node.listen).toEqual({ host: "0.0.0.0", port: 8000 });
      expect([node.data, node.tlsCertificate, node.tlsKey]).toEqual([
        "/var/lib/hakmes.db.warren",
        "/etc/cert.pem",
        "/etc/key.pem",
      ]);
    }
  });

  test("a chunk size of 0 is none, a very long one as long as may be, and one key without the other no TLS, as there", async () => {
    const { hakmes, node } = await read({
      HAKMES_CASK_BASE: "http://a.example",
      HAKMES_CHUNK_SIZE: "0",
      SSL_KEY: "/k",
    });
    expect(cutPlanOf(hakmes).kind).toBe("content");
    const long = await read({ HAKMES_CASK_BASE: "http://a.example", HAKMES_CHUNK_SIZE: "1073741824" });
    expect(cutPlanOf(long.hakmes)).toEqual({ kind: "fixed", sizeBytes: 67_108_864 });
    expect([node.tlsCertificate, node.tlsKey]).toEqual([undefined, undefined]);
  });

  test("what it did not accept either is a problem that names the variable", async () => {
    for (const [name, value] of [
      ["HAKMES_CHUNK_SIZE", "-1"],
      ["HAKMES_CHUNK_SIZE", "big"],
      ["HAKMES_SERIALIZE", "yes"],
      ["HAKMES_CASK_BASE", "cask.example"],
    ] as const) {
      const { problems } = await load({ HAKMES_CASK_BASE: "http://a.example", [name]: value });
      expect([name, value, problems.length > 0]).toEqual([name, value, true]);
      expect(JSON.stringify(problems)).toContain(name);
    }
  });

  test("our own variables win over its", async () => {
    const { hakmes } = await read({
      HAKMES_CASK_BASE: "http://a.example",
      WARREN_HAKMES_CASK: "http://b.example",
      WARREN_HAKMES_ALGORITHM: "sha256",
    });
    expect([hakmes.cask, hakmes.algorithm]).toEqual([["http://b.example"], "sha256"]);
  });
});
