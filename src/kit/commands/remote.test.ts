/** What the verbs of every service share, as far as it shows without a process of its own. */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Command } from "commander";

import { findNamedFiles } from "./named-files.ts";
import { type RemoteContext, remoteVerbs, wholeNumber } from "./remote.ts";

type Client = readonly string[];

/** Runs a verb of a service "hakmes" and gives back what it was called with. */
async function contextFor(words: readonly string[], server?: string): Promise<RemoteContext<Client>> {
  const program = new Command("warren");
  const verbs = remoteVerbs<Client>(program.command("hakmes"), {
    title: "Hakmes",
    defaultServer: "http://127.0.0.1:4100/hakmes",
    neighbours: ["cask"],
    connect: async (token) => (baseUrls) => [...baseUrls, token ?? "no token"],
  });
  const look = verbs.remote("look", "looks").argument("[word...]");
  let seen: RemoteContext<Client> | undefined;
  verbs.act(look, async (context) => {
    seen = context;
    return 0;
  });
  const before = process.env["WARREN_SERVER"];
  if (server === undefined) delete process.env["WARREN_SERVER"];
  else process.env["WARREN_SERVER"] = server;
  try {
    await program.parseAsync(["hakmes", "look", ...words], { from: "user" });
  } finally {
    if (before === undefined) delete process.env["WARREN_SERVER"];
    else process.env["WARREN_SERVER"] = before;
  }
  if (seen === undefined) throw new Error("The verb was not called");
  return seen;
}

test("remoteVerbs: the client gets the addresses and the token", async () => {
  expect((await contextFor([])).client).toEqual(["http://127.0.0.1:4100/hakmes", "no token"]);
  const { client, clientFor } = await contextFor(["--server", "http://a/x, https://b/y/"]);
  expect(client).toEqual(["http://a/x", "https://b/y/", "no token"]);
  expect(clientFor("http://c")).toEqual(["http://c", "no token"]);
});

test("remoteVerbs: a variable that leads to a service beside this one means this one, on the same node", async () => {
  const cases: [string, string][] = [
    ["http://box:4100/cask", "http://box:4100/hakmes"],
    ["https://box/behind/cask//", "https://box/behind/hakmes"],
    ["http://box:4100/hakmes/", "http://box:4100/hakmes/"],
    ["http://box:4100", "http://box:4100"],
    ["http://cask:4100/", "http://cask:4100/"],
  ];
  for (const [given, meant] of cases) expect((await contextFor([], given)).baseUrls).toEqual([meant]);
  // What is said on the line is meant as it is said.
  expect((await contextFor(["--server", "http://box/cask"])).baseUrls).toEqual(["http://box/cask"]);
});

test("wholeNumber: within its bounds, or a sentence that says them", () => {
  expect(wholeNumber("64", "--parallel", 1, 64)).toBe(64);
  for (const text of ["0", "65", "1.5", "many", "-1", "NaN"]) {
    expect(() => wholeNumber(text, "--parallel", 1, 64)).toThrow(
      `Cannot use --parallel ${text}: wanted a whole number from 1 to 64`,
    );
  }
});

test("findNamedFiles: files, folders with all below, standard input; links only where they are named", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-named-"));
  try {
    mkdirSync(join(folder, "tree/deep"), { recursive: true });
    writeFileSync(join(folder, "tree/b"), "bb");
    writeFileSync(join(folder, "tree/deep/a"), "a");
    symlinkSync(join(folder, "tree"), join(folder, "tree/deep/circle"));
    symlinkSync(join(folder, "tree/b"), join(folder, "link"));
    const { failures, files, leftOut } = await findNamedFiles(
      ["tree", "link", "none"].map((name) => join(folder, name)).concat("-"),
    );
    expect(files.map(({ path, sizeBytes }) => [path.replace(`${folder}/`, ""), sizeBytes])).toEqual([
      ["tree/b", 2],
      ["tree/deep/a", 1],
      ["link", 2],
      ["-", undefined],
    ]);
    expect(failures.map(({ path }) => path)).toEqual([join(folder, "none")]);
    expect(leftOut).toBe(1);
    await expect(findNamedFiles(["-", "x", "-"])).rejects.toThrow("Cannot read standard input twice");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
