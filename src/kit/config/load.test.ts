import { describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { section } from "./declaration.ts";
import { address, choice, count, duration, flag, list, secret, size } from "./fields.ts";
import { goBytes, goFlag, goSeconds } from "./legacy.ts";
import { loadConfig } from "./load.ts";
import { nodeSection } from "./node.ts";
import { formatProblem } from "./problem.ts";
import { serviceSection } from "./service-section.ts";

const sample = section(
  "sample",
  "A sample",
  {
    keepFreeBytes: size({
      summary: "Space.",
      default: "10GiB",
      legacy: { names: ["S_KEEP_FREE", "KEEP_FREE"], read: goBytes },
    }),
    pauseMs: duration({ summary: "Pause.", default: "5s", min: "1s", legacy: { names: ["S_PAUSE"], read: goSeconds } }),
    readOnly: flag({ summary: "No writes.", legacy: { names: ["S_READ_ONLY"], read: goFlag } }),
    copies: count({ summary: "Copies.", default: 3, min: 1, max: 16 }),
    quorum: count({ summary: "Copies before an answer.", default: 2, min: 1 }),
    algorithm: choice(["sha256", "sha1"], { summary: "Hash.", default: "sha256" }),
    peers: list(address(), { summary: "Peers." }),
    key: secret({ summary: "Key.", minLength: 8, legacy: { names: ["S_KEY"] } }),
  },
  ({ copies, quorum }) => (quorum > copies ? [`quorum ${quorum} is more than copies ${copies}`] : []),
  { nodeLegacy: { advertise: { names: ["S_BASE_URL"] } } },
);
const sections = [nodeSection, serviceSection(sample, true)];

async function problemsOf(text: string, rest: Partial<Parameters<typeof loadConfig>[0]> = {}): Promise<string[]> {
  const loaded = await loadConfig({ sections, file: { path: "warren.toml", text }, ...rest });
  return loaded.problems.map(formatProblem);
}

describe("loadConfig", () => {
  test("loadConfig: without a file everything has its default", async () => {
    const loaded = await loadConfig({ sections });
    expect(loaded.problems).toEqual([]);
    expect(loaded.get(serviceSection(sample, true))).toEqual({
      enabled: true,
      listen: undefined,
      keepFreeBytes: 10 * 2 ** 30,
      pauseMs: 5000,
      readOnly: false,
      copies: 3,
      quorum: 2,
      algorithm: "sha256",
      peers: [],
      key: undefined,
    });
    expect(loaded.get(nodeSection).listen).toEqual({ host: "127.0.0.1", port: 4100 });
    expect(loaded.origins.get("sample.keep_free")).toEqual({
      section: "sample",
      key: "keep_free",
      value: '"10GiB"',
      unset: "",
      from: "default",
    });
  });

  test("loadConfig: flag beats variable beats legacy variable beats file beats default", async () => {
    const file = { path: "warren.toml", text: '[sample]\nkeep_free = "1MiB"\n' };
    const legacy = { KEEP_FREE: "0x20", S_KEEP_FREE: "1_0" };
    const own = { WARREN_SAMPLE_KEEP_FREE: "2KiB" };
    const flags = [{ section: "sample", key: "keep_free", text: "7", shown: "--keep-free" }];
    const cases = [
      [{ file }, 2 ** 20, "file warren.toml:2"],
      [{ file, environment: legacy }, 2 ** 20, "file warren.toml:2"],
      [{ file, environment: legacy, legacyOf: "sample" }, 10, "environment S_KEEP_FREE"],
      [{ file, environment: { ...legacy, S_KEEP_FREE: "" }, legacyOf: "sample" }, 32, "environment KEEP_FREE"],
      [{ file, environment: { ...legacy, ...own }, legacyOf: "sample" }, 2048, "environment WARREN_SAMPLE_KEEP_FREE"],
      [{ file, environment: { ...legacy, ...own }, legacyOf: "sample", flags }, 7, "flag --keep-free"],
    ] as const;
    for (const [request, bytes, from] of cases) {
      const loaded = await loadConfig({ sections, ...request });
      expect(loaded.problems).toEqual([]);
      expect(loaded.get(sample).keepFreeBytes).toBe(bytes);
      expect(loaded.origins.get("sample.keep_free")?.from).toBe(from);
    }
  });

  test("loadConfig: names every kind of mistake at once, in the order of the file, with the nearest known name", async () => {
    const text = [
      'listen = "127.0.0.1:1"',
      "[node]",
      'listen = "localhost"',
      "acces_log = true",
      "log_level = 3",
      "log_level = 4",
      "data = ./elsewhere",
      'hosts = "attic.example"',
      "[smaple]",
      "copies = 2",
      "[sample]",
      'keep_fre = "1GiB"',
      'keep_free = "10x"',
      'pause = "10ms"',
      'read_only = "yes"',
      "copies = 17",
      'gossip = "127.0.0.1:9"',
      'peers = ["a.example:80", 12]',
      'key = "hunter2"',
      "[node]",
      'name = "attic"',
      "[sample.deeper]",
      "zzz = 1",
      'algorithm.inner = "sha1"',
    ].join("\n");
    const environment = { WARREN_SAMPLE_COPIES: "many", WARREN_SAMPLE_KEY: "hunter2", WARREN_SAMPLE_COPIS: "2" };
    const flags = [
      { section: "sample", key: "quorm", text: "1", shown: "--set sample.quorm" },
      { section: "node", key: "cluster_secret", text: "hunter2", shown: "--set node.cluster_secret" },
    ];
    expect(await problemsOf(text, { environment, flags })).toMatchInlineSnapshot(`
      [
        "warren.toml:1: Unknown key "listen" above the first section: it belongs in [node]",
        "warren.toml:3: node.listen: Cannot parse address "localhost": wanted "host:port" such as "127.0.0.1:4100" or "[::1]:4100"",
        "warren.toml:4: node: Unknown key "acces_log": did you mean "access_log"?",
        "warren.toml:5: node.log_level: Cannot read 3: wanted one of "debug", "info", "warn", "error"",
        "warren.toml:6: Cannot read column 1: this key is set twice",
        "warren.toml:7: Cannot read column 8: wanted a value that is text in quotes, a number, true or false, or a list in brackets",
        "warren.toml:8: node.hosts: Cannot read "attic.example": wanted a list in brackets, each a host name without a port",
        "warren.toml:9: Unknown section "smaple": did you mean "sample"?",
        "warren.toml:12: sample: Unknown key "keep_fre": did you mean "keep_free"?",
        "warren.toml:13: sample.keep_free: Cannot parse size "10x": unit must be B, KiB, MiB, GiB, TiB, PiB (1024) or KB, MB, GB, TB, PB (1000)",
        "warren.toml:14: sample.pause: Cannot read "10ms": wanted a duration such as "30s", at least 1s",
        "warren.toml:15: sample.read_only: Cannot read "yes": wanted true or false",
        "warren.toml:16: sample.copies: Cannot read 17: wanted a whole number from 1 to 16",
        "warren.toml:17: sample: Unknown key "gossip": it belongs in [node]",
        "warren.toml:18: sample.peers: Cannot read 12: wanted an address such as "127.0.0.1:4100" or "[::1]:4100"",
        "warren.toml:19: sample.key: Cannot read the value: wanted text of at least 8 characters",
        "warren.toml:20: Cannot read column 2: this section stands twice",
        "warren.toml:22: sample: Unknown key "deeper"",
        "flag --set sample.quorm: sample: Unknown key "quorm": did you mean "quorum"?",
        "flag --set node.cluster_secret: node.cluster_secret: Cannot take a secret from the command line, where every user of this machine can read it: wanted cluster_secret_file, or WARREN_NODE_CLUSTER_SECRET in the environment",
        "environment WARREN_SAMPLE_COPIES: sample.copies: Cannot read "many": wanted a whole number from 1 to 16",
        "environment WARREN_SAMPLE_KEY: sample.key: Cannot read the value: wanted text of at least 8 characters",
      ]
    `);
    const { warnings } = await loadConfig({ sections, environment });
    expect(warnings.map(formatProblem)).toEqual([
      'environment WARREN_SAMPLE_COPIS: Unknown variable, not used: did you mean "WARREN_SAMPLE_COPIES"?',
    ]);
  });

  test("loadConfig: says which relation between options does not hold, once each option alone is good", async () => {
    expect(await problemsOf('[sample]\nquorum = 4\n[node]\ntls_key = "k.pem"')).toEqual([
      "warren.toml: node: tls_certificate and tls_key stand together: wanted both or neither",
      "warren.toml: sample: quorum 4 is more than copies 3",
    ]);
    expect(await problemsOf("[sample]\nquorum = 4\ncopies = 0")).toEqual([
      "warren.toml:3: sample.copies: Cannot read 0: wanted a whole number from 1 to 16",
    ]);
  });

  test("loadConfig: sections that are not looked at may stand in the file", async () => {
    expect(await problemsOf("[hound]\nanything = 1")).toEqual(['warren.toml:1: Unknown section "hound"']);
    expect(await problemsOf("[hound]\nanything = 1", { otherSections: ["hound"] })).toEqual([]);
  });

  test("loadConfig: the predecessor's variables are refused like it refused them, and listed", async () => {
    const environment = { S_READ_ONLY: "yes", S_PAUSE: "7", S_BASE_URL: "http://old.example/" };
    const loaded = await loadConfig({ sections, environment, legacyOf: "sample" });
    expect(loaded.problems.map(formatProblem)).toEqual([
      'environment S_READ_ONLY: sample.read_only: Cannot read "yes": wanted true or false (or 1, 0, t, f)',
    ]);
    expect(loaded.legacyUsed).toEqual(["S_BASE_URL", "S_PAUSE", "S_READ_ONLY"]);
    expect(loaded.origins.get("node.advertise")?.value).toBe('"http://old.example"');
    expect(loaded.origins.get("sample.pause")?.value).toBe('"7s"');
  });

  test("loadConfig: get throws one Fault that holds all problems", async () => {
    const loaded = await loadConfig({ sections, file: { path: "w.toml", text: "[node]\nx = 1\ny = 2" } });
    expect(() => loaded.get(nodeSection)).toThrow(
      'Cannot use the configuration: 2 problems\n  w.toml:2: node: Unknown key "x"\n  w.toml:3: node: Unknown key "y"',
    );
  });

  test("loadConfig: a file that is missing, a folder or not text is one clear problem", async () => {
    const missing = await loadConfig({ sections, file: "/nonexistent/warren.toml" });
    expect(missing.problems.map(formatProblem)).toEqual([
      "/nonexistent/warren.toml: Cannot read the file: no such file",
    ]);
    const folder = await loadConfig({ sections, file: tmpdir() });
    expect(folder.problems.map(formatProblem)).toEqual([`${tmpdir()}: Cannot read the file: wanted a plain file`]);
  });
});

describe("secrets", () => {
  const word = "correct horse battery";

  test("loadConfig: a secret comes from a file, without the line end, and a readable file is warned about", async () => {
    const folder = mkdtempSync(join(tmpdir(), "warren-secret-"));
    try {
      const path = join(folder, "key");
      writeFileSync(path, `${word}\n`, { mode: 0o600 });
      const environment = { WARREN_SAMPLE_KEY_FILE: path };
      const loaded = await loadConfig({ sections, environment });
      expect(loaded.get(sample).key).toBe(word);
      expect(loaded.warnings).toEqual([]);
      expect(loaded.origins.get("sample.key")).toEqual({
        section: "sample",
        key: "key",
        value: "***",
        unset: "",
        from: "environment WARREN_SAMPLE_KEY_FILE",
      });
      chmodSync(path, 0o644);
      const exposed = await loadConfig({ sections, environment });
      expect(exposed.warnings.map(({ message }) => message)).toEqual([
        `every user of this machine may read "${path}": chmod o-r keeps the secret in it`,
      ]);
      writeFileSync(path, "short\n");
      const refused = await loadConfig({ sections, environment });
      expect(refused.problems.map(formatProblem)).toEqual([
        "environment WARREN_SAMPLE_KEY_FILE: sample.key: Cannot read the value: wanted text of at least 8 characters",
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("loadConfig: both the secret and its file in one place, or a file that is not there, is a problem", async () => {
    expect(await problemsOf(`[sample]\nkey = "${word}"\nkey_file = "/nonexistent/key"`)).toEqual([
      "warren.toml:3: sample.key: Cannot use both key and key_file: wanted one of the two",
      'warren.toml:3: sample.key: Cannot read the secret in "/nonexistent/key": no such file',
    ]);
  });

  test("loadConfig: no message or origin holds a secret, however it is wrong", async () => {
    const bad = "hunter2";
    const requests = [
      { file: { path: "w", text: `[sample]\nkey = ${bad}` } },
      { file: { path: "w", text: `[sample]\nkey = "${bad}` } },
      { file: { path: "w", text: `[sample]\nkey = "${bad}"` } },
      { file: { path: "w", text: `[sample]\nkey = ["${bad}"]` } },
      { file: { path: "w", text: `[sample]\nkey.x = "${bad}"` } },
      { file: { path: "w", text: `[sample]\nkey = "a"\nkey = "${bad}"` } },
      { environment: { WARREN_SAMPLE_KEY: bad } },
      { environment: { S_KEY: bad }, legacyOf: "sample" },
      { flags: [{ section: "sample", key: "key", text: bad, shown: "--set sample.key" }] },
    ];
    for (const request of requests) {
      const loaded = await loadConfig({ sections, ...request });
      expect(loaded.problems.length).toBeGreaterThan(0);
      expect(JSON.stringify([loaded.problems, loaded.warnings, [...loaded.origins]])).not.toContain(bad);
    }
  });
});

describe("any input", () => {
  const keys = ["keep_free", "pause", "read_only", "copies", "peers", "key", "listen", "__proto__", "constructor"];

  test("loadConfig: whatever text stands in file, variables and flags, the result is options or problems", async () => {
    const line = fc.oneof(
      fc.string(),
      // The last ones reached the prototype of all objects through the parser's own conversion.
      fc.constantFrom(
        "[sample]",
        "[node]",
        "[[sample]]",
        "[sample.key]",
        "[__proto__]",
        "__proto__.polluted = 1",
        '"""',
        "x = [",
      ),
      fc.tuple(fc.constantFrom(...keys), fc.json()).map(([key, value]) => `${key} = ${value}`),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 12 }),
        fc.dictionary(fc.constantFrom(...keys.map((key) => `WARREN_SAMPLE_${key.toUpperCase()}`)), fc.string()),
        fc.array(
          fc.record({
            section: fc.constantFrom("sample", "node", ""),
            key: fc.constantFrom(...keys),
            text: fc.string(),
            shown: fc.constant("--x"),
          }),
          { maxLength: 3 },
        ),
        async (lines, environment, flags) => {
          const file = { path: "w", text: lines.join("\n") };
          const loaded = await loadConfig({ sections, file, environment, flags });
          expect(loaded.options.size + loaded.problems.length).toBeGreaterThan(1);
          expect(Object.keys(Object.prototype)).toEqual([]);
          for (const { place, message } of loaded.problems) expect(`${place}${message}`).not.toBe("");
        },
      ),
      { numRuns: 500 },
    );
  });
});
