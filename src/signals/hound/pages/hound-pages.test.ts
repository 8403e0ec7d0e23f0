/** What the links of mails come to, and what forms refuse, before a hound that is made up. */
import { expect, test } from "bun:test";

import { silentLog } from "../../../kit/log.ts";
import { createShell } from "../../../kit/pages/shell.ts";
import type { Caller } from "../../../kit/service.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { type ActionLinks, createActionLinks } from "../delivery/action-links.ts";
import { parseMatcher } from "../matcher.ts";
import type { HoundView, RuleStanding, StandingState } from "../standing.ts";
import { houndPages, type HoundPages } from "./hound-pages.ts";

const reader: Caller = {
  address: "192.0.2.1",
  requestId: "r",
  name: "anna",
  may: (scope) => scope === "read",
  keepOpen: () => AbortSignal.abort(),
};

interface Stage {
  clock: ManualClock;
  links: ActionLinks;
  pages: HoundPages;
  standing: RuleStanding;
  done: string[];
  get(path: string): Promise<string>;
  post(path: string): Promise<string>;
}

function stage(): Stage {
  const clock = new ManualClock();
  const done: string[] = [];
  const spent = new Set<string>();
  const standing: RuleStanding = {
    id: "22138d2e6b:0a1b2c3d",
    series: 'servers."a".load',
    state: "Failed",
    grade: undefined,
    severity: "critical",
    sinceAt: clock.now(),
    gradeSinceAt: undefined,
    judgedAt: clock.now(),
    value: 12,
    message: "12.000000 >= 10.000000",
    toldCount: 1,
    lastToldAt: undefined,
    nextToldAt: undefined,
    acknowledged: undefined,
    silencedUntilAt: undefined,
    mutedBy: undefined,
    isFlapping: false,
    rule: {
      id: "22138d2e6b",
      name: "Load",
      target: "servers.*.load",
      kind: "Alert",
      severity: "critical",
      labels: {},
      direction: "above",
      threshold: 10,
      criticalThreshold: undefined,
      measure: { kind: "value" },
      isEitherWay: false,
      windowMs: 1,
      graceMs: 1,
      forMs: 0,
      keepFiringMs: 0,
      noData: "state",
      isPerSeries: true,
      recipients: [],
      escalation: undefined,
      runbookUrl: undefined,
      dependsOn: [],
      quietHours: [],
      maintenance: [],
    },
  };
  const state: { standing: RuleStanding } = { standing };
  const hound: HoundView = {
    standings: () => [state.standing],
    find: (id) => (id === standing.id ? state.standing : undefined),
    history: () => [],
    sight: () => ({
      source: "series",
      language: "graphite",
      roundAt: undefined,
      roundMs: undefined,
      blind: undefined,
      fileTrouble: undefined,
    }),
    acknowledge(id, by) {
      done.push(`acknowledge ${id} by ${by}`);
      return true;
    },
    silence(wanted) {
      done.push(`silence ${wanted.matcher} for ${wanted.untilAt - clock.now()} by ${wanted.by}`);
      return { ...wanted, id: "1", fromAt: clock.now() };
    },
    unsilence: () => false,
    silences: () => [],
  };
  const links = createActionLinks({
    key: "k".repeat(43),
    baseUrl: "https://w.example/hound",
    clock,
    spent: { spend: (word) => !spent.has(word) && spent.add(word).size > 0, isSpent: (word) => spent.has(word) },
  });
  const pages = houndPages({
    hound,
    deliveries: {
      counts: () => ({ waiting: 0, failed: 0, sent: 0, oldestWaitingAt: undefined }),
      list: () => [],
      retry: () => false,
      retryAll: () => 0,
      channels: () => [],
    },
    links,
    clock,
    log: silentLog,
    shell: createShell({ navigation: [], version: "1", nodeName: "n", clock }),
    mountPath: "/hound",
    source: undefined,
    ownPrefix: undefined,
  });
  return {
    clock,
    links,
    pages,
    done,
    get standing() {
      return state.standing;
    },
    set standing(next) {
      state.standing = next;
    },
    async get(path) {
      return (await pages.answer(new Request(`https://w.example/hound${path}`), reader, path))?.text() ?? "";
    },
    async post(path) {
      const request = new Request(`https://w.example/hound${path}`, { method: "POST" });
      return (await pages.act(request, reader, path))?.text() ?? "";
    },
  };
}

