/** A report as JUnit XML: a suite for each page, a case for each resource that it asks for first. */
import type { ResourceReport, SiteReport } from "./report.ts";

/** The whole document. */
export function junitOf(report: SiteReport): string {
  const suites = new Map<string, ResourceReport[]>();
  for (const resource of report.resources) {
    const page = resource.uses[0]?.page ?? resource.url;
    const cases = suites.get(page);
    if (cases) cases.push(resource);
    else suites.set(page, [resource]);
  }
  const { checked, bad, skipped } = report.counts;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="mediacheck" tests="${checked + skipped}" failures="${bad}" skipped="${skipped}" time="${seconds(report.elapsedMs)}">`,
  ];
  for (const [page, cases] of suites) {
    const of = (verdict: string) => cases.filter((resource) => resource.verdict === verdict).length;
    const stamp = new Date(report.startedAt).toISOString().slice(0, 19);
    lines.push(
      `  <testsuite name="${escaped(page)}" tests="${cases.length}" failures="${of("bad")}" errors="0" skipped="${of("skipped")}" timestamp="${stamp}" time="${seconds(cases.reduce((sum, { elapsedMs = 0 }) => sum + elapsedMs, 0))}">`,
      ...cases.map(caseOf),
      "  </testsuite>",
    );
  }
  lines.push("</testsuites>");
  return `${lines.join("\n")}\n`;
}

function caseOf({ elapsedMs = 0, kinds, troubles, url, uses, verdict }: ResourceReport): string {
  const head = `    <testcase name="${escaped(url)}" classname="${kinds.join(" ")}" time="${seconds(elapsedMs)}"`;
  const sentences = troubles.map(({ sentence }) => sentence).join("\n");
  const where = uses.map(({ how, page, via }) => `in ${via ?? page} (${how})`).join("\n");
  if (verdict === "bad") {
    const message = troubles[0]?.sentence ?? "";
    return `${head}>\n      <failure message="${escaped(message)}">${escaped(`${sentences}\n${where}`)}</failure>\n    </testcase>`;
  }
  if (verdict === "skipped") return `${head}>\n      <skipped/>\n    </testcase>`;
  if (verdict === "warn") return `${head}>\n      <system-out>${escaped(sentences)}</system-out>\n    </testcase>`;
  return `${head}/>`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** Text as XML may hold it: no control characters and no halves of pairs, whatever an address has. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
