/** The predecessor's file as options, and the relations between options. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { loadConfig } from "../../kit/config/load.ts";
import { nodeSection } from "../../kit/config/node.ts";
import { serviceSection } from "../../kit/config/service-section.ts";
import { reticulumSection } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const section = serviceSection(reticulumSection, true);

function load(config: unknown, more: { environment?: Record<string, string>; legacyOf?: string; file?: string } = {}) {
  const path = join(folder, "config.json");
  writeFileSync(path, typeof config === "string" ? config : JSON.stringify(config));
  return loadConfig({
    sections: [nodeSection, section],
    environment: { RETICULUM_CONFIG: path, ...more.environment },
    legacyOf: more.legacyOf ?? "reticulum",
    ...(more.file === undefined ? {} : { file: { path: "warren.toml", text: more.file } }),
  });
}

test("RETICULUM_CONFIG: keys in any case become options, unknown ones are passed over", async () => {
  const loaded = await load({
    nickname: "n0",
    uuid: "uuid-node-0",
    BASEURL: "localhost:8080/",
    Port: 8080,
    UploadKeys: ["k1", "k2"],
    NumResizeWorkers: 3,
    Replication: 2,
    Neighbors: [{ nickname: "n1" }],
    TemplateDirectory: "x",
  });
  expect(loaded.problems).toEqual([]);
  expect(loaded.get(section)).toMatchObject({ algorithm: "sha1", uploadKeys: ["k1", "k2"], workers: 3 });
  expect(loaded.get(nodeSection)).toMatchObject({
    name: "n0",
    id: "uuid-node-0",
    advertise: "http://localhost:8080",
    listen: { host: "0.0.0.0", port: 8080 },
  });
});

test("RETICULUM_CONFIG: empty values are as good as none; WARREN_ variables win", async () => {
  const loaded = await load(
    { Nickname: "", UUID: "", BaseUrl: "", UploadKeys: [], NumResizeWorkers: 0 },
    { environment: { WARREN_RETICULUM_ALGORITHM: "sha256" } },
  );
  expect(loaded.problems).toEqual([]);
  expect(loaded.get(section)).toMatchObject({ algorithm: "sha256", uploadKeys: [], workers: undefined });
  expect(loaded.get(nodeSection).id).toBeUndefined();
});

test("RETICULUM_CONFIG: means nothing under warren up", async () => {
  const loaded = await load({ UploadKeys: ["k1"] }, { legacyOf: "" });
  expect(loaded.get(section)).toMatchObject({ algorithm: undefined, uploadKeys: [] });
});

test("RETICULUM_CONFIG: what the predecessor refused is refused, once each", async () => {
  for (const broken of ["{", "[]", "7", "null"]) {
    const { problems } = await load(broken);
    expect([broken, problems.length]).toEqual([broken, 1]);
    expect(problems[0]?.message).toContain("config.json");
  }
  const { problems } = await load({ Port: "8080", UploadKeys: "k1", NumResizeWorkers: 1.5, UUID: 7 });
  expect(problems.map(({ key }) => key).sort()).toEqual([
    "node.id",
    "node.listen",
    "reticulum.upload_keys",
    "reticulum.workers",
  ]);
  // A list of secrets is not repeated in a message.
  expect(problems.find(({ key }) => key === "reticulum.upload_keys")?.message).not.toContain("k1");
});

test("reticulumSection: modes want what they need", async () => {
  const problemsOf = async (text: string) =>
    (await load({}, { file: `[reticulum]\n${text}\n` })).problems.map(({ message }) => message);
  expect(await problemsOf('urls = "signed"')).toEqual(['urls is "signed": wanted signing_keys too']);
  expect(await problemsOf('urls = "listed"')).toHaveLength(1);
  expect(await problemsOf('urls = "listed"\nsizes = ["100s"]')).toEqual([]);
  expect((await problemsOf('sizes = ["100h200w"]'))[0]).toContain("normal form");
  expect((await problemsOf('signing_keys = ["short"]'))[0]).not.toContain("short");
});
