/**
 * The story of the signals in one program, with nothing configured but whom to tell: it measures itself, takes a metric
 * from a shell script, draws both, mails when a threshold is crossed, and once more when it is over.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";

import { runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";
import { isMailMissing, type Mail, readMail, startRecorder } from "../mail-recorder.ts";

setDefaultTimeout(180_000);

test("warren up: a breaker of cbp that opens is seen by the rule of Hound's own", async () => {
  await using node = await startChild({
    config: `
[hound]
check_interval = "1s"
channels = [{ name = "hook", kind = "webhook", url = "http://127.0.0.1:1/" }]
mail_to = ["channel:hook"]

[[cbp.proxies]]
name = "database"
listen = "127.0.0.1:0"
upstreams = [{ name = "first", address = "127.0.0.1:1" }]
`,
  });
  const forced = await fetch(`${node.url}/cbp/proxy/database/force`, {
    method: "POST",
    body: new URLSearchParams({ mode: "open" }),
  });
  expect(forced.ok).toBe(true);
  const standing = await until(
    "the rule has seen it",
    async () => {
      const answer = await fetch(`${node.url}/hound/api/standings`);
      const { standings } = (await answer.json()) as { standings: { name: string; series: string; value: number }[] };
      return standings.find(({ name, value }) => name === "Breaker open" && value === 1);
    },
    120_000,
  );
  expect(standing.series).toBe("database.first");
});

describe.skipIf(isMailMissing)("warren up", () => {
  test("warren up: measures itself and a script's gauge, draws them, and mails when one crosses its threshold", async () => {
    await using recorder = await startRecorder();
    await using node = await startChild({
      config: `
[series]
measure_every = "1s"

[statsd]
flush_every = "1s"

[hound]
check_interval = "1s"
mail_to = ["ops@example.org"]
mail_from = "hound@example.org"
smtp_server = "127.0.0.1"
smtp_port = ${recorder.port}
smtp_security = "none"
# A disk of this machine may be nearly full.
samples = false

[[hound.rules]]
name = "The queue is long"
target = "stats.gauges.shop.queue"
above = 100

[[hound.rules]]
name = "This machine has a processor"
target = "server.*.cpu.processors"
below = 0.5
`,
    });
    const statsd = /^statsd udp\s+(\S+)/m.exec(node.output())?.[1] ?? "";
    const gauge = async (value: number) => {
      const ended = await runProgram(["stats", "gauge", "shop.queue", String(value), "--to", statsd]);
      expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
    };
    const standings = async () => {
      const answer = await fetch(`${node.url}/hound/api/standings`);
      const { standings } = (await answer.json()) as { standings: { name: string; state: string }[] };
      return Object.fromEntries(standings.map(({ name, state }) => [name, state]));
    };

    await gauge(7);
    await until("both are measured and good", async () => {
      const now = await standings();
      return now["The queue is long"] === "OK" && now["This machine has a processor"] === "OK";
    });
    expect(recorder.mails).toEqual([]);

    await gauge(250);
    await until("the alert arrived", () => recorder.mails.length === 1);
    const alert = await readMail(recorder.mails[0] as Mail);
    expect(alert.headers["Subject"]).toBe("[ALERT] The queue is long");
    expect(alert.parts.find(({ type }) => type === "text/plain")?.text).toContain("250.000000 >= 100.000000");
    expect(alert.parts.filter(({ type }) => type === "image/png").map(({ disposition }) => disposition)).toEqual([
      "inline",
      "inline",
    ]);

    await gauge(3);
    await until("the recovery arrived", () => recorder.mails.length === 2);
    const recovery = await readMail(recorder.mails[1] as Mail);
    expect(recovery.headers["Subject"]).toBe("[RECOVERED] The queue is long");

    const host = (
      (await (await fetch(`${node.url}/series/metrics/find?query=server.*`)).json()) as { text: string }[]
    )[0];
    const page = await (await fetch(`${node.url}/houston/d/this-node/`)).text();
    expect(page).toContain("Load");
    expect(page).toContain(host?.text ?? "no host");
    for (const target of ["stats.gauges.shop.queue", "server.*.cpu.load_average.1_minute"]) {
      const picture = await fetch(`${node.url}/houston/render?target=${encodeURIComponent(target)}&from=-5min`);
      expect([picture.status, picture.headers.get("content-type")]).toEqual([200, "image/png"]);
    }
    const data = await fetch(`${node.url}/houston/data`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        from: "-5min",
        until: "now",
        points: 100,
        charts: [{ targets: ["stats.gauges.shop.queue"] }],
      }),
    });
    const { charts } = (await data.json()) as { charts: { series: { values: (number | null)[] }[] }[] };
    expect(charts[0]?.series[0]?.values.findLast((value) => value !== null)).toBe(3);
  });
});
