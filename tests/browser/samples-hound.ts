/** Sample views of Hound's pages: good times, bad ones, nothing at all, hostile and endless words; and graphs to go with them. */
import type { MetricSource } from "../../src/kit/metric-source/source.ts";
import { houndStyleAsset } from "../../src/signals/hound/pages/assets.ts";
import type { Asset } from "../../src/kit/pages/assets.ts";
import type { Html } from "../../src/kit/pages/html.ts";
import type { Tab } from "../../src/kit/pages/layout.tsx";
import { graphSvg } from "../../src/signals/hound/delivery/graph-drawing.ts";
import type { DeliveryRow } from "../../src/signals/hound/delivery/queue.ts";
import { Act } from "../../src/signals/hound/pages/act.tsx";
import { Alert, alertParts } from "../../src/signals/hound/pages/alert.tsx";
import { Deliveries, deliveriesParts } from "../../src/signals/hound/pages/deliveries.tsx";
import { Overview, overviewParts } from "../../src/signals/hound/pages/overview.tsx";
import { Silences, silencesParts } from "../../src/signals/hound/pages/silences.tsx";
import {
  type ActView,
  type AlertView,
  type DeliveriesView,
  houndTabs,
  type OverviewView,
  type SilencesView,
  titleOf,
} from "../../src/signals/hound/pages/view.ts";
import type { Rule } from "../../src/signals/hound/rule.ts";
import type { HistoryEntry, RuleStanding, Silence, StandingState } from "../../src/signals/hound/standing.ts";
import { hostileName, sampleNow } from "./samples-console.ts";

const now = sampleNow;
const frame = { mountPath: "/hound", now, mayWrite: true };
const hourMs = 3_600_000;
const endless = "x".repeat(400);

const plainRule: Rule = {
  id: "22138d2e6b",
  name: "Load of web",
  target: "keepLastValue(servers.web-*.load.1)",
  kind: "Alert",
  severity: "critical",
  labels: { host: "web-1", team: "shop" },
  direction: "above",
  threshold: 8,
  criticalThreshold: undefined,
  measure: { kind: "value" },
  isEitherWay: false,
  windowMs: 600_000,
  graceMs: 120_000,
  forMs: 300_000,
  keepFiringMs: 0,
  noData: "state",
  isPerSeries: false,
  recipients: ["ops@example.org", "channel:chat"],
  escalation: undefined,
  runbookUrl: "https://wiki.example/load",
  dependsOn: [],
  quietHours: [],
  maintenance: [],
};

function standing(
  name: string,
  state: StandingState,
  facts: Partial<RuleStanding> = {},
  ruleFacts: Partial<Rule> = {},
): RuleStanding {
  const id = new Bun.CryptoHasher("sha1").update(name).digest("hex").slice(0, 10);
  return {
    id,
    rule: { ...plainRule, id, name, ...ruleFacts },
    series: undefined,
    state,
    grade: undefined,
    severity: "critical",
    sinceAt: now - 40 * hourMs,
    gradeSinceAt: undefined,
    judgedAt: now - 20_000,
    value: state === "Failed" ? 12.45678 : 2.5,
    message: state === "Failed" ? "12.456780 >= 8.000000" : "",
    toldCount: state === "Failed" ? 2 : 0,
    lastToldAt: state === "Failed" ? now - hourMs : undefined,
    nextToldAt: state === "Failed" ? now + hourMs : undefined,
    acknowledged: undefined,
    silencedUntilAt: undefined,
    mutedBy: undefined,
    isFlapping: false,
    ...facts,
  };
}

