/**
 * A small server that shows every page with sample views, without a node: `bun tests/browser/storybook.ts 4190`, then
 * open http://127.0.0.1:4190/, adding `?sample=trouble`, `?sample=empty` or `?sample=hostile`. Tests start it on a free
 * port; its upload takes any file and can be told to be slow or to fail.
 */
import { type Clock, systemClock } from "../../src/kit/clock.ts";
import { createEvents } from "../../src/kit/events.ts";
import { Fault } from "../../src/kit/fault.ts";
import { silentLog } from "../../src/kit/log.ts";
import type { Html } from "../../src/kit/pages/html.ts";
import { liveParts } from "../../src/kit/pages/live.ts";
import { type PageShell, createShell } from "../../src/kit/pages/shell.ts";
import { uploadScriptAsset, uploadStyleAsset } from "../../src/kit/pages/upload-assets.ts";
import { createConsole } from "../../src/ops/console/console.ts";
import type { NodeView } from "../../src/ops/console/view.ts";
import { caskStyleAsset } from "../../src/storage/cask/pages/assets.ts";
import { Join } from "../../src/storage/cask/pages/join.tsx";
import { Log, logParts } from "../../src/storage/cask/pages/log.tsx";
import { Lookup } from "../../src/storage/cask/pages/lookup.tsx";
import { Overview, overviewParts } from "../../src/storage/cask/pages/overview.tsx";
import { Upload } from "../../src/storage/cask/pages/upload.tsx";
import { type UploadView, caskPaths, caskTabs } from "../../src/storage/cask/pages/view.ts";
import { chimneyStyleAsset } from "../../src/signals/chimney/pages/assets.ts";
import { CheckPage, checkParts } from "../../src/signals/chimney/pages/check.tsx";
import {
  Overview as ChimneyOverview,
  overviewParts as chimneyParts,
} from "../../src/signals/chimney/pages/overview.tsx";
import { houstonStyleAsset } from "../../src/signals/houston/pages/assets.ts";
import { Edit as HoustonEdit } from "../../src/signals/houston/pages/edit.tsx";
import { List as HoustonList } from "../../src/signals/houston/pages/list.tsx";
import { mediacheckStyleAsset } from "../../src/signals/mediacheck/pages/assets.ts";
import {
  Overview as MediacheckOverview,
  overviewParts as mediacheckParts,
} from "../../src/signals/mediacheck/pages/overview.tsx";
import { RunPage, runParts } from "../../src/signals/mediacheck/pages/run.tsx";
import { SitePage, siteParts } from "../../src/signals/mediacheck/pages/site.tsx";
import {
  Overview as MountwatchOverview,
  overviewParts as mountwatchParts,
} from "../../src/signals/mountwatch/pages/overview.tsx";
import { Overview as StatsdOverview, overviewParts as statsdParts } from "../../src/signals/statsd/pages/overview.tsx";
import { cbpStyleAsset } from "../../src/wires/cbp/pages/assets.ts";
import { Overview as CbpOverview, overviewParts as cbpParts } from "../../src/wires/cbp/pages/overview.tsx";
import { hakmesStyleAsset } from "../../src/storage/hakmes/pages/assets.ts";
import { File as HakmesFile } from "../../src/storage/hakmes/pages/file.tsx";
import { Overview as HakmesOverview, stateParts } from "../../src/storage/hakmes/pages/overview.tsx";
import { reticulumStyleAsset } from "../../src/storage/reticulum/pages/assets.ts";
import { Copies } from "../../src/storage/reticulum/pages/copies.tsx";
import { Image } from "../../src/storage/reticulum/pages/image.tsx";
import { LightTable, tableParts } from "../../src/storage/reticulum/pages/light-table.tsx";
import { State, stateParts as reticulumParts } from "../../src/storage/reticulum/pages/state.tsx";
import { reticulumTabs } from "../../src/storage/reticulum/pages/view.ts";
import { windsockStyleAsset } from "../../src/wires/windsock/pages/assets.ts";
import { Chat as WindsockChat } from "../../src/wires/windsock/pages/chat.tsx";
import { Overview as WindsockOverview } from "../../src/wires/windsock/pages/overview.tsx";
import { Tap as WindsockTap } from "../../src/wires/windsock/pages/tap.tsx";
import { windsockTabs } from "../../src/wires/windsock/pages/view.ts";
import { KitSamples } from "./samples-kit.tsx";
import { joinSamples, logSamples, lookupSamples, overviewSamples, uploadSamples } from "./samples-cask.ts";
import { chimneySamples, checkSamples } from "./samples-chimney.ts";
import { consoleSamples, sampleNow } from "./samples-console.ts";
import { hakmesFileSamples, hakmesOverviewSamples } from "./samples-hakmes.ts";
import { houndPaths, houndPicture, houndSample } from "./samples-hound.ts";
import { houstonEditSamples, houstonListSamples } from "./samples-houston.ts";
import { mediacheckRunSamples, mediacheckSamples, mediacheckSiteSamples } from "./samples-mediacheck.ts";
import { cbpSamples } from "./samples-cbp.ts";
import { mountwatchSamples } from "./samples-mountwatch.ts";
import { statsdSamples } from "./samples-statsd.ts";
import { chatSamples, tapSamples, windsockSamples } from "./samples-windsock.ts";
import { copiesSamples, imageSamples, lightTableSamples, reticulumStateSamples } from "./samples-reticulum.ts";