const pathOf = (url: string) => new URL(url).pathname.slice("/hound".length);
const id = "22138d2e6b:0a1b2c3d";

test("links: opening asks, pressing acts once, for the series that the mail was about", async () => {
  const world = stage();
  const silence = pathOf(world.links.make({ do: "silence", standingId: id, forMs: 60_000 }));
  expect(world.pages.isLink(silence)).toBe(true);
  expect(await world.get(silence)).toContain('<button type="submit">Silence for 1 min</button>');
  expect(world.done).toEqual([]);
  expect(await world.post(silence)).toContain("Silenced");
  expect(await world.post(silence)).toContain("done already");
  expect(world.done).toEqual(['silence id=22138d2e6b,series="servers.*a*.load" for 60000 by a link in a mail']);
});

test("links: what is over is not acknowledged, nor a failure that the mail knew nothing of", async () => {
  const world = stage();
  const link = pathOf(world.links.make({ do: "acknowledge", standingId: id }));
  const asWas = world.standing;
  for (const [state, sinceMs, words] of [
    ["OK", 0, "does not fail any more"],
    ["Failed", 60_000, "failed anew"],
  ] as [StandingState, number, string][]) {
    world.standing = { ...asWas, state, sinceAt: world.clock.now() + sinceMs };
    expect(await world.get(link)).toContain(words);
    expect(await world.post(link)).toContain(words);
  }
  expect(world.done).toEqual([]);
  world.standing = asWas;
  expect(await world.post(link)).toContain("Acknowledged");
  expect(world.done).toEqual([`acknowledge ${id} by a link in a mail`]);
});

test("links: a mail about a warning acknowledges nothing that has become critical since", async () => {
  const world = stage();
  const link = world.links.make({ do: "acknowledge", standingId: world.standing.id });
  const path = link.slice(link.indexOf("/act/"));
  const asWas = { ...world.standing, state: "Failed" as const };
  const later = world.clock.now() + 60_000;
  world.standing = { ...asWas, grade: "warning", gradeSinceAt: later };
  expect(await world.get(path)).toContain("not told again until it is OK");
  world.standing = { ...asWas, grade: "critical", gradeSinceAt: later };
  expect(await world.get(path)).toContain("has become critical since that mail");
});

test("links: too old, of a rule that is gone, or made up: each says so and does nothing", async () => {
  const world = stage();
  const old = pathOf(world.links.make({ do: "acknowledge", standingId: id }, 1000));
  world.clock.advance(1000);
  expect(await world.post(old)).toContain("too old");
  expect(await world.post(pathOf(world.links.make({ do: "acknowledge", standingId: "gone" })))).toContain(
    "no such rule any more",
  );
  expect(await world.post("/act/aaaa.bbbb")).toContain("Not an address of ours");
  expect(world.done).toEqual([]);
});

test("pages: whoever may only read gets no forms", async () => {
  const world = stage();
  for (const path of ["/", `/alert/${encodeURIComponent(id)}/`, "/silences/", "/deliveries/"]) {
    const page = await world.get(path);
    expect([path, page.includes("<h1>"), page.includes('method="post"')]).toEqual([path, true, false]);
  }
});

test("links: a series of any name can be silenced", async () => {
  const world = stage();
  for (const [series, shown] of [
    ['a"b\nc', 'series="a*b*c"'],
    ["x".repeat(5000), `series="${"x".repeat(1500)}*"`],
  ] as const) {
    world.standing = { ...world.standing, series };
    await world.post(`/act/${world.links.make({ do: "silence", standingId: id, forMs: 1000 }).split("/act/")[1]}`);
    expect(world.done.at(-1)).toContain(shown);
    expect(() => parseMatcher(`id=22138d2e6b,${shown}`)).not.toThrow();
  }
});
