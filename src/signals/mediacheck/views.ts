/** From runs to what the pages show, and from a request for a page to the page. Pure reading. */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { decodedPart } from "../../kit/http/target.ts";
import type { Logger } from "../../kit/log.ts";
import type { Html } from "../../kit/pages/html.ts";
import { liveParts } from "../../kit/pages/live.ts";
import type { PageShell } from "../../kit/pages/shell.ts";
import type { Caller } from "../../kit/service.ts";
import { noSuchRun } from "./http.ts";
import { mediacheckStyleAsset } from "./pages/assets.ts";
import { Overview, overviewParts } from "./pages/overview.tsx";
import { RunPage, runParts } from "./pages/run.tsx";
import { SitePage, siteParts } from "./pages/site.tsx";
import type { OverviewView, RunView, SitePageView } from "./pages/view.ts";
import type { KeptRun, RunStore } from "./run-store.ts";
import type { Runner } from "./runner.ts";

/** What the pages stand on. */
export interface ViewParts {
  runner: Runner;
  store: RunStore;
  clock: Clock;
  log: Logger;
  shell: PageShell;
  mountPath: string;
  guard: boolean;
}

/** The pages of Mediacheck. */
export interface MediacheckPages {
  /** The page at a path below the mount, or undefined when there is none. */
  answer(request: Request, caller: Caller, path: string): Response | undefined;
}

const runsShown = 20;
const resourcesShown = 300;

/** Makes the pages. */
export function mediacheckPages(parts: ViewParts): MediacheckPages {
  const { clock, guard, log, mountPath, runner, shell, store } = parts;
  const assets = [mediacheckStyleAsset];
  shell.register(assets);
  const withState = (run: KeptRun) => ({ ...run, isRunning: runner.isRunning(run.id) });

  const overview = (caller: Caller): OverviewView => ({
    mountPath,
    now: clock.now(),
    sites: runner.views(),
    runs: store.newest(runsShown).map(withState),
    mayAsk: caller.may("write"),
    guard,
  });
  const siteView = (name: string, caller: Caller): SitePageView => {
    const view = runner.find(name);
    if (!view)
      throw new Fault("missing", "mediacheck/no-site", `Cannot find "${name.slice(0, 100)}": no site has that name`);
    return {
      mountPath,
      now: clock.now(),
      view,
      troubled: view.last ? store.resources(view.last.id, resourcesShown, true) : [],
      runs: store.newest(runsShown, name).map(withState),
      mayAsk: caller.may("write"),
    };
  };
  const runView = (id: number): RunView => {
    const run = store.find(id);
    if (!run) throw noSuchRun(id);
    return { mountPath, now: clock.now(), run: withState(run), resources: store.resources(id, resourcesShown) };
  };

  const live = (caller: Caller, render: () => Record<string, Html>): Response =>
    liveParts(caller.keepOpen("read"), {
      clock,
      render,
      failed: (thrown) => log.error("A page of Mediacheck could not be drawn", { reason: reasonOf(thrown) }),
    });
  const page = (request: Request, title: string, body: Html, livePath: string): Response =>
    shell.page({ title, service: "mediacheck", body, assets, live: `${mountPath}${livePath}` }, request);

  return {
    answer(request, caller, path) {
      if (path === "/") return page(request, "Mediacheck", Overview(overview(caller)), "/live");
      if (path === "/live") return live(caller, () => overviewParts(overview(caller)));
      const [, site, siteTail] = /^\/site\/([^/]+)\/(live)?$/.exec(path) ?? [];
      if (site !== undefined) {
        const view = () => siteView(decodedPart(site), caller);
        const first = view();
        if (siteTail === "live") return live(caller, () => siteParts(view()));
        return page(request, first.view.site.name, SitePage(first), `/site/${site}/live`);
      }
      const [, id, runTail] = /^\/run\/(\d{1,15})\/(live)?$/.exec(path) ?? [];
      if (id === undefined) return undefined;
      const view = () => runView(Number(id));
      const first = view();
      if (runTail === "live") return live(caller, () => runParts(view()));
      return page(request, `Run ${id}`, RunPage(first), `/run/${id}/live`);
    },
  };
}
