import { afterAll, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";

import { systemClock } from "../../kit/clock.ts";
import { checkShape, type PlanDefaults, planOf } from "./plan.ts";
import { certificateOutcome, createProbe } from "./probe.ts";

const defaults: PlanDefaults = {
  intervalMs: 60_000,
  jitterMs: 0,
  timeoutMs: 60_000,
  failures: 1,
  successes: 1,
  verifyTls: true,
  maxBodyBytes: 1000,
  guard: false,
  expiresWithinMs: 0,
};
const never = new AbortController().signal;
const ask = (entry: object, signal = never) =>
  createProbe({ clock: systemClock })(planOf(checkShape.parse({ name: "a", ...entry }), defaults), signal);

/** A name server that knows one name with two addresses, says of another that it does not exist, and else nothing. */
const names = createSocket("udp4");
names.on("message", (question, from) => {
  const known = question.includes(Buffer.from("\u0004here"));
  if (!known && !question.includes(Buffer.from("\u0006absent"))) return;
  const end = question.indexOf(0, 12) + 5;
  const head = Buffer.from([0, 0, 0x81, known ? 0x80 : 0x83, 0, 1, 0, known ? 2 : 0, 0, 0, 0, 0]);
  question.copy(head, 0, 0, 2);
  const record = (last: number) => Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last]);
  const answers = known ? [record(1), record(2)] : [];
  names.send(Buffer.concat([head, question.subarray(12, end), ...answers]), from.port, from.address);
});
await new Promise<void>((resolve) => names.bind(0, "127.0.0.1", resolve));
const pages = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/away") return Response.redirect("/long", 302);
    if (pathname === "/long") return new Response(`${"x".repeat(5000)}end`);
    return Response.json({ items: [1, 2], state: "ok" });
  },
});
afterAll(() => {
  names.close();
  pages.stop(true);
});
const page = (path: string) => `http://127.0.0.1:${pages.port}${path}`;

describe("createProbe", () => {
  const dns = (target: string, more: object = {}) =>
    ask({ kind: "dns", target, server: `127.0.0.1:${names.address().port}`, ...more });

  test("createProbe: dns is good when there are answers, and the wanted one is among them", async () => {
    expect(await dns("here.example")).toMatchObject({ isGood: true, reason: "192.0.2.1, 192.0.2.2" });
    expect(await dns("here.example", { answer: "192.0.2.2" })).toMatchObject({ isGood: true });
    expect(await dns("here.example", { answer: "192.0.2.9" })).toMatchObject({
      isGood: false,
      reason: '"192.0.2.9" is not among 192.0.2.1, 192.0.2.2',
    });
    expect(await dns("absent.example")).toMatchObject({ isGood: false, reason: "Name not known" });
  });

  test("createProbe: a name server that says nothing is left at the deadline", async () => {
    const outcome = await dns("silent.example", { timeout: "100ms" });
    expect(outcome.isGood).toBe(false);
    expect(outcome.latencyMs).toBeLessThan(2500);
  });

  test("createProbe: what a page has to contain counts in its beginning, and a cut answer is told", async () => {
    expect(await ask({ target: page("/long") })).toMatchObject({ isGood: true });
    expect(await ask({ target: page("/long"), contains: "end" })).toMatchObject({
      isGood: false,
      reason: 'The answer lacks, in its first 1000 bytes, "end"',
    });
    expect(await ask({ target: page("/long"), lacks: "xxx" })).toMatchObject({ isGood: false });
    expect(await ask({ target: page("/long"), json: "$.a" })).toMatchObject({
      isGood: false,
      reason: "The answer is longer than 1000 bytes",
    });
    const seen = await ask({ target: page("/away") });
    expect(seen).toMatchObject({ isGood: true, finalUrl: page("/long") });
    expect(await ask({ target: page("/away"), max_redirects: 0 })).toMatchObject({
      isGood: false,
      reason: "Status 302, wanted 200-299",
    });
  });

  test("createProbe: a value in a JSON answer is compared, or has to be something", async () => {
    const json = (path: string, more: object = {}) => ask({ target: page("/"), json: path, ...more });
    expect(await json("$.items.length", { equals: 2 })).toMatchObject({ isGood: true });
    expect(await json("$.state")).toMatchObject({ isGood: true });
    expect(await json("$.none")).toMatchObject({ isGood: false, reason: "$.none is absent, wanted something true" });
    expect(await json("$.state", { equals: "down" })).toMatchObject({
      isGood: false,
      reason: '$.state is "ok", wanted "down"',
    });
  });

  test("createProbe: one that is ended does not answer", async () => {
    const ending = new AbortController();
    const asked = ask(
      { kind: "dns", target: "silent.example", server: `127.0.0.1:${names.address().port}` },
      ending.signal,
    );
    ending.abort(new Error("over"));
    await expect(asked).rejects.toThrow("over");
  });
});

test("certificateOutcome: good while it is valid and does not end too soon, to the millisecond", () => {
  const times = { valid_from: "Jan  1 00:00:00 2030 GMT", valid_to: "Jan  1 00:00:00 2031 GMT" };
  const [from, to] = [Date.UTC(2030, 0, 1), Date.UTC(2031, 0, 1)];
  const weekMs = 7 * 86_400_000;
  const at = (now: number) => certificateOutcome({ expiresWithinMs: weekMs }, times, now);
  expect(at(from - 1)).toEqual({
    isGood: false,
    reason: "The certificate is valid only from 2030-01-01 on",
    expiresAt: to,
  });
  expect(at(from).isGood).toBe(true);
  expect(at(to - weekMs - 1)).toEqual({
    isGood: true,
    reason: "The certificate ends on 2031-01-01, in 7 d",
    expiresAt: to,
  });
  expect(at(to - weekMs).isGood).toBe(false);
  expect(at(to)).toEqual({ isGood: false, reason: "The certificate ended on 2031-01-01", expiresAt: to });
  expect(certificateOutcome({ expiresWithinMs: 0 }, {}, 0).reason).toBe("The server shows no certificate");
  expect(certificateOutcome({ expiresWithinMs: 0 }, { valid_to: "Dec 31 23:59:59 9999 GMT" }, 0).isGood).toBe(true);
});
