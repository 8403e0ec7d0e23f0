/** From the checks and their history to what the pages show, and from a request for a page to the page. Pure reading. */
import type { Clock } from "../../kit/clock.ts";
import { reasonOf } from "../../kit/fault.ts";
import { decodedPart } from "../../kit/http/target.ts";
import type { Logger } from "../../kit/log.ts";
import { type Html, listQuery } from "../../kit/pages/html.ts";
import { liveParts } from "../../kit/pages/live.ts";
import type { PageShell } from "../../kit/pages/shell.ts";
import type { Caller } from "../../kit/service.ts";
import { type Checker, type CheckView, noSuchCheck } from "./checker.ts";
import type { History, Hour } from "./history.ts";
import { failingOf } from "./outcome.ts";
import { chimneyStyleAsset } from "./pages/assets.ts";
import { CheckPage, checkParts } from "./pages/check.tsx";
import { Overview, overviewParts } from "./pages/overview.tsx";
import { type CheckPageView, checkPath, type CheckRow, type OverviewView, type StripHour } from "./pages/view.ts";
import { shownTarget } from "./status.ts";

/** What the pages stand on. */
export interface ViewParts {
  checker: Checker;
  history: History;
  clock: Clock;
  log: Logger;
  shell: PageShell;
  mountPath: string;
  /** Where beats are sent, without a trailing slash. */
  baseUrl: string;
  source: { readonly path: string | undefined; readonly trouble: string | undefined };
}

