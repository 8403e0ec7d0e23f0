/**
 * From hound and its deliveries to what the pages show, and from a request for a page, a form or an address in a mail to
 * its answer. Everything that changes something is a form that works without script; whoever posts needs the right to
 * write, but for addresses from mails, which carry their own.
 */
import type { Clock } from "../../../kit/clock.ts";
import { Fault, reasonOf } from "../../../kit/fault.ts";
import { wholeText } from "../../../kit/http/body.ts";
import type { Logger } from "../../../kit/log.ts";
import type { MetricSource } from "../../../kit/metric-source/source.ts";
import { type Html, listQuery } from "../../../kit/pages/html.ts";
import { liveParts } from "../../../kit/pages/live.ts";
import type { PageShell } from "../../../kit/pages/shell.ts";
import type { Caller } from "../../../kit/service.ts";
import { decodedPart } from "../../../kit/http/target.ts";
import type { ActionLinks, LinkAction } from "../delivery/action-links.ts";
import type { DeliveryView } from "../delivery/delivery.ts";
import { type GraphOrder, graphSvg, thresholdsOf } from "../delivery/graph-drawing.ts";
import type { DeliveryState } from "../delivery/queue.ts";
import type { HoundView, RuleStanding, StandingState } from "../standing.ts";
import { Act } from "./act.tsx";
import { Alert, alertParts } from "./alert.tsx";
import { houndStyleAsset } from "./assets.ts";
import { Deliveries, deliveriesParts } from "./deliveries.tsx";
import { Overview, overviewParts } from "./overview.tsx";
import { Silences, silencesParts } from "./silences.tsx";
import { sharedParts } from "./shared-parts.ts";
import { rankOfState } from "./states.tsx";
import {
  alertPath,
  type ActView,
  type AlertView,
  type DeliveriesView,
  houndTabs,
  type OverviewView,
  type SilencesView,
  titleOf,
} from "./view.ts";

/** What the pages stand on. */
export interface HoundPageParts {
  hound: HoundView;
  deliveries: DeliveryView;
  links: ActionLinks;
  clock: Clock;
  log: Logger;
  shell: PageShell;
  mountPath: string;
  /** Where graphs are drawn from; without, pages have none. */
  source: MetricSource | undefined;
  /** What stands before the names of hound's own counts of a round (`errors`, `successes`, `failures`), dot and all. */
  ownPrefix: string | undefined;
}

/** The pages of Hound. */
export interface HoundPages {
  /** The page at a path below the mount, for GET and HEAD, or undefined when there is none. */
  answer(request: Request, caller: Caller, path: string): Response | Promise<Response> | undefined;
  /** What came of a form, for POST; undefined when nothing takes one there. */
  act(request: Request, caller: Caller, path: string): Promise<Response> | undefined;
  /** Whether a path is that of an address in a mail, which carries its own right. */
  isLink(path: string): boolean;
}

const rowsMax = 200;
const deliveriesMax = 50;
const formBytesMax = 8192;
const silenceMaxMs = 366 * 86_400_000;
const daySeconds = 86_400;
const drawMs = 10_000;
const seriesMaxLength = 1500;

