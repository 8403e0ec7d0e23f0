import { expect, test } from "bun:test";

import { createEvents } from "../../kit/events.ts";
import { Fault } from "../../kit/fault.ts";
import { silentLog } from "../../kit/log.ts";
import { createShell } from "../../kit/pages/shell.ts";
import { createConsole } from "./console.ts";
import { verdictOf } from "./pages/overview.tsx";
import type { NodeView, ServiceView } from "./view.ts";

const clock = { now: () => 0, monotonicMs: () => 0, schedule: () => () => {} };

const cask: ServiceView = {
  name: "cask",
  summary: "files",
  group: "storage",
  state: "running",
  address: "http://h/cask/",
  href: "/cask/",
  facts: {},
  findings: [],
  workers: [],
};

function viewOf(services: readonly ServiceView[], rest: Partial<NodeView> = {}): NodeView {
  return {
    name: "heron",
    version: "1",
    startedAt: 0,
    uptimeMs: 0,
    services,
    events: [],
    addresses: [],
    memoryBytes: 0,
    ...rest,
  };
}

test("verdictOf: names the worst first and never says all is well when it is not", () => {
  const degraded = { name: "copies", state: "degraded", sentence: "2 of 3" } as const;
  const failed = { name: "disk", state: "failed", sentence: "full" } as const;
  const worker = {
    name: "w",
    summary: "",
    state: "failing",
    failures: { count: 1, reason: "r" },
    progress: {},
  } as const;
  const verdicts = [
    viewOf([]),
    viewOf([cask]),
    viewOf([cask, { ...cask, state: "starting" }]),
    viewOf([{ ...cask, findings: [degraded], workers: [worker] }]),
    viewOf([{ ...cask, findings: [degraded] }], { findings: [failed] }),
    viewOf([cask, { ...cask, name: "statsd", state: "failed" }], { findings: [failed] }),
  ].map(verdictOf);
  expect(verdicts).toEqual([
    { tone: "idle", sentence: "No service is switched on." },
    { tone: "good", sentence: "All is well: 1 service runs and nothing is failing." },
    { tone: "busy", sentence: "Starting: 1 service runs already." },
    { tone: "warn", sentence: "It works, with 1 finding and 1 piece of background work failing worth a look." },
    { tone: "bad", sentence: "1 finding wants you now. 1 service runs." },
    { tone: "bad", sentence: "statsd failed to start; 1 finding wants you now. 1 service runs." },
  ]);
});

test("createConsole: one page, one stream, and a page for what is nowhere; it only reads", async () => {
  let kept = 0;
  const shown = createConsole({
    view: () => viewOf([cask]),
    events: createEvents(clock),
    shell: createShell({ navigation: [], version: "1", nodeName: "heron", clock }),
    clock,
    log: silentLog,
  });
  const ask = (path: string, method = "GET") =>
    shown.handle(new Request(`http://h${path}`, { method }), {
      keepOpen() {
        kept++;
        return new AbortController().signal;
      },
    });
  expect(await ask("/").text()).toContain("All is well: 1 service runs");
  const missing = ask("/no%3Cwhere");
  expect(missing.status).toBe(404);
  expect(await missing.text()).toContain('<a href="/cask/">cask</a>');
  const stream = ask("/console/live");
  expect([stream.headers.get("Content-Type"), kept]).toEqual(["text/event-stream; charset=utf-8", 1]);
  await stream.body?.cancel();
  let refusal: unknown;
  try {
    ask("/", "POST");
  } catch (thrown) {
    refusal = thrown;
  }
  expect(refusal instanceof Fault && refusal.status).toBe(405);
});