/** A running storybook. */
export interface Storybook extends AsyncDisposable {
  /** Without a trailing slash. */
  url: string;
  /** Every page with each of its samples, as paths. */
  paths: readonly string[];
  /** Changes what the console's pages show, as if it had happened on the node. */
  say(sentence: string): void;
  /** What uploads brought, newest last. */
  uploads: { name: string; sizeBytes: number }[];
}

const mountPath = "/cask";

const navigation = [
  { name: "console", summary: "how this node fares", href: "/" },
  { name: "cask", summary: "files under the hash of their content", href: "/cask/", group: "storage" },
  { name: "hakmes", summary: "large files in chunks", href: "/hakmes/", group: "storage" },
  { name: "reticulum", summary: "images of any size", href: "/reticulum/", group: "storage" },
  { name: "statsd", summary: "counts and timings", href: "/statsd/", group: "signals" },
  { name: "series", summary: "keeps metrics", href: "/series/", group: "signals" },
  { name: "mediacheck", summary: "pages with all they ask for", href: "/mediacheck/", group: "signals" },
  { name: "chimney", summary: "asks applications", href: "/chimney/", group: "signals" },
  { name: "mountwatch", summary: "asks disks", href: "/mountwatch/", group: "signals" },
  { name: "hound", summary: "alerts", href: "/hound/", group: "signals" },
  { name: "houston", summary: "dashboards", href: "/houston/", group: "signals" },
  { name: "windsock", summary: "pushes to browsers", href: "/windsock/", group: "wires" },
  { name: "cbp", summary: "guards connections", href: "/cbp/", group: "wires" },
  { name: "identity", summary: "accounts", href: "/identity/", group: "people" },
];

