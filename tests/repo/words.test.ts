/**
 * The documents say what is so: links lead somewhere, commands and flags exist, options have the defaults that are told,
 * the table of services is the program's, and the first page of README does what it says.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

import { loadConfig } from "../../src/kit/config/load.ts";
import { optionViews } from "../../src/kit/config/option-view.ts";
import { formatProblem } from "../../src/kit/config/problem.ts";
import { loadSections } from "../../src/kit/config/service-section.ts";
import { parseDuration, parseSize } from "../../src/kit/config/units.ts";
import { runProgram, startChild } from "../../src/kit/testing/child-node.ts";
import { services } from "../../src/services.ts";
import { problemText, readDashboard } from "../../src/signals/houston/dashboard-file.ts";
import { anchorsOf, type Document, documents, linksOf, root, shellCommands, tableBelow } from "./documents.ts";

const all = await documents();
const readme = all.find(({ path }) => path === "README.md") as Document;
const sections = await loadSections(services);
const options = sections.flatMap((section) =>
  optionViews(section).map((view) => ({ ...view, id: `${section.name}.${view.key}` })),
);

test("documents: README and its neighbours are among those that are looked at", () => {
  const paths = all.map(({ path }) => path);
  expect(paths).toContain("README.md");
  expect(paths).toContain("docs/operate-a-cluster.md");
  expect(paths).toContain("src/storage/cask/README.md");
});

describe("links", () => {
  test("every link of a document leads to a file, and to a heading where it names one", () => {
    const broken: string[] = [];
    for (const document of all) {
      for (const link of linksOf(document)) {
        if (/^(https?|mailto):/.test(link)) continue;
        const [path = "", anchor] = link.split("#");
        const target = path === "" ? document.path : normalize(join(dirname(document.path), path));
        const other = all.find((candidate) => candidate.path === target);
        if (!existsSync(join(root, target)) || (anchor !== undefined && !(other && anchorsOf(other).has(anchor)))) {
          broken.push(`${document.path}: ${link}`);
        }
      }
    }
    expect(broken).toEqual([]);
  });

  test("every file of ours that a sentence names is there", () => {
    const missing: string[] = [];
    for (const document of all) {
      for (const span of document.spans) {
        if (!/^[\w.-]+(?:\/[\w.-]+)+\.(?:tsx?|mjs|md|css|js)$/.test(span)) continue;
        const places = [span, join("src", span), join("src/storage", span), join(dirname(document.path), span)];
        if (!places.some((place) => existsSync(join(root, place)))) missing.push(`${document.path}: ${span}`);
      }
    }
    expect(missing).toEqual([]);
  });
});

test("ARCHITECTURE: its map names what is there, and every room of the kit", () => {
  const architecture = all.find(({ path }) => path === "ARCHITECTURE.md") as Document;
  const map = architecture.fences.find(({ code }) => code.startsWith("src/\n"))?.code ?? "";
  const named: string[] = [];
  const above: string[] = [];
  for (const line of map.trimEnd().split("\n")) {
    const depth = line.search(/\S/) / 2;
    const [first = ""] = line.trim().split(" ");
    above.length = depth;
    // A line may name several files of a folder; what is no name ends the names.
    for (const name of line.trim().split(/ +/)) {
      if (!/^[\w./-]+(?:\/|\.tsx?)$/.test(name)) break;
      named.push([...above, name].join(""));
    }
    above.push(first);
  }
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  const rooms = readdirSync(join(root, "src/kit"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(
    rooms.map(({ name }) => `src/kit/${name}/`).filter((path) => !path.endsWith("/testdata/") && !named.includes(path)),
  ).toEqual([]);
  expect(named.length).toBeGreaterThan(30);
});

describe("commands", () => {
  const helps = new Map<string, Promise<string>>();
  const helpOf = (words: readonly string[]): Promise<string> => {
    const name = words.join(" ");
    let help = helps.get(name);
    if (!help) {
      help = runProgram([...words, "--help"]).then(({ stdout }) => stdout);
      helps.set(name, help);
    }
    return help;
  };
  /** The commands that a help page lists below its own. */
  const below = (help: string) =>
    [...(help.split("\nCommands:\n")[1] ?? "").matchAll(/^ {2}(\w+)/gm)].map((match) => match[1] as string);

  const refusal = async (words: readonly string[]): Promise<string | undefined> => {
    const path: string[] = [];
    let help = await helpOf(path);
    let rest = words;
    while (rest[0] !== undefined && below(help).includes(rest[0])) {
      path.push(rest[0]);
      rest = rest.slice(1);
      help = await helpOf(path);
    }
    if (path.length === 0 && rest[0] !== undefined && !rest[0].startsWith("-")) return `there is no "${rest[0]}"`;
    if (path[0] === "token" && path.length === 1 && rest[0] !== undefined) return `there is no "token ${rest[0]}"`;
    const flags = rest.map((word) => word.replace(/=.*/, "")).filter((word) => word.startsWith("--") && word !== "--");
    const unknown = flags.find((flag) => !new RegExp(`(?:^|\\s)${flag}(?![\\w-])`, "m").test(help));
    if (unknown !== undefined) return `"${path.join(" ")}" has no ${unknown}`;
    const set = /--set[ =](\w+\.\w+)=/.exec(words.join(" "))?.[1];
    return set === undefined || options.some(({ id }) => id === set) ? undefined : `there is no option ${set}`;
  };

  test("every command and flag of Warren that a document prints is in the program's help", async () => {
    const wrong: string[] = [];
    const printed = new Set<string>();
    for (const document of all) {
      const shell = document.fences
        .filter(({ language }) => language === "sh")
        .flatMap(({ code }) => shellCommands(code));
      for (const command of [...shell, ...document.spans]) {
        const words =
          /^(?:\S+ -- |npm start -- |(?:\S*\/)?bun src\/main\.ts |runuser .*-- )?(.*)$/.exec(command)?.[1] ?? "";
        if (command.startsWith("npm start -- ")) printed.add(`${document.path}: up ${words}`);
        else if (words.startsWith("warren ")) printed.add(`${document.path}: ${words.slice(7)}`);
        else if (/bun src\/main\.ts /.test(command)) printed.add(`${document.path}: ${words}`);
      }
    }
    for (const line of printed) {
      const [path = "", command = ""] = line.split(/: (.*)/);
      const words = command
        .replace(/\s[>|].*$/, "")
        .split(/\s+/)
        .filter((word) => word !== "" && !/^<.*>$/.test(word) && word !== "…");
      const why = await refusal(words);
      if (why !== undefined) wrong.push(`${path}: warren ${command}: ${why}`);
    }
    expect(wrong).toEqual([]);
    expect(printed.size).toBeGreaterThan(20);
  }, 180_000);

  test("the check sees a command, a flag and an option that are not there", async () => {
    expect(await refusal(["dance"])).toContain("dance");
    expect(await refusal(["token", "steal", "x"])).toContain("steal");
    expect(await refusal(["up", "--lisen", "127.0.0.1:1"])).toContain("--lisen");
    expect(await refusal(["up", "--set", "cask.kopies=3"])).toContain("cask.kopies");
    expect(await refusal(["token", "create", "ann", "--scope", "*:admin"])).toBeUndefined();
  }, 180_000);

  test("every npm script that a document prints is there, and so is what it runs", async () => {
    const { scripts } = (await Bun.file(join(root, "package.json")).json()) as { scripts: Record<string, string> };
    const wrong: string[] = [];
    for (const document of all) {
      const shell = document.fences
        .filter(({ language }) => language === "sh")
        .flatMap(({ code }) => shellCommands(code));
      for (const command of [...shell, ...document.spans]) {
        const name = /^(?:npm|bun) run ([\w-]+)/.exec(command)?.[1] ?? /^npm (start|test)\b/.exec(command)?.[1];
        if (name === undefined) continue;
        const file = /\b(?:tools|bench|tests|src)\/[\w/.-]+/.exec(scripts[name] ?? "")?.[0];
        if (scripts[name] === undefined || (file !== undefined && !existsSync(join(root, file)))) {
          wrong.push(`${document.path}: ${command}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe("options", () => {
  test("every example of a configuration file, and of a dashboard, is right", async () => {
    const problems: string[] = [];
    for (const document of all) {
      for (const { language, code } of document.fences.filter((fence) => fence.language === "toml")) {
        // The files of secrets and certificates are not on this machine.
        const text = code.replaceAll(/^(cluster_secret|smtp_password)_file = .*$/gm, '$1 = "x"');
        if (/^\[\[sections\]\]$/m.test(code)) {
          const read = await readDashboard(code, document.path);
          problems.push(...(read.problems ?? []).map((problem) => `${document.path}: ${problemText(problem)}`));
          continue;
        }
        const loaded = await loadConfig({ sections, file: { path: document.path, text } });
        expect(language).toBe("toml");
        problems.push(...loaded.problems.map(formatProblem), ...loaded.warnings.map(formatProblem));
      }
    }
    expect(problems).toEqual([]);
  });

  test("a default in brackets after an option's name is the option's default", () => {
    const wrong: string[] = [];
    let seen = 0;
    for (const document of all) {
      for (const [, key, told] of document.prose.matchAll(/`([a-z_]+)`\s+\((\d+(?:\s+[a-zA-Z]+)?)\)/g)) {
        const option = options.find((candidate) => candidate.key === key);
        if (!option) continue;
        seen++;
        if (amount(told as string) !== amount((option.default ?? "").replaceAll('"', ""))) {
          wrong.push(`${document.path}: ${key} is ${option.default}, not ${told}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(seen).toBeGreaterThan(10);
  });

  test("every variable that a document names is read by the program", () => {
    const known = new Set(options.flatMap(({ variable, legacy }) => [variable, `${variable}_FILE`, ...legacy]));
    const legacyOfNode = sections.flatMap((section) => JSON.stringify(section).match(/\bCASK_[A-Z_]+\b/g) ?? []);
    // Of no section: where the file is, and what the terminal's verbs take.
    const others = new Set(["WARREN_CONFIG", "WARREN_TOKEN", "WARREN_SERVER", "WARREN_TEST_S3", ...legacyOfNode]);
    const unknown: string[] = [];
    for (const document of all) {
      for (const name of document.text.match(/\b(?:WARREN|CASK)_[A-Z][A-Z_0-9]+\b/g) ?? []) {
        if (!known.has(name) && !others.has(name)) unknown.push(`${document.path}: ${name}`);
      }
    }
    expect(unknown).toEqual([]);
  });
});

/** A number with its unit, in the unit that all of its kind share. */
function amount(text: string): number {
  const [, number = "", word = ""] = /^(\d+)\s*([a-zA-Z]*)$/.exec(text.trim()) ?? [];
  if (word === "") return Number(number);
  if (/^[KMGT]i?B$/.test(word)) return parseSize(`${number}${word}`);
  const unit = word
    .replace(/^(?:min|minutes?)$/, "m")
    .replace(/^hours?$/, "h")
    .replace(/^days?$/, "d")
    .replace(/^seconds?$/, "s");
  return parseDuration(`${number}${unit}`);
}

describe("README", () => {
  test("its table of services is the program's", () => {
    const rows = tableBelow(readme, "## Services").map(([name = "", summary, state = ""]) => ({
      name: /^\[(\w+)\]/.exec(name)?.[1],
      summary,
      byDefault: state.includes("runs by default"),
    }));
    expect(rows).toEqual(services.map(({ name, summary, byDefault }) => ({ name, summary, byDefault })));
  });

  test("its first commands do what they say, with the addresses printed as they are shown", async () => {
    await using node = await startChild();
    const shown = readme.fences.find(({ code }) => /^warren +http/.test(code))?.code ?? "";
    const firstWords = (text: string) =>
      text
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[0]);
    expect(
      firstWords(node.output().slice(0, node.output().indexOf("ready\n") + 6)).filter((word) => !word?.startsWith("{")),
    ).toEqual(firstWords(shown));
    expect(shown).toContain(services[0]?.summary ?? "");

    const commands =
      readme.fences
        .find(({ code }) => code.startsWith("curl -F"))
        ?.code.trim()
        .split("\n") ?? [];
    expect(commands).toHaveLength(2);
    const photo = crypto.getRandomValues(new Uint8Array(50_000));
    await Bun.write(join(node.folder, "photo.jpg"), photo);
    const run = (command: string) => {
      const words = command.replaceAll("http://127.0.0.1:4100", node.url).split(" ");
      const { stdout, exitCode } = Bun.spawnSync([...words, "-sS"], { cwd: node.folder });
      expect(exitCode).toBe(0);
      return stdout.toString();
    };
    if (Bun.which("curl") === null) {
      console.log("skipped: README's commands need curl");
      return;
    }
    const stored = JSON.parse(run(commands[0] as string)) as { key: string; success: boolean };
    expect(stored.success).toBe(true);
    run((commands[1] as string).replace("<key>", stored.key));
    expect(await Bun.file(join(node.folder, "copy.jpg")).bytes()).toEqual(photo);

    // While a node is there: every metric that a document names is one of its own.
    const metrics = await (await fetch(`${node.url}/metrics`)).text();
    const unknown = all.flatMap(({ path, prose, fences }) =>
      [prose, ...fences.map(({ code }) => code)]
        .flatMap((text) => text.match(/\b(?:warren_(?:cask|node|http)|cask)_[a-z_]+\b/g) ?? [])
        .filter((name) => !metrics.includes(`# TYPE ${name} `))
        .map((name) => `${path}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });
});
