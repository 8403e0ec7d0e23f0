import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createScreen } from "../../kit/terminal/screen.ts";
import { checkVerb } from "./commands-check.ts";

/** What the verb says about files of rules, with their folder left out, and its exit code. */
async function said(files: Record<string, string>, config = ""): Promise<{ code: number; lines: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), "warren-hound-check-"));
  try {
    await Bun.write(join(folder, "warren.toml"), config);
    for (const [name, text] of Object.entries(files)) await Bun.write(join(folder, name), text);
    let written = "";
    const stream = {
      write(chunk: string | Uint8Array) {
        written += String(chunk);
        return true;
      },
    };
    const paths = Object.keys(files).map((name) => join(folder, name));
    const code = await checkVerb(createScreen(stream, stream), paths, { config: join(folder, "warren.toml") });
    return { code, lines: written.replaceAll(`${folder}/`, "").trimEnd().split("\n") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const rule = (name: string, target: string) => `[[rules]]\nname = "${name}"\ntarget = "${target}"\nabove = 1\n`;
const three = rule("good", "sumSeries(a.*)") + rule("open", "sumSeries(a.*") + rule("made up", "summ(a.*)");

test("checkVerb: targets that cannot be worked out are told, each at the line of its rule", async () => {
  expect(await said({ "r.toml": three })).toEqual({
    code: 1,
    lines: [
      'r.toml:5 ("open"): target: Cannot parse target "sumSeries(a.*": expected , or ) at character 14',
      'r.toml:9 ("made up"): target: Received request for unknown function: summ',
    ],
  });
  const inConfig = await said({}, '[hound]\nrules = [{ name = "x", target = "summ(a)", above = 1 }]\n');
  expect(inConfig.lines).toEqual(['rules 1 ("x"): target: Received request for unknown function: summ']);
});

test("checkVerb: of another source only what can be known of its language is told", async () => {
  const [graphite, prometheus] = await Promise.all(
    ["graphite", "prometheus"].map((source) =>
      said({ "r.toml": three }, `[hound]\nsource = "${source}"\nurl = "https://metrics.example/"\n`),
    ),
  );
  expect(graphite?.lines).toEqual([expect.stringContaining('r.toml:5 ("open"): target: Cannot parse')]);
  expect(prometheus).toEqual({ code: 0, lines: ["3 rules, nothing wrong"] });
});

test("checkVerb: where a file is no TOML is told by the line", async () => {
  const { code, lines } = await said({ "r.toml": '[[rules]]\nname = "a"\ntarget = oops\nabove = 1\n' });
  expect(code).toBe(1);
  expect(lines).toEqual([expect.stringMatching(/^r\.toml:3: wanted TOML: /)]);
});
