/** What the posting channels send, seen by a server that writes it down. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";

import { systemClock } from "../../../kit/clock.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Notice } from "../notice.ts";
import { isHopeless } from "./channel.ts";
import { type ChannelPlan, channelPlans } from "./channel-plan.ts";
import { sampleNotice } from "./fixture.ts";
import { postChannel } from "./post-channels.ts";

interface Heard {
  method: string;
  path: string;
  headers: Headers;
  body: string;
}

const heard: Heard[] = [];
let answer: () => Response = () => new Response("ok");
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    const { pathname } = new URL(request.url);
    heard.push({ method: request.method, path: pathname, headers: request.headers, body: await request.text() });
    return answer();
  },
});
afterAll(() => server.stop(true));
beforeEach(() => {
  heard.length = 0;
  answer = () => new Response("ok");
});

const base = `http://127.0.0.1:${server.port}`;

function send(table: Record<string, unknown>, notice: Partial<Notice> = {}): Promise<string> {
  const [plan] = channelPlans([{ name: "there", ...table }]) as [ChannelPlan];
  const channel = postChannel(plan, { clock: systemClock, externalUrl: "https://w.example/hound" });
  const sending = { key: "notice-1.abc", notice: sampleNotice(notice), recipient: "channel:there" };
  return channel.send(sending, new AbortController().signal);
}

async function faultOf(table: Record<string, unknown>): Promise<Fault> {
  try {
    await send(table);
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error("It was taken");
}

const bodyOf = (): Record<string, unknown> => JSON.parse(heard[0]?.body ?? "null") as Record<string, unknown>;

describe("webhook", () => {
  test("webhook: the notice as JSON, signed over time and body, with a key against doubles", async () => {
    expect(await send({ kind: "webhook", url: `${base}/in`, secret: "s3cret", token: "t0ken" })).toBe("status 200, ok");
    const [{ body, headers }] = heard as [Heard];
    const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers.get("warren-signature") ?? "") ?? [];
    expect(signature).toBe(new Bun.CryptoHasher("sha256", "s3cret").update(`${seconds}.${body}`).digest("hex"));
    expect(headers.get("idempotency-key")).toBe("notice-1.abc");
    expect(headers.get("authorization")).toBe("Bearer t0ken");
    expect(bodyOf()).toMatchObject({
      version: 1,
      id: "notice-1",
      status: "firing",
      subject: "[ALERT] Load",
      value: 12,
      rules: [
        {
          id: "22138d2e6b",
          runbook_url: "https://wiki.example/load",
          url: "https://w.example/hound/alert/22138d2e6b/",
        },
      ],
    });
  });

  test("alertmanager: version 4, and what is resolved has the fingerprint of what fired", async () => {
    await send({ kind: "alertmanager", url: `${base}/in` });
    const fired = bodyOf();
    heard.length = 0;
    await send({ kind: "alertmanager", url: `${base}/in` }, { kind: "recovery", text: "better" });
    const resolved = bodyOf();
    expect(fired).toMatchObject({
      version: "4",
      status: "firing",
      receiver: "there",
      truncatedAlerts: 0,
      groupLabels: { alertname: "Load" },
      groupKey: '{}:{alertname="Load"}',
      externalURL: "https://w.example/hound",
      commonLabels: { alertname: "Load", severity: "critical", host: "web" },
      alerts: [
        {
          status: "firing",
          annotations: { summary: "[ALERT] Load", runbook_url: "https://wiki.example/load" },
          startsAt: "2030-01-01T00:00:00.000Z",
          endsAt: "0001-01-01T00:00:00Z",
          generatorURL: "https://w.example/hound/alert/22138d2e6b/",
        },
      ],
    });
    // The names that Alertmanager 0.25 sends, no more and no fewer.
    const names =
      "alerts commonAnnotations commonLabels externalURL groupKey groupLabels receiver status truncatedAlerts version";
    expect(Object.keys(fired).toSorted().join(" ")).toBe(names);
    const printOf = (form: Record<string, unknown>) => (form["alerts"] as { fingerprint: string }[])[0]?.fingerprint;
    expect(printOf(fired)).toMatch(/^[0-9a-f]{16}$/);
    expect(printOf(resolved)).toBe(printOf(fired) ?? "");
    expect(resolved["alerts"]).toMatchObject([{ status: "resolved", endsAt: "2030-01-01T00:00:00.000Z" }]);
  });

  test("alertmanager: of a rule with two levels the level that was told ends as the other begins", async () => {
    const [rule] = sampleNotice().rules;
    if (!rule) throw new Error("the sample has no rule");
    const rose = { ...rule, criticalThreshold: 20, severityBefore: "warning" };
    await send({ kind: "alertmanager", url: `${base}/in` }, { rules: [rose] });
    expect(bodyOf()).toMatchObject({
      status: "firing",
      groupLabels: { alertname: "Load" },
      alerts: [
        { status: "firing", labels: { severity: "critical" }, endsAt: "0001-01-01T00:00:00Z" },
        { status: "resolved", labels: { severity: "warning" }, endsAt: "2030-01-01T00:00:00.000Z" },
      ],
    });
    heard.length = 0;
    await send({ kind: "webhook", url: `${base}/in` }, { rules: [rose] });
    expect(bodyOf()).toMatchObject({ rules: [{ critical_threshold: 20, severity_before: "warning" }] });
  });

  test("alertmanager: the text of many is said once, however many they are", async () => {
    const [rule] = sampleNotice().rules;
    if (!rule) throw new Error("the sample has no rule");
    const rules = Array.from({ length: 1000 }, (_, number) => ({ ...rule, name: `r${number}` }));
    await send({ kind: "alertmanager", url: `${base}/in` }, { text: "x".repeat(50_000), rules });
    const form = bodyOf();
    expect(form["alerts"]).toHaveLength(1000);
    expect(form["commonAnnotations"]).toHaveProperty("description");
    expect(JSON.stringify(form).length).toBeLessThan(1_000_000);
  });

  test("alertmanager: what hound says of itself is an alert, too", async () => {
    await send({ kind: "alertmanager", url: `${base}/in` }, { kind: "blind", rules: [] });
    expect(bodyOf()).toMatchObject({ alerts: [{ labels: { alertname: "HoundBlind", severity: "error" } }] });
  });
});

describe("chats", () => {
  test("slack: nothing of a notice becomes a mention or a link", async () => {
    await send(
      { kind: "slack", url: `${base}/services/T/B/x` },
      { subject: "<!channel> & more", text: "x".repeat(9000) },
    );
    const form = bodyOf() as { text: string; attachments: { text: string; color: string }[] };
    expect(form.text).toBe("&lt;!channel&gt; &amp; more");
    expect(form.attachments[0]?.text.length).toBeLessThan(3200);
    expect(form.attachments[0]?.text).toEndWith("<https://warren.example/hound/act/a.b|Acknowledge>");
  });

  test("matrix: put under a transaction of the notice's own, so that a second one is the first", async () => {
    await send({ kind: "matrix", url: `${base}/`, room: "!r:m.example", token: "t0ken" }, { subject: "<b>Load</b>" });
    const [{ headers, method, path }] = heard as [Heard];
    expect([method, path]).toEqual(["PUT", "/_matrix/client/v3/rooms/!r%3Am.example/send/m.room.message/notice-1.abc"]);
    expect(headers.get("authorization")).toBe("Bearer t0ken");
    expect(bodyOf()).toMatchObject({ msgtype: "m.text", format: "org.matrix.custom.html" });
    expect(bodyOf()["formatted_body"]).toContain("<strong>&lt;b&gt;Load&lt;/b&gt;</strong>");
  });

  test("ntfy: as JSON at the server's root, urgent only while something is wrong", async () => {
    await send({ kind: "ntfy", url: `${base}/sub/alerts`, priority: 5 }, { subject: "Länge" });
    expect(heard[0]?.path).toBe("/sub/");
    expect(bodyOf()).toMatchObject({ topic: "alerts", title: "Länge", priority: 5, tags: ["rotating_light"] });
    heard.length = 0;
    await send({ kind: "ntfy", url: `${base}/alerts`, priority: 5 }, { kind: "recovery" });
    expect(bodyOf()).toMatchObject({ priority: 3, tags: ["white_check_mark"] });
  });
});

describe("answers", () => {
  test("a redirection is not followed, and says where it would lead but no more", async () => {
    answer = () => new Response(null, { status: 307, headers: { Location: "https://elsewhere.example/secret-path" } });
    const fault = await faultOf({ kind: "slack", url: `${base}/services/hidden` });
    expect(fault.message).toBe(
      "It answered with a redirection to elsewhere.example: name the address where it really is",
    );
    expect(heard).toHaveLength(1);
    expect(isHopeless(fault)).toBe(true);
  });

  test("what is worth trying again is told from what is not, and how long to wait is heeded", async () => {
    const seen: unknown[] = [];
    for (const [status, headers] of [
      [400, {}],
      [401, {}],
      [404, {}],
      [408, {}],
      [429, { "Retry-After": "17" }],
      [500, {}],
      [503, { "Retry-After": "999999999" }],
    ] as const) {
      answer = () => new Response("because", { status, headers });
      const fault = await faultOf({ kind: "slack", url: `${base}/x` });
      seen.push([status, isHopeless(fault), fault.retryAfterMs]);
    }
    expect(seen).toEqual([
      [400, true, undefined],
      [401, false, undefined],
      [404, true, undefined],
      [408, false, undefined],
      [429, false, 17_000],
      [500, false, undefined],
      [503, false, 3_600_000],
    ]);
    answer = () => Response.json({ errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 2500 }, { status: 429 });
    expect((await faultOf({ kind: "slack", url: `${base}/x` })).retryAfterMs).toBe(2500);
  });

  test("neither a token nor the path of the URL shows, even when the other side repeats them", async () => {
    answer = () =>
      new Response(`no t0kenvalue at ${base}/services/T1/hidden, nor /services/T1/hidden`, { status: 500 });
    const url = `${base}/services/T1/hidden`;
    const fault = await faultOf({ kind: "webhook", url, token: "t0kenvalue" });
    expect(fault.message).not.toMatch(/t0kenvalue|hidden/);
    const gone = await faultOf({ kind: "slack", url: "http://127.0.0.1:1/services/T1/hidden" });
    expect([gone.kind, gone.message]).toEqual(["unavailable", "Connection refused"]);
  });
});
