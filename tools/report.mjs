/**
 * Reading the test runner's JUnit report: how many passed and failed, and which were skipped. Only the forms that
 * `bun test` writes are understood; a report without suites is an error, so that an empty run cannot look like a good one.
 */

/** Counts and skipped tests of a report. Throws an Error when it holds no test. */
export function readReport(xml) {
  const report = { passed: 0, failed: 0, skipped: [] };
  for (const [, attributes, body = ""] of xml.matchAll(
    /<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>(.*?)<\/testcase>)/gs,
  )) {
    if (/<(failure|error)\b/.test(body)) report.failed++;
    else if (/<skipped\b/.test(body))
      report.skipped.push({ file: attribute(attributes, "file"), name: attribute(attributes, "name") });
    else report.passed++;
  }
  if (report.passed + report.failed + report.skipped.length === 0) throw new Error("it names no test");
  return report;
}

const entities = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function attribute(text, name) {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1] ?? "";
  return value.replaceAll(/&(lt|gt|amp|quot|apos);/g, (_, entity) => entities[entity]);
}
