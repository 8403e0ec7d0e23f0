/**
 * `npm test`: the gate. Brings packages and programs, then runs type check, lint, format check and all tests; each says
 * one line when it is good and shows its output when it is not. The last line is always `N passed, N failed, N skipped`:
 * the tests, each static check counted as one more. Exit code 1 as soon as anything failed. Needs no terminal.
 *
 * Arguments are passed on to the test runner: `npm test -- src/kit` runs the tests of one folder.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { bun, installModules, output, root } from "./modules.mjs";
import { provision, provisionS3 } from "./provision.mjs";
import { readReport } from "./report.mjs";

/** Tests that take longer than this hang. */
const limitMs = 25 * 60_000;
const total = { passed: 0, failed: 0, skipped: 0 };
const say = (line) => process.stdout.write(`${line}\n`);
const took = (startMs) => `${((performance.now() - startMs) / 1000).toFixed(1)} s`;

function finish() {
  say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  process.exit(total.failed === 0 ? 0 : 1);
}

function indented(text) {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n");
}

async function check(name, program, words) {
  const startMs = performance.now();
  const result = await output(program, words);
  if (result.code === 0) total.passed++;
  else total.failed++;
  say(`${result.code === 0 ? "ok     " : "FAILED "} ${name} (${took(startMs)})`);
  if (result.code !== 0) say(indented(result.text));
}

/** Each failed test by its place, name and the first lines of its message. */
function failedTests(failed) {
  return failed
    .map(({ file, line, name, message }) => {
      const lines = message.split("\n").filter((text) => text.trim() !== "");
      return [`${file}:${line} ${name}`, ...lines.slice(0, 4).map((text) => `    ${text.slice(0, 200)}`)].join("\n");
    })
    .join("\n");
}

/** What the runner printed of the files in which something failed, without the lines of the tests that passed. */
function failures(text) {
  return text
    .split("\n")
    .filter((line) => !/^\((pass|skip|todo)\)/.test(line))
    .join("\n")
    .split(/\n(?=\S+\.test\.tsx?:\n)/)
    .filter((part) => /^(\(fail\)|✗|panic|# Unhandled)/m.test(part))
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n");
}

async function tests(patterns) {
  const startMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "warren-gate-"));
  const path = join(folder, "report.xml");
  // Two at a time: the machines this has to pass on have two cores. The limit is for a machine that is busy otherwise.
  const words = [
    "--no-orphans",
    "test",
    "--parallel=2",
    "--timeout=120000",
    `--timings=${join(root, ".timings.json")}`,
    "--update-timings",
  ];
  const result = await output(bun, [...words, "--reporter=junit", `--reporter-outfile=${path}`, ...patterns], {
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
    limitMs,
  });
  let report = { passed: 0, failed: [], skipped: [] };
  try {
    report = readReport(readFileSync(path, "utf8"));
  } catch (error) {
    say(`The tests left no report: ${error.message}`);
  }
  rmSync(folder, { recursive: true });
  // A runner that ended badly without a test to blame (a crash, an error between tests) has failed all the same.
  const failed = result.code === 0 ? report.failed.length : Math.max(1, report.failed.length);
  total.passed += report.passed;
  total.failed += failed;
  total.skipped += report.skipped.length;
  say(`${failed === 0 ? "ok     " : "FAILED "} tests (${took(startMs)})`);
  // First which, so that it stands where a reader of a cut log sees it; then what they printed.
  if (report.failed.length > 0) say(indented(failedTests(report.failed)));
  if (failed > 0) say(indented(failures(result.text) || result.text.split("\n").slice(-40).join("\n")));
  if (report.skipped.length > 0) {
    say("skipped:");
    for (const { file, name } of report.skipped) say(`    ${file}: ${name}`);
    const reasons = new Set(result.text.split("\n").filter((line) => /^skipped: /i.test(line)));
    for (const reason of reasons) say(`    ${reason}`);
  }
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(130));
try {
  const startMs = performance.now();
  await installModules((sentence) => say(`        ${sentence}`));
  const missing = await provision((sentence) => say(`        ${sentence}`));
  // Building takes minutes on a machine that has never done it, so it is left out where single folders are tested.
  const noS3 = process.argv.length > 2 ? undefined : await provisionS3((sentence) => say(`        ${sentence}`));
  say(`ok      packages (${took(startMs)})`);
  if (noS3 !== undefined) say(`        no S3 server to test the S3 store against: ${noS3}`);
  if (missing.length > 0) {
    say("        missing, so some tests are skipped:");
    for (const need of missing) say(`          ${need.program}: ${need.use}`);
    say(`          (as root: apt-get install ${missing.map((need) => need.package).join(" ")})`);
  }
} catch (error) {
  say(`FAILED  packages\n${indented(error.message)}`);
  total.failed++;
  finish();
}
await check("types", bun, ["check", "--no-script", "--no-pretty"]);
await check("lint", process.execPath, [join(root, "node_modules", "oxlint", "bin", "oxlint"), "--deny-warnings"]);
await check("format", bun, ["fmt", "--check", "--no-script"]);
await tests(process.argv.slice(2));
finish();