const paths = [
  ...Object.keys(consoleSamples).map((name) => `/?sample=${name}`),
  ...Object.keys(overviewSamples).map((name) => `/cask/?sample=${name}`),
  ...Object.keys(lookupSamples).map((name) => `/cask/lookup/?sample=${name}`),
  ...Object.keys(uploadSamples).map((name) => `/cask/upload/?sample=${name}`),
  ...Object.keys(logSamples).map((name) => `/cask/log/?sample=${name}`),
  ...Object.keys(joinSamples).map((name) => `/cask/join/?sample=${name}`),
  ...Object.keys(hakmesOverviewSamples).map((name) => `/hakmes/?sample=${name}`),
  ...Object.keys(hakmesFileSamples).map((name) => `/hakmes/show/x/?sample=${name}`),
  ...Object.keys(lightTableSamples).map((name) => `/reticulum/?sample=${name}`),
  ...Object.keys(imageSamples).map((name) => `/reticulum/show/x/?sample=${name}`),
  ...Object.keys(copiesSamples).map((name) => `/reticulum/image/x/debug/a.jpg?sample=${name}`),
  ...Object.keys(reticulumStateSamples).map((name) => `/reticulum/state/?sample=${name}`),
  ...Object.keys(chimneySamples).map((name) => `/chimney/?sample=${name}`),
  ...Object.keys(checkSamples).map((name) => `/chimney/check/x/?sample=${name}`),
  ...Object.keys(mountwatchSamples).map((name) => `/mountwatch/?sample=${name}`),
  ...Object.keys(houstonListSamples).map((name) => `/houston/?sample=${name}`),
  ...Object.keys(houstonEditSamples).map((name) => `/houston/d/web/edit/?sample=${name}`),
  ...Object.keys(mediacheckSamples).map((name) => `/mediacheck/?sample=${name}`),
  ...Object.keys(mediacheckSiteSamples).map((name) => `/mediacheck/site/x/?sample=${name}`),
  ...Object.keys(mediacheckRunSamples).map((name) => `/mediacheck/run/1/?sample=${name}`),
  ...Object.keys(cbpSamples).map((name) => `/cbp/?sample=${name}`),
  ...Object.keys(windsockSamples).map((name) => `/windsock/?sample=${name}`),
  ...Object.keys(tapSamples).map((name) => `/windsock/tap?sample=${name}`),
  ...Object.keys(chatSamples).map((name) => `/windsock/chat/lobby?sample=${name}`),
  ...Object.keys(statsdSamples).map((name) => `/statsd/?sample=${name}`),
  ...houndPaths,
  "/kit?sample=trouble",
  "/sign-in",
  "/sign-in?failed",
  "/problem",
  "/problem-inside",
  "/nowhere",
];

function sampleOf<View>(samples: Record<string, View>, name: string): View {
  const view = samples[name] ?? Object.values(samples)[0];
  if (view === undefined) throw new Fault("missing", "storybook/sample", `Cannot show "${name}": no such sample`);
  return view;
}

function problemOf(path: string): unknown {
  if (path === "/problem-inside") return new Error("a secret detail");
  return new Fault("limited", "cask/too-many", 'Cannot store "photo.jpg": 64 uploads are under way, wanted fewer', {
    retryAfterMs: 4000,
  });
}