const failed = standing("Load of web", "Failed", { sinceAt: now - 2 * hourMs });
const silenced = standing("Disk of db", "Failed", {
  mutedBy: "silence",
  silencedUntilAt: now + hourMs,
  series: "servers.db-2.disk.used",
});
const acknowledged = standing("Queue of mail", "Failed", {
  mutedBy: "acknowledged",
  acknowledged: { by: "anna", at: now - 600_000 },
});
const broken = standing("Orders per minute", "Error", {
  message: "The series is not there",
  value: undefined,
});
const absent = standing(
  "Backups",
  "NoData",
  { value: undefined, message: "No data for 2 h" },
  { direction: "below", kind: "Notice", threshold: 1 },
);
const warned = standing(
  "Disk of web",
  "Failed",
  { grade: "warning", severity: "warning", value: 84.2, message: "84.200000 >= 80.000000" },
  { threshold: 80, criticalThreshold: 95 },
);
const critical = standing(
  "Memory of web",
  "Failed",
  { grade: "critical", value: 97, message: "97.000000 >= 95.000000", gradeSinceAt: now - hourMs },
  { threshold: 80, criticalThreshold: 95 },
);
const pending = standing("Latency", "Pending", { value: 9, message: "9.000000 >= 8.000000", sinceAt: now - 60_000 });
const hostile = standing(
  `${hostileName} ${endless}`,
  "Failed",
  { message: `${hostileName} ${endless}`, series: endless },
  {
    target: endless,
    runbookUrl: `javascript:${hostileName}`,
    labels: { [hostileName]: endless },
    recipients: [endless],
  },
);

function overview(rows: readonly RuleStanding[], facts: Partial<OverviewView> = {}): OverviewView {
  const counts = { OK: 0, Pending: 0, Failed: 0, Error: 0, NoData: 0, Unknown: 0 };
  for (const { state } of rows) counts[state]++;
  return {
    ...frame,
    sight: {
      source: "series",
      language: "graphite",
      roundAt: now - 20_000,
      roundMs: 84,
      blind: undefined,
      fileTrouble: undefined,
    },
    boxes: rows.map((row) => ({ id: row.id, name: titleOf(row), state: row.state, grade: row.grade })),
    rows,
    counts,
    failing: rows.filter(({ state }) => state === "Failed").map(titleOf),
    search: "",
    page: 0,
    pages: 1,
    found: rows.length,
    deliveries: { waiting: 0, failed: 0, sent: 12, oldestWaitingAt: undefined },
    hasOwnGraphs: true,
    ...facts,
  };
}

const good = Array.from({ length: 14 }, (_, position) => standing(`Rule ${position + 1}`, "OK"));

/** The first page. */
export const houndSamples: Record<string, OverviewView> = {
  well: overview(good),
  trouble: overview([failed, critical, silenced, acknowledged, warned, pending, broken, absent, ...good.slice(0, 6)], {
    deliveries: { waiting: 2, failed: 1, sent: 40, oldestWaitingAt: now - 60_000 },
    boxes: [failed, critical, silenced, acknowledged, warned, pending, broken, absent, ...good, ...good, ...good].map(
      (row) => ({
        id: row.id,
        name: titleOf(row),
        state: row.state,
        grade: row.grade,
      }),
    ),
    page: 1,
    pages: 3,
    found: 412,
    sight: {
      source: "https://graphite.example",
      language: "graphite",
      roundAt: now - 20_000,
      roundMs: 2100,
      blind: undefined,
      fileTrouble: 'Cannot use alert "Load": wanted a threshold',
    },
  }),
  blind: overview([standing("Load", "Unknown"), failed], {
    sight: {
      source: "https://graphite.example",
      language: "graphite",
      roundAt: undefined,
      roundMs: undefined,
      blind: { sinceAt: now - hourMs, reason: "Connection refused" },
      fileTrouble: undefined,
    },
  }),
  empty: overview([]),
  hostile: overview([hostile, ...good], { search: hostileName, failing: [titleOf(hostile)] }),
};

const silence: Silence = {
  id: "0a1b2c3d",
  matcher: "severity=warning,host=web-*",
  fromAt: now - hourMs,
  untilAt: now + 3 * hourMs,
  by: "anna",
  comment: "New disks",
};

function entry(number: number, event: HistoryEntry["event"], message: string): HistoryEntry {
  const at = now - number * 1_700_000;
  return {
    number,
    at,
    standingId: failed.id,
    ruleId: failed.id,
    name: "Load of web",
    series: undefined,
    event,
    value: 12.4,
    message,
  };
}

