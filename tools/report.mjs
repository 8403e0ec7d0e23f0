/**
 * Reading the test runner's JUnit report: how many passed, which failed and which were skipped. Only the forms that
 * `bun test` writes are understood; a report without suites is an error, so that an empty run cannot look like a good one.
 */

/**
 * A report's count of passed tests, the failed ones (`{ file, line, name, message }`) and the skipped ones
 * (`{ file, name }`). Throws an Error when it holds no test.
 */
export function readReport(xml) {
  const report = { passed: 0, failed: [], skipped: [] };
  for (const [, attributes, body = ""] of xml.matchAll(
    /<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>(.*?)<\/testcase>)/gs,
  )) {
    const failure = /<(?:failure|error)\b((?:[^>"]|"[^"]*")*?)\/?>/s.exec(body);
    if (failure)
      report.failed.push({
        file: attribute(attributes, "file"),
        line: attribute(attributes, "line"),
        name: attribute(attributes, "name"),
        message: attribute(failure[1], "message"),
      });
    else if (/<skipped\b/.test(body))
      report.skipped.push({ file: attribute(attributes, "file"), name: attribute(attributes, "name") });
    else report.passed++;
  }
  if (report.passed + report.failed.length + report.skipped.length === 0) throw new Error("it names no test");
  return report;
}

const entities = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function attribute(text, name) {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1] ?? "";
  return value.replaceAll(/&(?:#(\d+)|(lt|gt|amp|quot|apos));/g, (_, code, entity) =>
    code === undefined ? entities[entity] : String.fromCodePoint(Number(code)),
  );
}