/** Makes the pages. */
export function houndPages(parts: HoundPageParts): HoundPages {
  const { clock, deliveries, hound, links, log, mountPath, shell, source } = parts;
  const assets = [houndStyleAsset];
  shell.register(assets);
  const frame = (caller: Caller) => ({ mountPath, now: clock.now(), mayWrite: caller.may("write") });

  const overviewView = (words: URLSearchParams, caller: Caller): OverviewView => {
    const search = (words.get("search") ?? "").trim().slice(0, 120);
    const all = hound.standings();
    const wanted = search.toLowerCase();
    const found = all.filter((one) => `${titleOf(one)}\n${one.rule.target}`.toLowerCase().includes(wanted));
    const sorted = found.toSorted((one, other) => rankOfState(one) - rankOfState(other));
    const pages = Math.max(1, Math.ceil(sorted.length / rowsMax));
    const page = Math.min(pages - 1, Math.max(0, Math.trunc(Number(words.get("page")) || 0)));
    const counts: Record<StandingState, number> = { OK: 0, Pending: 0, Failed: 0, Error: 0, NoData: 0, Unknown: 0 };
    for (const { state } of all) counts[state]++;
    return {
      ...frame(caller),
      sight: hound.sight(),
      boxes: all.map((one) => ({ id: one.id, name: titleOf(one), state: one.state, grade: one.grade })),
      rows: sorted.slice(page * rowsMax, (page + 1) * rowsMax),
      counts,
      failing: all
        .filter(({ state }) => state === "Failed")
        .slice(0, 4)
        .map(titleOf),
      search,
      page,
      pages,
      found: found.length,
      deliveries: deliveries.counts(),
      hasOwnGraphs: source !== undefined && parts.ownPrefix !== undefined,
    };
  };

  const standingOf = (id: string): RuleStanding => {
    const standing = hound.find(id);
    if (standing) return standing;
    throw new Fault("missing", "hound/no-rule", `Cannot find rule "${id.slice(0, 100)}": there is none of that id`);
  };

  const alertView = (id: string, caller: Caller): AlertView => {
    const standing = standingOf(id);
    const { rule, series } = standing;
    return {
      ...frame(caller),
      standing,
      siblings: rule.isPerSeries
        ? hound
            .standings()
            .filter((one) => one.rule.id === rule.id && one.id !== standing.id)
            .slice(0, rowsMax)
        : [],
      history: hound.history({ of: standing.id, limit: 50 }),
      silences: hound
        .silences()
        .filter(({ matcher }) => matcher === matcherOf(rule.id, series) || matcher === `id=${rule.id}`),
      // What cannot be answered cannot be drawn.
      canDraw: source !== undefined && standing.state !== "Error",
    };
  };

  const silencesView = (caller: Caller): SilencesView => ({ ...frame(caller), silences: hound.silences() });

  const deliveriesView = (words: URLSearchParams, caller: Caller): DeliveriesView => {
    const state = stateIn(words.get("state"));
    const before = /^\d{1,15}$/.test(words.get("before") ?? "") ? Number(words.get("before")) : undefined;
    const rows = deliveries.list({
      limit: deliveriesMax + 1,
      ...(state === undefined ? {} : { state }),
      ...(before === undefined ? {} : { before }),
    });
    return {
      ...frame(caller),
      counts: deliveries.counts(),
      rows: rows.slice(0, deliveriesMax),
      state,
      hasMore: rows.length > deliveriesMax,
      isFirst: before === undefined,
      channels: deliveries.channels(),
    };
  };

  const share = sharedParts(clock);
  // Who may do different things sees different forms.
  const live = (caller: Caller, page: string, render: () => Record<string, Html>): Response =>
    liveParts(caller.keepOpen("read"), {
      clock,
      render: () => share(`${caller.may("write")} ${page}`, render),
      failed: (thrown) => log.error("A page of Hound could not be drawn", { reason: reasonOf(thrown) }),
    });

  const page = (
    request: Request,
    title: string,
    body: Html,
    options: { tab?: "rules" | "silences" | "deliveries"; live?: string; status?: number } = {},
  ): Response =>
    shell.page(
      {
        title,
        service: "hound",
        body,
        assets,
        tabs: houndTabs(mountPath, options.tab),
        ...(options.live === undefined ? {} : { live: `${mountPath}${options.live}` }),
        ...(options.status === undefined ? {} : { status: options.status }),
      },
      request,
    );

  const picture = async (request: Request, order: Omit<GraphOrder, "fromSeconds" | "untilSeconds" | "ground">) => {
    if (source === undefined) throw new Fault("missing", "hound/no-source", "Cannot draw a graph: there is no source");
    const untilSeconds = Math.floor(clock.now() / 1000);
    const fromSeconds = untilSeconds - (order.look === "day" ? 1 : 7) * daySeconds;
    const late = new AbortController();
    const cancel = clock.schedule(drawMs, () =>
      late.abort(new Fault("timeout", "hound/graph-late", "Cannot draw a graph: the source is slow")),
    );
    try {
      const signal = AbortSignal.any([request.signal, late.signal]);
      const svg = await graphSvg(source, { ...order, fromSeconds, untilSeconds, ground: "page" }, signal);
      return new Response(request.method === "HEAD" ? null : svg, {
        headers: {
          "Content-Type": "image/svg+xml",
          "Cache-Control": "private, max-age=30",
          "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
          "X-Content-Type-Options": "nosniff",
        },
      });
    } finally {
      cancel();
    }
  };

  const actView = (word: string): ActView => {
    const verdict = links.read(word);
    const base = { mountPath, now: clock.now(), word };
    if (verdict.state === "wrong") return { ...base, state: "wrong", action: undefined, standing: undefined };
    const standing = hound.find(verdict.action.standingId);
    const state = verdict.state === "good" ? stateOfAct(verdict.action, standing, verdict.madeAt) : verdict.state;
    return { ...base, state, action: verdict.action, standing };
  };

  const actPage = (request: Request, view: ActView): Response => {
    const status = view.state === "wrong" ? 404 : view.state === "expired" || view.state === "gone" ? 410 : 200;
    return page(request, "Hound", Act(view), { status });
  };

  const actByLink = (request: Request, word: string): Response => {
    const before = actView(word);
    // Nothing is spent on what has no sense any more.
    if (before.state !== "asks") return actPage(request, before);
    const spent = links.spend(word);
    if (spent.state !== "good") return actPage(request, actView(word));
    const { action } = spent;
    const by = "a link in a mail";
    let isDone = true;
    if (action.do === "acknowledge") isDone = hound.acknowledge(action.standingId, by);
    else silenceStanding(standingOf(action.standingId), action.forMs, by, "From a mail");
    return actPage(request, { ...actView(word), action, state: isDone ? "done" : "calm" });
  };

  const silenceStanding = ({ rule, series }: RuleStanding, forMs: number, by: string, comment: string): void => {
    hound.silence({ matcher: matcherOf(rule.id, series), untilAt: clock.now() + forMs, by, comment });
  };

  const fieldsOf = async (request: Request): Promise<URLSearchParams> =>
    new URLSearchParams(await wholeText(request, { maxBytes: formBytesMax, clock }));

  return {
    isLink: (path) => path.startsWith("/act/"),

    answer(request, caller, path) {
      const words = new URL(request.url).searchParams;
      switch (path) {
        case "/": {
          const view = overviewView(words, caller);
          const query = listQuery(view.search, view.page);
          return page(request, "Hound", Overview(view), { tab: "rules", live: `/live${query}` });
        }
        case "/live":
          return live(caller, `rules ${listQuery(words.get("search") ?? "", Number(words.get("page")) || 0)}`, () =>
            overviewParts(overviewView(words, caller)),
          );
        case "/silences/":
          return page(request, "Silences", Silences(silencesView(caller)), { tab: "silences", live: "/silences/live" });
        case "/silences/live":
          return live(caller, "silences", () => silencesParts(silencesView(caller)));
        case "/deliveries/": {
          const view = deliveriesView(words, caller);
          const query = words.size === 0 ? "" : `?${words}`;
          return page(request, "Deliveries", Deliveries(view), { tab: "deliveries", live: `/deliveries/live${query}` });
        }
        case "/deliveries/live":
          return live(caller, `deliveries ${words}`, () => deliveriesParts(deliveriesView(words, caller)));
        case "/own/day.svg":
        case "/own/week.svg": {
          if (parts.ownPrefix === undefined) return undefined;
          const targets = ["errors", "successes", "failures"].map((name) =>
            ownTarget(`${parts.ownPrefix}${name}`, source),
          );
          return picture(request, { targets, thresholds: [], look: lookOf(path), isStacked: true });
        }
        default:
      }
      const link = /^\/act\/([\w.-]+)$/.exec(path)?.[1];
      if (link !== undefined) return actPage(request, actView(link));
      const [, id, tail] = /^\/alert\/([^/]+)\/(live|day\.svg|week\.svg)?$/.exec(path) ?? [];
      if (id === undefined) {
        const bare = /^\/(?:alert\/[^/]+|silences|deliveries)$/.exec(path)?.[0];
        return bare === undefined ? undefined : seeOther(`${mountPath}${bare}/`);
      }
      const wanted = decodedPart(id);
      if (tail === "live") {
        standingOf(wanted);
        return live(caller, `alert ${wanted}`, () => alertParts(alertView(wanted, caller)));
      }
      if (tail !== undefined) {
        const { rule, series } = standingOf(wanted);
        return picture(request, { targets: [rule.target], series, thresholds: thresholdsOf(rule), look: lookOf(tail) });
      }
      const view = alertView(wanted, caller);
      return page(request, titleOf(view.standing), Alert(view), {
        tab: "rules",
        live: `${alertPath(view.standing.id)}live`,
      });
    },

    act(request, caller, path) {
      const link = /^\/act\/([\w.-]+)$/.exec(path)?.[1];
      if (link !== undefined) return Promise.resolve(actByLink(request, link));
      const [, id, verb] = /^\/alert\/([^/]+)\/(acknowledge|silence)$/.exec(path) ?? [];
      if (id !== undefined) return actOnRule(request, caller, decodedPart(id), verb === "silence");
      if (path === "/silences/") return addSilence(request, caller);
      const ended = /^\/silences\/([0-9a-f]{1,32})\/end$/.exec(path)?.[1];
      if (ended !== undefined) return endSilence(caller, ended);
      const retried = /^\/deliveries\/(?:(\d{1,15})\/)?retry$/.exec(path);
      return retried ? retry(retried[1]) : undefined;
    },
  };

  async function actOnRule(request: Request, caller: Caller, id: string, isSilence: boolean): Promise<Response> {
    const standing = standingOf(id);
    const fields = await fieldsOf(request);
    if (isSilence) silenceStanding(standing, spanIn(fields), caller.name, commentIn(fields));
    else if (!hound.acknowledge(standing.id, caller.name)) {
      throw new Fault("conflict", "hound/not-failing", `Cannot acknowledge "${titleOf(standing)}": it does not fail`);
    }
    return seeOther(`${mountPath}${alertPath(standing.id)}`);
  }

  async function addSilence(request: Request, caller: Caller): Promise<Response> {
    const fields = await fieldsOf(request);
    const matcher = (fields.get("matcher") ?? "").trim();
    const untilAt = clock.now() + spanIn(fields);
    hound.silence({ matcher, untilAt, by: caller.name, comment: commentIn(fields) });
    return seeOther(`${mountPath}/silences/`);
  }

  async function endSilence(caller: Caller, id: string): Promise<Response> {
    if (!hound.unsilence(id, caller.name)) {
      throw new Fault("missing", "hound/no-silence", `Cannot end silence "${id}": there is none, or it has ended`);
    }
    return seeOther(`${mountPath}/silences/`);
  }

  async function retry(id: string | undefined): Promise<Response> {
    if (id === undefined) deliveries.retryAll();
    else if (!deliveries.retry(Number(id))) {
      throw new Fault("missing", "hound/no-delivery", `Cannot send delivery ${id} again: it is none that failed`);
    }
    return seeOther(`${mountPath}/deliveries/`);
  }
}