const alert: AlertView = {
  ...frame,
  standing: failed,
  siblings: [],
  history: [
    entry(1, "told", ""),
    entry(2, "Failed", "12.400000 >= 8.000000"),
    entry(3, "Pending", "9.000000 >= 8.000000"),
    entry(4, "acknowledged", "by anna"),
    entry(5, "flapping", ""),
    entry(6, "OK", ""),
  ],
  silences: [],
  canDraw: true,
};

/** The page of one rule. */
export const alertSamples: Record<string, AlertView> = {
  well: { ...alert, standing: standing("Load of web", "OK"), history: alert.history.slice(5) },
  trouble: alert,
  twoLevels: {
    ...alert,
    standing: critical,
    history: [
      entry(1, "told", "to ops@example.org"),
      entry(2, "critical", "97.000000 >= 95.000000"),
      entry(3, "told", "to ops@example.org"),
      entry(4, "warning", "84.000000 >= 80.000000"),
    ],
  },
  silenced: {
    ...alert,
    standing: silenced,
    silences: [{ ...silence, matcher: `id=${silenced.id}` }],
    siblings: [standing("Disk of db", "OK", { series: "servers.db-1.disk.used" })],
  },
  empty: {
    ...alert,
    standing: standing("New", "Unknown", { value: undefined }),
    history: [],
    mayWrite: false,
    canDraw: false,
  },
  hostile: {
    ...alert,
    standing: hostile,
    siblings: [hostile],
    silences: [{ ...silence, matcher: endless, by: hostileName }],
  },
};

/** The page of silences. */
export const silencesSamples: Record<string, SilencesView> = {
  well: { ...frame, silences: [silence, { ...silence, id: "1", matcher: "id=22138d2e6b", comment: "" }] },
  empty: { ...frame, silences: [], mayWrite: false },
  hostile: { ...frame, silences: [{ ...silence, matcher: endless, comment: hostileName }] },
};

function delivery(id: number, facts: Partial<DeliveryRow> = {}): DeliveryRow {
  return {
    id,
    noticeId: `n${id}`,
    kind: "alert",
    subject: "[ALERT] Load of web",
    recipient: "ops@example.org",
    state: "sent",
    attempts: 1,
    createdAt: now - id * 90_000,
    nextAt: now,
    endedAt: now,
    said: "250 2.0.0 Ok: queued as 4F1B2",
    ...facts,
  };
}

const deliveries: DeliveriesView = {
  ...frame,
  counts: { waiting: 0, failed: 0, sent: 3, oldestWaitingAt: undefined },
  rows: [delivery(3), delivery(2, { recipient: "channel:chat", said: "status 200, ok" }), delivery(1)],
  state: undefined,
  hasMore: true,
  isFirst: true,
  channels: [
    { name: "mail", kind: "mail" },
    { name: "chat", kind: "slack" },
  ],
};

/** The page of deliveries. */
export const deliveriesSamples: Record<string, DeliveriesView> = {
  well: deliveries,
  trouble: {
    ...deliveries,
    counts: { waiting: 1, failed: 1, sent: 3, oldestWaitingAt: now - 400_000 },
    rows: [
      delivery(5, {
        state: "waiting",
        attempts: 4,
        nextAt: now + 90_000,
        said: "The mail server mail.example:587 could not be reached: connect ECONNREFUSED",
      }),
      delivery(4, { state: "failed", recipient: "channel:pager", said: "It answered status 404, no such hook" }),
      ...deliveries.rows,
    ],
  },
  empty: {
    ...deliveries,
    counts: { waiting: 0, failed: 0, sent: 0, oldestWaitingAt: undefined },
    rows: [],
    hasMore: false,
    channels: [],
  },
  hostile: {
    ...deliveries,
    rows: [delivery(1, { subject: endless, recipient: endless, said: `${hostileName} ${endless}`, state: "failed" })],
  },
};

const act: ActView = {
  mountPath: "/hound",
  now,
  word: "x.y",
  state: "asks",
  action: { do: "silence", forMs: hourMs },
  standing: failed,
};

