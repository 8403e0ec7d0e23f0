/**
 * The samples in docs/serve-images.md that sign a URL give, in each language that this machine has, what the document says
 * and what a node accepts. So does the form that it shows.
 */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { checkSignature, signPath } from "../../src/storage/reticulum/signing.ts";

const document = await Bun.file(join(import.meta.dir, "../../docs/serve-images.md")).text();

/** The blocks of a language, in order. */
function blocks(language: string): string[] {
  return [...document.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    ([, text]) => text ?? "",
  );
}

function block(language: string, containing: string): string {
  const found = blocks(language).find((text) => text.includes(containing));
  if (found === undefined) throw new Error(`The document has no ${language} with "${containing}"`);
  return found;
}

const [path = "", wanted = ""] = blocks("text").map((text) => text.trim());
const key = /signing_keys = \["([^"]+)"\]/.exec(document)?.[1] ?? "";
const plain = "/image/c1986af3c26609b8b7d8933f99c51c1a89e9ea6b/100s/a.png";

/** How a sample is run so that it prints what `signed` makes of two words. */
const languages: Record<
  string,
  { ending: string; program: string; whole: (sample: string, words: string[]) => string }
> = {
  python: {
    ending: "py",
    program: "python3",
    whole: (sample, words) => `${sample}\nprint(signed(${words.map((word) => JSON.stringify(word)).join(", ")}))\n`,
  },
  php: {
    ending: "php",
    program: "php",
    whole: (sample, words) => `<?php\n${sample}\necho signed(${words.map((word) => `'${word}'`).join(", ")});\n`,
  },
  js: {
    ending: "mjs",
    program: process.execPath,
    whole: (sample, words) =>
      `${sample}\nconsole.log(signed(${words.map((word) => JSON.stringify(word)).join(", ")}));\n`,
  },
  sh: {
    ending: "sh",
    program: "sh",
    whole: (sample, words) => `${sample}\nsigned ${words.map((word) => `'${word}'`).join(" ")}\n`,
  },
};

describe("docs/serve-images.md", () => {
  test("its example is what a node makes and accepts", () => {
    const [bare = "", query = ""] = wanted.split("?");
    expect(checkSignature(bare, query, [key], 0)).toEqual({ state: "good", expiresAt: 1_800_000_000_000 });
    expect(signPath(path, [key])).toBe(wanted);
  });

  for (const [language, { ending, program, whole }] of Object.entries(languages)) {
    const isHere = Bun.which(program) !== null && (language !== "sh" || Bun.which("openssl") !== null);
    if (!isHere) console.log(`The sample in ${language} is left out: this machine has no ${program}`);
    test.skipIf(!isHere)(`its sample in ${language} gives the same`, () => {
      const folder = mkdtempSync(join(tmpdir(), "warren-sample-"));
      const sample = block(language, language === "sh" ? "signed()" : "signed(");
      for (const [text, result] of [
        [path, wanted],
        [plain, signPath(plain, [key])],
      ] as const) {
        const file = join(folder, `sample.${ending}`);
        writeFileSync(file, whole(sample, [text, key]));
        // In the language that every machine has: of another one, what starts the program may complain.
        const env = { ...process.env, LC_ALL: "C" };
        const { exitCode, stderr, stdout } = Bun.spawnSync([program, file], { env });
        expect([exitCode, stderr.toString(), stdout.toString().trim()]).toEqual([0, "", result]);
      }
      rmSync(folder, { recursive: true });
    });
  }
});
