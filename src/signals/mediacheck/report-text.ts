/** A report for people: what is bad and where it stands, then the sums. Nothing in it can steer a terminal. */
import { countOf, formatSize, formatSpan } from "../../kit/pages/quantity.ts";
import { plainLine } from "../../kit/terminal/plain-text.ts";
import type { ResourceReport, SiteReport, Verdict } from "./report.ts";

const words: Record<Verdict, string> = { bad: "bad ", warn: "warn", skipped: "skip", good: "good" };

/** Lines of a report; with `all`, also what is good. */
export function reportLines(report: SiteReport, all: boolean): string[] {
  const lines: string[] = [];
  for (const resource of report.resources) {
    if (!all && (resource.verdict === "good" || resource.verdict === "skipped")) continue;
    lines.push(...resourceLines(resource));
  }
  for (const limit of report.limits) lines.push(plainLine(`note  ${limit}`));
  return [...lines, summaryOf(report)];
}

/** One resource: its address, what is wrong, who asks for it. */
export function resourceLines({ finalUrl, troubles, url, useCount, uses, verdict }: ResourceReport): string[] {
  const to = finalUrl === undefined ? "" : ` -> ${finalUrl}`;
  const lines = [plainLine(`${words[verdict]}  ${url}${to}`)];
  for (const { sentence } of troubles) lines.push(plainLine(`      ${sentence}`));
  if (verdict === "good" || verdict === "skipped") return lines;
  for (const { how, page, via } of uses.slice(0, 3)) lines.push(plainLine(`      in ${via ?? page} (${how})`));
  if (useCount > 3) lines.push(`      and ${useCount - 3} more`);
  return lines;
}

/** The sums in one sentence. */
export function summaryOf({ counts, elapsedMs, isGood }: SiteReport): string {
  const { bad, bytes, checked, pages, skipped, warn } = counts;
  const notes = [
    ...(bad > 0 ? [`${bad} bad`] : []),
    ...(warn > 0 ? [countOf(warn, "warning")] : []),
    ...(skipped > 0 ? [`${skipped} left alone`] : []),
  ];
  const verdict = isGood ? "OK" : "NOT OK";
  return `${verdict}: ${countOf(checked, "address", "addresses")} on ${countOf(pages, "page")}${notes.length === 0 ? "" : `, ${notes.join(", ")}`}; ${formatSize(bytes)} in ${formatSpan(elapsedMs)}`;
}