/** The pages of Chimney. */
export interface ChimneyPages {
  /** The page at a path below the mount, or undefined when there is none. */
  answer(request: Request, caller: Caller, path: string): Response | undefined;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Checks on a page of the list. */
const rowsMax = 100;

/** Makes the pages. */
export function chimneyPages(parts: ViewParts): ChimneyPages {
  const { checker, clock, history, log, mountPath, shell } = parts;
  const assets = [chimneyStyleAsset];
  shell.register(assets);

  const overviewView = (words: URLSearchParams): OverviewView => {
    const now = clock.now();
    const search = (words.get("search") ?? "").trim().slice(0, 120);
    const all = checker.views();
    const wanted = search.toLowerCase();
    const found = all.filter(({ plan }) => plan.name.toLowerCase().includes(wanted));
    found.sort((one, other) => rankOf(one) - rankOf(other));
    const pages = Math.max(1, Math.ceil(found.length / rowsMax));
    const page = Math.min(pages - 1, Math.max(0, Math.trunc(Number(words.get("page")) || 0)));
    const shown = found.slice(page * rowsMax, (page + 1) * rowsMax);
    const down = all.filter(({ standing }) => standing.level === "down");
    return {
      mountPath,
      now,
      counts: {
        all: all.length,
        down: down.length,
        shaky: all.filter(isShaky).length,
        unknown: all.filter((view) => view.standing.level === "unknown" && !isShaky(view)).length,
        downNames: down.slice(0, 4).map(({ plan }) => plan.name),
      },
      rows: shown.map((view) => rowOf(view, history.hoursOf(view.plan.name, now - dayMs), now)),
      search,
      page,
      pages,
      found: found.length,
      file: parts.source.path,
      trouble: parts.source.trouble,
    };
  };

  const checkView = (name: string, mayWrite: boolean): CheckPageView => {
    const view = checker.find(name);
    if (!view) throw noSuchCheck(name);
    const now = clock.now();
    const hours = history.hoursOf(name, now - 30 * dayMs);
    const since = (sinceMs: number) => shareOf(hours.filter(({ at }) => at > now - sinceMs));
    const { last } = view.standing;
    const results = history.results(name, 100);
    return {
      mountPath,
      now,
      row: rowOf(view, hours, now),
      nextAt: view.nextAt,
      status: last?.status,
      address: last?.address,
      finalUrl: last?.finalUrl === undefined ? undefined : shownTarget(last.finalUrl),
      expiresAt: last?.expiresAt,
      excerpt: last?.excerpt,
      tests: last?.report,
      beatUrl: view.beatId !== undefined && mayWrite ? `${parts.baseUrl}/beat/${view.beatId}` : undefined,
      lastBeatAt: view.lastBeatAt,
      everyMs: view.plan.everyMs,
      graceMs: view.plan.graceMs,
      intervalMs: view.plan.intervalMs,
      shares: [since(dayMs), since(7 * dayMs), shareOf(hours)],
      percentilesMs: history.percentiles(name, now - dayMs, [0.5, 0.95, 0.99]),
      days: stripOf(hours, now, dayMs, 30),
      latencies: results.map(({ latencyMs }) => latencyMs).toReversed(),
      spells: history.spells(name, 20),
      results: results.slice(0, 20),
    };
  };

  const live = (caller: Caller, render: () => Record<string, Html>): Response =>
    liveParts(caller.keepOpen("read"), {
      clock,
      render,
      failed: (thrown) => log.error("A page of Chimney could not be drawn", { reason: reasonOf(thrown) }),
    });

  return {
    answer(request, caller, path) {
      if (path === "/") {
        const view = overviewView(new URL(request.url).searchParams);
        const livePath = `${mountPath}/live${listQuery(view.search, view.page)}`;
        return shell.page(
          { title: "Chimney", service: "chimney", body: Overview(view), assets, live: livePath },
          request,
        );
      }
      if (path === "/live") return live(caller, () => overviewParts(overviewView(new URL(request.url).searchParams)));
      const [, word, tail] = /^\/check\/([^/]+)\/(live)?$/.exec(path) ?? [];
      if (word === undefined) return undefined;
      const name = decodedPart(word);
      const view = () => checkView(name, caller.may("write"));
      if (tail === "live") {
        if (!checker.find(name)) throw noSuchCheck(name);
        return live(caller, () => checkParts(view()));
      }
      const body = CheckPage(view());
      return shell.page(
        { title: name, service: "chimney", body, assets, live: `${mountPath}${checkPath(name)}live` },
        request,
      );
    },
  };
}

/** Failing, but not often enough yet to be down. */
function isShaky({ standing }: CheckView): boolean {
  return standing.level !== "down" && standing.failuresInRow > 0;
}

/** Worst first. */
function rankOf(view: CheckView): number {
  return view.standing.level === "down" ? 0 : isShaky(view) ? 1 : 2;
}

function rowOf(view: CheckView, hours: readonly Hour[], now: number): CheckRow {
  const { isAsking, plan, standing } = view;
  const recent = hours.filter(({ at }) => at > now - dayMs);
  return {
    name: plan.name,
    kind: plan.kind,
    target: shownTarget(plan.target),
    level: standing.level,
    sinceAt: standing.sinceAt,
    lastAt: standing.lastAt,
    isAsking,
    isShaky: isShaky(view),
    reason: standing.last?.reason ?? "",
    latencyMs: standing.last?.latencyMs,
    failing: failingOf(standing.last),
    hours: stripOf(hours, now, hourMs, 24),
    goodShare: shareOf(recent),
  };
}

/** The last `count` spans of `spanMs` up to now, oldest first. */
function stripOf(hours: readonly Hour[], now: number, spanMs: number, count: number): StripHour[] {
  const last = now - (now % spanMs);
  const strip = Array.from({ length: count }, (_, position) => ({
    at: last - (count - 1 - position) * spanMs,
    runs: 0,
    bad: 0,
  }));
  for (const { at, bad, runs } of hours) {
    const span = strip[count - 1 - Math.round((last - (at - (at % spanMs))) / spanMs)];
    if (!span) continue;
    span.runs += runs;
    span.bad += bad;
  }
  return strip;
}

function shareOf(hours: readonly Hour[]): number | undefined {
  const runs = hours.reduce((sum, hour) => sum + hour.runs, 0);
  return runs === 0 ? undefined : 1 - hours.reduce((sum, hour) => sum + hour.bad, 0) / runs;
}