/** Starts it on 127.0.0.1; port 0 picks a free one. */
export function startStorybook(port = 0): Storybook {
  // The samples' instant stands still; timers run.
  const clock: Clock = { ...systemClock, now: () => sampleNow };
  const events = createEvents(clock);
  const uploads: Storybook["uploads"] = [];
  const shells = new Map<string, PageShell>();
  const shellOf = (view: NodeView) => {
    const known = shells.get(view.name);
    if (known) return known;
    const shell = createShell({
      navigation: view.name === "heron" ? navigation.slice(0, 2) : navigation,
      version: view.version,
      nodeName: view.name,
      clock,
    });
    shell.register([
      caskStyleAsset,
      hakmesStyleAsset,
      reticulumStyleAsset,
      chimneyStyleAsset,
      cbpStyleAsset,
      windsockStyleAsset,
      mediacheckStyleAsset,
      houstonStyleAsset,
      uploadStyleAsset,
      uploadScriptAsset,
    ]);
    shells.set(view.name, shell);
    return shell;
  };

  const receive = async (request: Request): Promise<UploadView["outcome"]> => {
    const file = (await request.formData()).get("file");
    if (!(file instanceof File)) return { kind: "failed", reason: "Cannot store: the form has no file" };
    if (file.name.includes("refused"))
      return { kind: "failed", reason: `Cannot store "${file.name}": the disk is full` };
    uploads.push({ name: file.name, sizeBytes: file.size });
    const digest = new Bun.CryptoHasher("sha256").update(await file.arrayBuffer()).digest("hex");
    return { kind: "stored", key: `sha256:${digest}`, sizeBytes: file.size, made: 2, wanted: 3 };
  };

  const upload = async (request: Request): Promise<UploadView["outcome"] | Response> => {
    const outcome = await receive(request);
    if (outcome === undefined || request.headers.get("Accept") !== "application/json") return outcome;
    return outcome.kind === "stored"
      ? Response.json({ key: outcome.key, success: true, copies: outcome.made, wanted: outcome.wanted })
      : Response.json({ title: "Not available now", detail: outcome.reason }, { status: 503 });
  };

  const live = (request: Request, render: () => Record<string, Html>) =>
    liveParts(request.signal, { clock, render, failed: console.error });

  const caskPage = async (request: Request, url: URL, sample: string, shell: PageShell): Promise<Response> => {
    const page = (name: Parameters<typeof caskTabs>[1], title: string, body: Html, livePath?: string) =>
      shell.page(
        {
          title,
          service: "cask",
          body,
          tabs: caskTabs(mountPath, name),
          assets: name === "upload" ? [caskStyleAsset, uploadStyleAsset, uploadScriptAsset] : [caskStyleAsset],
          ...(livePath === undefined ? {} : { live: `${mountPath}${livePath}` }),
        },
        request,
      );
    const path = url.pathname.slice(mountPath.length);
    if (path === caskPaths.lookup)
      return page("lookup", "Look up", Lookup(sampleOf(lookupSamples, url.searchParams.has("key") ? "found" : sample)));
    if (path === caskPaths.join)
      return page("join", "Join", Join(sampleOf(joinSamples, request.method === "POST" ? "joined" : sample)));
    if (path === caskPaths.log) return page("log", "Log", Log(sampleOf(logSamples, sample)), caskPaths.logLive);
    if (path === caskPaths.logLive) return live(request, () => logParts(sampleOf(logSamples, sample)));
    if (path === caskPaths.live) return live(request, () => overviewParts(sampleOf(overviewSamples, sample)));
    if (path === caskPaths.upload) {
      const outcome = request.method === "POST" ? await upload(request) : undefined;
      if (outcome instanceof Response) return outcome;
      const view = sampleOf(uploadSamples, sample);
      return page("upload", "Upload", Upload(outcome === undefined ? view : { ...view, outcome }));
    }
    return page("overview", "Cask", Overview(sampleOf(overviewSamples, sample)), caskPaths.live);
  };

  const hakmesPage = (request: Request, url: URL, sample: string, shell: PageShell): Response => {
    if (url.pathname === "/hakmes/live")
      return live(request, () => stateParts(sampleOf(hakmesOverviewSamples, sample).state));
    const isFile = url.pathname.startsWith("/hakmes/show/");
    const body = isFile
      ? HakmesFile(sampleOf(hakmesFileSamples, sample))
      : HakmesOverview(sampleOf(hakmesOverviewSamples, sample));
    const assets = [hakmesStyleAsset, uploadStyleAsset, uploadScriptAsset];
    return shell.page(
      { title: "Hakmes", service: "hakmes", body, assets, ...(isFile ? {} : { live: "/hakmes/live" }) },
      request,
    );
  };

  const reticulumPage = (request: Request, url: URL, sample: string, shell: PageShell): Response => {
    const table = () => sampleOf(lightTableSamples, sample);
    const state = () => sampleOf(reticulumStateSamples, sample);
    const path = url.pathname.slice("/reticulum".length);
    if (path === "/live") return live(request, () => tableParts(table()));
    if (path === "/state/live") return live(request, () => reticulumParts(state()));
    const assets = [reticulumStyleAsset, uploadStyleAsset, uploadScriptAsset];
    const page = (body: Html, current?: "table" | "state", livePath?: string) =>
      shell.page(
        {
          title: "Reticulum",
          service: "reticulum",
          body,
          assets,
          tabs: reticulumTabs("/reticulum", current),
          ...(livePath === undefined ? {} : { live: `/reticulum${livePath}` }),
        },
        request,
      );
    if (path.startsWith("/show/")) return page(Image(sampleOf(imageSamples, sample)));
    if (path.startsWith("/image/")) return page(Copies(sampleOf(copiesSamples, sample)));
    if (path === "/state/") return page(State(state()), "state", "/state/live");
    return page(LightTable(table()), "table", "/live");
  };

  const chimneyPage = (request: Request, url: URL, sample: string, shell: PageShell): Response => {
    const isCheck = url.pathname.startsWith("/chimney/check/");
    const parts = () =>
      isCheck ? checkParts(sampleOf(checkSamples, sample)) : chimneyParts(sampleOf(chimneySamples, sample));
    if (url.pathname.endsWith("/live")) return live(request, parts);
    const body = isCheck
      ? CheckPage(sampleOf(checkSamples, sample))
      : ChimneyOverview(sampleOf(chimneySamples, sample));
    const livePath = isCheck ? "/chimney/check/x/live" : "/chimney/live";
    return shell.page(
      { title: "Chimney", service: "chimney", body, assets: [chimneyStyleAsset], live: livePath },
      request,
    );
  };

  const statsdPage = (request: Request, url: URL, sample: string, shell: PageShell): Response => {
    const view = () => sampleOf(statsdSamples, sample);
    if (url.pathname === "/statsd/live") return live(request, () => statsdParts(view()));
    return shell.page(
      { title: "statsd", service: "statsd", body: StatsdOverview(view()), live: "/statsd/live" },
      request,
    );
  };

  const cbpPage = (request: Request, url: URL, sample: string, shell: PageShell): Response => {
    const view = () => sampleOf(cbpSamples, sample);
    if (url.pathname === "/cbp/live") return live(request, () => cbpParts(view()));
    const about = { title: "cbp", service: "cbp", assets: [cbpStyleAsset] };
    return shell.page({ ...about, body: CbpOverview(view()), live: "/cbp/live" }, request);
  };

  const mediacheckPage = (request: Request, url: URL, sample: string, shell: PageShell): Response => {
    const path = url.pathname.slice("/mediacheck".length).replace(/live$/, "");
    const [parts, body] = path.startsWith("/site/")
      ? [() => siteParts(sampleOf(mediacheckSiteSamples, sample)), SitePage(sampleOf(mediacheckSiteSamples, sample))]
      : path.startsWith("/run/")
        ? [() => runParts(sampleOf(mediacheckRunSamples, sample)), RunPage(sampleOf(mediacheckRunSamples, sample))]
        : [
            () => mediacheckParts(sampleOf(mediacheckSamples, sample)),
            MediacheckOverview(sampleOf(mediacheckSamples, sample)),
          ];
    if (url.pathname.endsWith("/live")) return live(request, parts);
    const about = { title: "Mediacheck", service: "mediacheck", assets: [mediacheckStyleAsset] };
    return shell.page({ ...about, body, live: `/mediacheck${path}live` }, request);
  };

  const mountwatchPage = (request: Request, url: URL, sample: string, shell: PageShell): Response => {
    const view = () => sampleOf(mountwatchSamples, sample);
    if (url.pathname === "/mountwatch/live") return live(request, () => mountwatchParts(view()));
    const about = { title: "Mountwatch", service: "mountwatch" };
    return shell.page({ ...about, body: MountwatchOverview(view()), live: "/mountwatch/live" }, request);
  };

  const houndPage = async (request: Request, url: URL, sample: string, shell: PageShell): Promise<Response> => {
    const path = url.pathname.slice("/hound".length);
    if (path.endsWith(".svg")) {
      return new Response(await houndPicture(path), { headers: { "Content-Type": "image/svg+xml" } });
    }
    if (path.endsWith("/live")) return live(request, () => houndSample(path, sample).parts);
    const { assets, body, live: livePath, tabs } = houndSample(path, sample);
    const about = { title: "Hound", service: "hound", body, assets, tabs };
    return shell.page(livePath === undefined ? about : { ...about, live: livePath }, request);
  };

  const answer = (request: Request, keepOpen: () => void): Response | Promise<Response> => {
    const url = new URL(request.url);
    // Streams and assets of a page belong to the sample that the page shows.
    const asked = request.headers.get("Referer");
    const sample =
      url.searchParams.get("sample") ?? (asked === null ? null : new URL(asked).searchParams.get("sample")) ?? "well";
    const view = { ...sampleOf(consoleSamples, sample) };
    view.events = [...view.events, ...events.recent()];
    const shell = shellOf(view);
    const found = shell.asset(request);
    if (found) return found;
    if (url.pathname.startsWith("/problem"))
      return shell.problem(problemOf(url.pathname), request, { requestId: "sample-1" });
    if (url.pathname === "/kit") return shell.page({ title: "Kit", service: "", body: KitSamples() }, request);
    if (url.pathname === "/sign-in") {
      const failure = "That token is not known here. Look for a missing character.";
      return shell.signIn({ to: "/", ...(url.searchParams.has("failed") ? { failure } : {}) }, request);
    }
    if (url.pathname.startsWith(`${mountPath}/`)) {
      keepOpen();
      return caskPage(request, url, sample, shell);
    }
    if (url.pathname.startsWith("/hakmes/")) {
      keepOpen();
      return hakmesPage(request, url, sample, shell);
    }
    if (url.pathname.startsWith("/reticulum/")) {
      keepOpen();
      return reticulumPage(request, url, sample, shell);
    }
    if (url.pathname.startsWith("/chimney/")) {
      keepOpen();
      return chimneyPage(request, url, sample, shell);
    }
    if (url.pathname.startsWith("/statsd/")) {
      keepOpen();
      return statsdPage(request, url, sample, shell);
    }
    if (url.pathname.startsWith("/cbp/")) {
      keepOpen();
      return cbpPage(request, url, sample, shell);
    }
    if (url.pathname.startsWith("/mediacheck/")) {
      keepOpen();
      return mediacheckPage(request, url, sample, shell);
    }
    if (url.pathname.startsWith("/houston/")) {
      const body = url.pathname.includes("/edit/")
        ? HoustonEdit(sampleOf(houstonEditSamples, sample))
        : HoustonList(sampleOf(houstonListSamples, sample));
      return shell.page({ title: "Houston", service: "houston", assets: [houstonStyleAsset], body }, request);
    }
    if (url.pathname.startsWith("/windsock/")) {
      const [body, tab] = url.pathname.includes("/tap")
        ? [WindsockTap(sampleOf(tapSamples, sample)), "tap" as const]
        : url.pathname.includes("/chat")
          ? [WindsockChat(sampleOf(chatSamples, sample)), "chat" as const]
          : [WindsockOverview(sampleOf(windsockSamples, sample)), "overview" as const];
      const tabs = windsockTabs("/windsock", tab);
      return shell.page({ title: "Windsock", service: "windsock", assets: [windsockStyleAsset], tabs, body }, request);
    }
    if (url.pathname.startsWith("/mountwatch/")) {
      keepOpen();
      return mountwatchPage(request, url, sample, shell);
    }
    if (url.pathname.startsWith("/hound/")) {
      keepOpen();
      return houndPage(request, url, sample, shell);
    }
    const current = () => ({ ...view, events: [...sampleOf(consoleSamples, sample).events, ...events.recent()] });
    return createConsole({ view: current, events, shell, clock, log: silentLog }).handle(request, {
      keepOpen() {
        keepOpen();
        return request.signal;
      },
    });
  };

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    maxRequestBodySize: 1 << 30,
    fetch: (request, server) => answer(request, () => server.timeout(request, 0)),
  });
  return {
    url: `http://127.0.0.1:${server.port ?? 0}`,
    paths,
    uploads,
    say: (sentence) => events.add("cask", "good", sentence),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

if (import.meta.main) console.log(startStorybook(Number(process.argv[2] ?? 4190)).url);
