/**
 * The answer of a smoke test, in both of its forms: JSON, and lines of text. Numbers and the names of what failed; the
 * status of the answer says nothing here, for 500 is how a failing test run is answered.
 * Source: django-smoketest 1.2; older versions name failed tests without a reason.
 */

/** What a run of smoke tests gave. */
export interface SmoketestReport {
  isPass: boolean;
  classes: number;
  run: number;
  passed: number;
  failed: number;
  errored: number;
  timeMs: number;
  /** `module.Class.method failed: reason`, or only a name; failed ones first. */
  failing: readonly string[];
}

/** A body that is no report. */
export class NoReport extends SyntaxError {}

const failingMax = 200;
const lengthMax = 2000;

/** Reads a report in either form. Throws {@link NoReport}. */
export function parseSmoketest(body: string): SmoketestReport {
  const text = body.trimStart();
  return text.startsWith("{") ? fromJson(text) : fromText(text);
}

function fromJson(text: string): SmoketestReport {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new NoReport("The answer is no whole JSON");
  }
  if (typeof raw !== "object" || raw === null) throw new NoReport("The answer is no smoke test report");
  const report = new Map(Object.entries(raw));
  if (typeof report.get("tests_run") !== "number" && typeof report.get("status") !== "string")
    throw new NoReport("The answer is no smoke test report");
  // Old versions leave some out; what is not said is 0, as the predecessor read it.
  const number = (key: string): number => {
    const value: unknown = report.get(key) ?? 0;
    if (typeof value !== "number" || !Number.isFinite(value)) throw new NoReport(`"${key}" in the report is no number`);
    return value;
  };
  const list = (key: string): string[] => {
    const value: unknown = report.get(key);
    return Array.isArray(value)
      ? value.map((entry) => (typeof entry === "string" ? entry : JSON.stringify(entry)))
      : [];
  };
  return judged(report.get("status"), {
    classes: number("test_classes"),
    run: number("tests_run"),
    passed: number("tests_passed"),
    failed: number("tests_failed"),
    errored: number("tests_errored"),
    timeMs: number("time"),
    failing: [...list("failed_tests"), ...list("errored_tests")],
  });
}

function fromText(text: string): SmoketestReport {
  const lines = text.split(/\r?\n/);
  const status = lines[0]?.trim();
  if (status !== "PASS" && status !== "FAIL") throw new NoReport("The answer is no smoke test report");
  const end = lines.findIndex((entry, position) => position > 0 && entry.trim() === "");
  const head = new Map<string, string>();
  for (const entry of lines.slice(1, end === -1 ? undefined : end)) {
    const colon = entry.indexOf(":");
    if (colon > 0) head.set(entry.slice(0, colon).trim(), entry.slice(colon + 1).trim());
  }
  const number = (key: string): number => {
    const value = Number.parseFloat(head.get(key) ?? "");
    if (!Number.isFinite(value)) throw new NoReport(`The report lacks the number "${key}"`);
    return value;
  };
  const rest = end === -1 ? "" : lines.slice(end + 1).join("\n");
  return judged(status, {
    classes: number("test classes"),
    run: number("tests run"),
    passed: number("tests passed"),
    failed: number("tests failed"),
    errored: number("tests errored"),
    timeMs: number("time"),
    failing: rest
      .split(/\n\s*\n/)
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ""),
  });
}

function judged(status: unknown, report: Omit<SmoketestReport, "isPass">): SmoketestReport {
  const { errored, failed, passed, run } = report;
  const isPass = (status === "PASS" || status === undefined) && run === passed && failed === 0 && errored === 0;
  return { ...report, isPass, failing: report.failing.slice(0, failingMax).map((entry) => entry.slice(0, lengthMax)) };
}