/** What an address that is still good comes to. */
function stateOfAct(
  action: LinkAction,
  standing: RuleStanding | undefined,
  madeAt: number,
): "asks" | "gone" | "calm" | "anew" | "worse" {
  if (standing === undefined) return "gone";
  if (action.do === "silence") return "asks";
  if (standing.state === "OK") return "calm";
  if (standing.state !== "Failed") return "asks";
  // Whoever acknowledged an old failure, or one that was less, has not seen this one.
  if (standing.sinceAt > madeAt) return "anew";
  return standing.grade === "critical" && (standing.gradeSinceAt ?? 0) > madeAt ? "worse" : "asks";
}

/** A silence for one rule, or for one series of it. */
function matcherOf(ruleId: string, series: string | undefined): string {
  if (series === undefined) return `id=${ruleId}`;
  // A matcher is one line of a bounded length; what it cannot hold is left open.
  const name = series.replaceAll(/["\n\r\u2028\u2029]/g, "*");
  return `id=${ruleId},series="${name.length > seriesMaxLength ? `${name.slice(0, seriesMaxLength)}*` : name}"`;
}

function ownTarget(path: string, source: MetricSource | undefined): string {
  return source?.language === "promql" ? path.replace(/[^\w:]/g, "_") : `keepLastValue(${path})`;
}

function lookOf(path: string): "day" | "week" {
  return path.endsWith("week.svg") ? "week" : "day";
}

function stateIn(word: string | null): DeliveryState | undefined {
  return (["waiting", "sent", "failed"] as const).find((state) => state === word);
}

function spanIn(fields: URLSearchParams): number {
  const forMs = Number(fields.get("for") ?? Number.NaN);
  if (Number.isSafeInteger(forMs) && forMs > 0 && forMs <= silenceMaxMs) return forMs;
  throw new Fault("invalid", "hound/silence", `Cannot silence: "for" has to be milliseconds, a year's at most`);
}

function commentIn(fields: URLSearchParams): string {
  return (fields.get("comment") ?? "").trim().slice(0, 500);
}

function seeOther(location: string): Response {
  return new Response(null, { status: 303, headers: { Location: location, "Cache-Control": "no-store" } });
}