/** The page of an address from a mail. */
export const actSamples: Record<string, ActView> = {
  well: act,
  done: { ...act, action: { do: "acknowledge" }, state: "done", standing: acknowledged },
  spent: { ...act, state: "spent", standing: silenced },
  anew: { ...act, action: { do: "acknowledge" }, state: "anew" },
  worse: { ...act, action: { do: "acknowledge" }, state: "worse", standing: critical },
  wrong: { ...act, state: "wrong", action: undefined, standing: undefined },
  hostile: { ...act, standing: hostile },
};

/** Every page, with every sample. */
export const houndPaths: readonly string[] = [
  ...Object.keys(houndSamples).map((name) => `/hound/?sample=${name}`),
  ...Object.keys(alertSamples).map((name) => `/hound/alert/x/?sample=${name}`),
  ...Object.keys(silencesSamples).map((name) => `/hound/silences/?sample=${name}`),
  ...Object.keys(deliveriesSamples).map((name) => `/hound/deliveries/?sample=${name}`),
  ...Object.keys(actSamples).map((name) => `/hound/act/x?sample=${name}`),
];

/** A page with a sample in it. */
export interface HoundSample {
  body: Html;
  parts: Record<string, Html>;
  tabs: Tab[];
  /** Undefined where nothing is live. */
  live: string | undefined;
  assets: readonly Asset[];
}

function of<View>(samples: Record<string, View>, name: string): View {
  return samples[name] ?? (Object.values(samples)[0] as View);
}

/** The page at `path` below `/hound`, which may end in `live`. */
export function houndSample(path: string, sample: string): HoundSample {
  const page = (
    body: Html,
    parts: Record<string, Html>,
    tab: Parameters<typeof houndTabs>[1],
    live?: string,
  ): HoundSample => ({ body, parts, tabs: houndTabs("/hound", tab), live, assets: [houndStyleAsset] });
  if (path.startsWith("/alert/")) {
    const view = of(alertSamples, sample);
    return page(Alert(view), alertParts(view), "rules", "/hound/alert/x/live");
  }
  if (path.startsWith("/silences/")) {
    const view = of(silencesSamples, sample);
    return page(Silences(view), silencesParts(view), "silences", "/hound/silences/live");
  }
  if (path.startsWith("/deliveries/")) {
    const view = of(deliveriesSamples, sample);
    return page(Deliveries(view), deliveriesParts(view), "deliveries", "/hound/deliveries/live");
  }
  if (path.startsWith("/act/")) return page(Act(of(actSamples, sample)), {}, undefined);
  const view = of(houndSamples, sample);
  return page(Overview(view), overviewParts(view), "rules", "/hound/live");
}

/** A made-up course for any target. */
const madeUp: MetricSource = {
  name: "made up",
  language: "graphite",
  render: (targets, { fromSeconds, untilSeconds }) => {
    const step = Math.ceil((untilSeconds - fromSeconds) / 400);
    const points = Array.from(
      { length: 400 },
      (_, position) =>
        [
          position > 180 && position < 190 ? null : 5 + 3 * Math.sin(position / 23) + ((position * 37) % 11) / 10,
          fromSeconds + position * step,
        ] as const,
    );
    return Promise.resolve(targets.map((name) => ({ series: [{ name, tags: {}, points }] })));
  },
  find: () => Promise.resolve([]),
};

/** The picture at `path` below `/hound`. */
export function houndPicture(path: string): Promise<string> {
  const untilSeconds = now / 1000;
  const isOwn = path.startsWith("/own/");
  const look = path.endsWith("week.svg") ? "week" : "day";
  return graphSvg(
    madeUp,
    {
      targets: isOwn ? ["errors", "successes", "failures"] : ["servers.web.load.1"],
      thresholds: isOwn ? [] : [8],
      fromSeconds: untilSeconds - (look === "day" ? 86_400 : 604_800),
      untilSeconds,
      look,
      ground: "page",
      isStacked: isOwn,
    },
    new AbortController().signal,
  );
}
