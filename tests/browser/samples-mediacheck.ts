/** Sample views of Mediacheck's pages: all there, one site in trouble, nothing at all, hostile and endless words. */
import type { OverviewView, RunView, ShownRun, SitePageView } from "../../src/signals/mediacheck/pages/view.ts";
import type { Counts, ResourceReport } from "../../src/signals/mediacheck/report.ts";
import type { SiteView } from "../../src/signals/mediacheck/runner.ts";
import { usualSettings } from "../../src/signals/mediacheck/settings.ts";
import { hostileName, sampleNow } from "./samples-console.ts";

const frame = { mountPath: "/mediacheck", now: sampleNow };
const endless = "x".repeat(400);
const sums: Counts = { pages: 3, checked: 84, good: 84, warn: 0, bad: 0, skipped: 2, bytes: 3_412_345, requests: 91 };
const lacking: Counts = { ...sums, good: 80, warn: 2, bad: 2 };

function run(id: number, facts: Partial<ShownRun> = {}, counts: Counts = sums): ShownRun {
  return {
    id,
    site: "shop",
    target: "https://shop.example/",
    cause: "interval",
    deploy: undefined,
    askedAt: sampleNow - id * 60_000,
    isRunning: false,
    result: { startedAt: sampleNow - id * 60_000, elapsedMs: 2345, isGood: counts.bad === 0, counts, limits: [] },
    ...facts,
  };
}

function site(name: string, last: ShownRun | undefined, facts: Partial<SiteView> = {}): SiteView {
  const { guard: _, ...settings } = usualSettings;
  return {
    site: {
      name,
      pages: [`https://${name}.example/`],
      sitemaps: [],
      intervalMs: 3_600_000,
      settings: { ...settings, guard: false },
    },
    last,
    isRunning: false,
    nextAt: sampleNow + 1_234_000,
    ...facts,
  };
}

function resource(
  path: string,
  verdict: ResourceReport["verdict"],
  sentence?: string,
  facts: Partial<ResourceReport> = {},
): ResourceReport {
  return {
    url: `https://shop.example/${path}`,
    kinds: ["image"],
    verdict,
    troubles: sentence === undefined ? [] : [{ isHard: verdict === "bad", sentence }],
    uses: [{ page: "https://shop.example/", how: "img src", kind: "image" }],
    useCount: 3,
    status: 200,
    type: "image/png",
    sizeBytes: 45_678,
    elapsedMs: 34,
    attempts: 1,
    ...facts,
  };
}

const troubled = [
  resource("pictures/gone.png", "bad", "Bad status: 404", { status: 404 }),
  resource(
    "fonts/body.woff2",
    "bad",
    "It comes from another origin without Access-Control-Allow-Origin for https://shop.example",
    {
      kinds: ["font"],
      uses: [{ page: "https://shop.example/", via: "https://shop.example/main.css", how: "@font-face", kind: "font" }],
      useCount: 1,
    },
  ),
  resource("old.js", "warn", "It comes with type text/plain, where text/javascript is wanted", {
    kinds: ["script"],
    finalUrl: "https://cdn.example/old.js",
  }),
];
const hostile = [
  resource(`${hostileName}${endless}`, "bad", `${hostileName} ${endless}`, {
    uses: [{ page: `https://shop.example/${endless}`, how: hostileName, kind: "image" }],
  }),
];

/** The first page. */
export const mediacheckSamples: Record<string, OverviewView> = {
  well: {
    ...frame,
    sites: [site("shop", run(1)), site("docs", run(2))],
    runs: [run(1), run(2)],
    mayAsk: true,
    guard: true,
  },
  trouble: {
    ...frame,
    sites: [
      site("docs", run(2)),
      site("shop", run(1, {}, lacking)),
      site("blog", run(3, {}, { ...sums, warn: 3 })),
      site("new", undefined, { isRunning: true }),
    ],
    runs: [
      run(6, { site: undefined, result: undefined, cause: "asked" }),
      run(5, { result: undefined, isRunning: true, cause: "deploy", deploy: "shop 1.2" }),
      run(1, {}, lacking),
    ],
    mayAsk: true,
    guard: true,
  },
  empty: { ...frame, sites: [], runs: [], mayAsk: false, guard: false },
  hostile: {
    ...frame,
    sites: [site(`${hostileName}${endless}`, run(1, {}, lacking))],
    runs: [run(1, { site: `${hostileName}${endless}`, deploy: endless, cause: "deploy" })],
    mayAsk: true,
    guard: true,
  },
};

const sitePage = (view: SiteView, facts: Partial<SitePageView> = {}): SitePageView => ({
  ...frame,
  view,
  troubled: [],
  runs: [run(1), run(2)],
  mayAsk: true,
  ...facts,
});

/** The page of one site. */
export const mediacheckSiteSamples: Record<string, SitePageView> = {
  well: sitePage(site("shop", run(1))),
  trouble: sitePage(site("shop", run(1, {}, lacking)), { troubled, runs: [run(1, {}, lacking), run(2)] }),
  empty: sitePage(site("new", undefined, { nextAt: undefined }), { runs: [], mayAsk: false }),
  hostile: sitePage(site(`${hostileName}${endless}`, run(1, {}, lacking)), { troubled: hostile }),
};

const good = ["a.png", "b.css", "c.js"].map((path) => resource(path, "good"));

/** The page of one run. */
export const mediacheckRunSamples: Record<string, RunView> = {
  well: { ...frame, run: run(1), resources: good },
  trouble: {
    ...frame,
    run: run(1, { deploy: "shop 1.2", cause: "deploy" }, lacking),
    resources: [...troubled, resource("ads/x.png", "skipped"), ...good],
  },
  empty: { ...frame, run: run(1, { result: undefined, isRunning: true }), resources: [] },
  hostile: { ...frame, run: run(1, { deploy: endless, target: endless }, lacking), resources: hostile },
};
