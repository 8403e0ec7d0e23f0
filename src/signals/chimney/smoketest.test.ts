import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { NoReport, parseSmoketest } from "./smoketest.ts";

const json = {
  status: "FAIL",
  test_classes: 10,
  tests_run: 19,
  tests_passed: 17,
  tests_failed: 1,
  tests_errored: 1,
  failed_tests: ["shop.Basket.test_total failed: 3 != 4"],
  errored_tests: ["shop.Mail.test_send errored: timeout"],
  time: 1298.77,
};
const text = `FAIL
test classes: 10
tests run: 19
tests passed: 17
tests failed: 1
tests errored: 1
time: 1298.77ms

shop.Basket.test_total failed: 3 != 4

shop.Mail.test_send errored: timeout
`;
const report = {
  isPass: false,
  classes: 10,
  run: 19,
  passed: 17,
  failed: 1,
  errored: 1,
  timeMs: 1298.77,
  failing: ["shop.Basket.test_total failed: 3 != 4", "shop.Mail.test_send errored: timeout"],
};

describe("parseSmoketest", () => {
  test("parseSmoketest: both forms of a report say the same", () => {
    expect(parseSmoketest(JSON.stringify(json))).toEqual(report);
    expect(parseSmoketest(text)).toEqual(report);
    expect(parseSmoketest(text.replaceAll("\n", "\r\n"))).toEqual(report);
  });

  test("parseSmoketest: passed means that all that ran passed and nothing failed or errored", () => {
    const good = {
      status: "PASS",
      test_classes: 1,
      tests_run: 2,
      tests_passed: 2,
      tests_failed: 0,
      tests_errored: 0,
      time: 3,
    };
    expect(parseSmoketest(JSON.stringify(good))).toMatchObject({ isPass: true, failing: [] });
    expect(parseSmoketest(JSON.stringify({ ...good, tests_passed: 1 })).isPass).toBe(false);
    expect(parseSmoketest(JSON.stringify({ ...good, status: "FAIL" })).isPass).toBe(false);
    expect(
      parseSmoketest(
        "PASS\ntest classes: 1\ntests run: 2\ntests passed: 2\ntests failed: 0\ntests errored: 0\ntime: 3ms\n\n\n",
      ).isPass,
    ).toBe(true);
  });

  test("parseSmoketest: old reports that leave something out are read, with 0 in its place", () => {
    expect(parseSmoketest('{"status":"PASS","tests_run":2,"tests_passed":2}')).toMatchObject({
      isPass: true,
      timeMs: 0,
      run: 2,
    });
  });

  test("parseSmoketest: what is no report is refused, whatever it is", () => {
    for (const body of [
      "",
      "<html>",
      "{}",
      "[]",
      "null",
      "PASS",
      '{"status":1}',
      '{"tests_run":"2"}',
      "{",
      '{"tests_run":1,"time":"x"}',
    ]) {
      expect(() => parseSmoketest(body)).toThrow(NoReport);
    }
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.string().map((tail) => `FAIL\n${tail}`),
        ),
        (body) => {
          try {
            const read = parseSmoketest(body);
            return read.failing.every((entry) => typeof entry === "string") && Number.isFinite(read.timeMs);
          } catch (thrown) {
            return thrown instanceof NoReport;
          }
        },
      ),
    );
  });
});
