/** From the dashboards and the source to what the pages show, and from a request for a page to the page. Only reading. */
import type { Clock } from "../../kit/clock.ts";
import { parseDuration } from "../../kit/config/units.ts";
import { Fault } from "../../kit/fault.ts";
import type { PageShell } from "../../kit/pages/shell.ts";
import type { Caller } from "../../kit/service.ts";
import { functions } from "../../lib/graphite/function-table.ts";
import type { WatchedSource } from "./answers.ts";
import { problemText } from "./dashboard-file.ts";
import { differenceOf } from "./difference.ts";
import type { Drawer } from "./drawer.ts";
import { clashOf, textOf } from "./editing.ts";
import { type Entry, type Library, titleOf } from "./library.ts";
import { dashboardAssets, exploreAssets, houstonAssets, houstonStyleAsset } from "./pages/assets.ts";
import { Dashboard } from "./pages/dashboard.tsx";
import { Edit, EditGraph, EditText, type EditView } from "./pages/edit.tsx";
import { Explore, type ExploreView, pictureWords } from "./pages/explore.tsx";
import { List } from "./pages/list.tsx";
import { statusPage, statusStyleAsset } from "./pages/status.tsx";
import { comparisons } from "./pages/view.ts";
import { rangeOf, zoneOf } from "./range.ts";
import type { Stage, Staged } from "./stage.ts";
import type { StatusBoard } from "./status.ts";
import { branchAbove, labelsOf, patternBelow } from "./tree.ts";
import { wrapped } from "./wrapping.ts";

/** What the pages stand on. */
export interface ViewParts {
  library: Library;
  source: WatchedSource;
  stage: Stage;
  drawer: Drawer;
  status: StatusBoard;
  clock: Clock;
  shell: PageShell;
  mountPath: string;
  baseUrl: string;
  folder: string;
  isStatusPublic: boolean;
}

const nodesMax = 1000;

/** The pages of Houston. */
export class HoustonPages {
  readonly #parts: ViewParts;

  constructor(parts: ViewParts) {
    this.#parts = parts;
    parts.shell.register([...houstonAssets, statusStyleAsset]);
  }

  /** The list of dashboards. */
  list(request: Request, caller: Caller): Response {
    const { folder, isStatusPublic, library, mountPath, source, status } = this.#parts;
    const body = List({
      mountPath,
      dashboards: library.list().map((entry) => ({
        slug: entry.slug,
        title: titleOf(entry),
        note: entry.written?.note,
        graphs: entry.written?.sections.reduce((sum, { graphs }) => sum + graphs.length, 0) ?? 0,
        from: entry.file ?? "this program",
        canChange: entry.canChange,
        problems: entry.problems.map(problemText),
      })),
      troubles: library.troubles,
      sourceName: source.source.name,
      sourceTrouble: source.trouble?.sentence,
      mayWrite: caller.may("write"),
      folder,
      statusPage: status.isThere ? (isStatusPublic ? "public" : "private") : "none",
    });
    return this.#page("Houston", body, request, "/");
  }

  /** What is shown of a dashboard, with what the address chose. */
  stage(entry: Entry, words: URLSearchParams, signal: AbortSignal): Promise<Staged> {
    if (!entry.written) throw unusable(entry);
    return this.#parts.stage.put(entry.written, chosenOf(words), signal);
  }

  /** A dashboard. */
  async dashboard(slug: string, request: Request, caller: Caller): Promise<Response> {
    const { clock, library, mountPath, shell } = this.#parts;
    const entry = library.get(slug);
    const words = new URL(request.url).searchParams;
    const staged = await this.stage(entry, words, request.signal);
    const { written } = entry;
    const ownRange = written?.range ?? "-6h";
    const from = wordOf(words, "from", ownRange);
    const until = wordOf(words, "until", "now");
    const ownZone = written?.tz ?? "UTC";
    const zone = zoneOf(words.get("tz")) ?? ownZone;
    rangeOf(from, until, Math.floor(clock.now() / 1000), zone);
    const compare = Number(words.get("compare") ?? 0);
    const refresh = words.get("refresh");
    const query = new URLSearchParams(
      Object.entries(chosenOf(words)).map(([name, value]): [string, string] => [`var-${name}`, value]),
    );
    if (zone !== ownZone) query.set("tz", zone);
    const body = Dashboard({
      mountPath,
      slug,
      title: titleOf(entry),
      note: written?.note,
      from,
      until,
      ownRange,
      zone,
      ownZone,
      compareSeconds: comparisons.some(([seconds]) => seconds === compare) ? compare : 0,
      refreshSeconds: beatOf(refresh === null ? parseDuration(written?.refresh ?? "30s") / 1000 : Number(refresh)),
      variables: staged.variables,
      sections: staged.sections,
      chosenQuery: query.toString(),
      problems: entry.problems.map(problemText),
      trouble: staged.trouble,
      mayChange: entry.canChange && caller.may("write"),
    });
    return shell.page(
      { title: titleOf(entry), service: "houston", body, assets: dashboardAssets, tabs: this.#tabs("") },
      request,
    );
  }

  /** The page that changes a dashboard, one chart of it, or its text. `failure` is why the last change was not made. */
  edit(
    slug: string,
    kind: { name?: string; text?: true; form?: URLSearchParams },
    request: Request,
    failure?: Fault,
  ): Response {
    const { library, mountPath } = this.#parts;
    const entry = library.get(slug);
    const { etag, file, text, written } = entry;
    if (!entry.canChange || file === undefined)
      throw new Fault(
        "forbidden",
        "houston/fixed",
        `Cannot change "${slug}": it is not one of the folder that can be changed here`,
      );
    const { form } = kind;
    const found = form && failure?.kind === "conflict" ? clashOf(form, { written, text, name: file }) : undefined;
    const clash = found && { etag, fields: found.fields, lines: differenceOf(found.theirs, found.mine) };
    // Somebody else may have removed the chart meanwhile; the refusal says that the dashboard changed.
    const isGone = kind.name !== undefined && failure !== undefined && !Object.hasOwn(written?.graphs ?? {}, kind.name);
    const isAnew = failure?.kind === "conflict" && kind.text !== true && (kind.name === undefined || isGone);
    const shared = {
      mountPath,
      slug,
      file,
      // What was typed still stands on what was seen then, also where it was refused for something else.
      etag: isAnew ? etag : (form?.get("over") ?? form?.get("etag") ?? etag),
      failure: failure?.message,
      hasRemarks: /^\s*#/m.test(text) && file.endsWith(".toml"),
      ...(clash ? { clash } : {}),
    };
    const status = failure?.status ?? 200;
    if (kind.text) {
      const problems = form ? [] : entry.problems.map(problemText);
      const body = EditText({ ...shared, title: titleOf(entry), text: form ? textOf(form) : text, problems });
      return this.#page(titleOf(entry), body, request, "", status);
    }
    if (!written || entry.problems.length > 0) throw unusable(entry);
    const view: EditView = { ...shared, written, ...(form === undefined ? {} : { draft: form }) };
    if (kind.name === undefined || isGone) return this.#page(titleOf(entry), Edit(view), request, "", status);
    if (!Object.hasOwn(written.graphs, kind.name))
      throw new Fault(
        "missing",
        "houston/no-such-graph",
        `Cannot find graph "${kind.name.slice(0, 100)}": the dashboard has none of that name`,
      );
    return this.#page(titleOf(entry), EditGraph({ ...view, name: kind.name }), request, "", status);
  }

  /** The explorer. */
  async explore(request: Request): Promise<Response> {
    const { baseUrl, clock, drawer, mountPath, shell, source } = this.#parts;
    const words = new URL(request.url).searchParams;
    const written = words
      .getAll("target")
      .filter((target) => target.trim() !== "")
      .slice(0, 20);
    const { language } = source.source;
    const targets = language === "graphite" ? wrapped(written, words.get("wrap") ?? "") : written;
    const path = (words.get("path") ?? "").slice(0, 1000);
    const from = wordOf(words, "from", "-6h");
    const until = wordOf(words, "until", "now");
    rangeOf(from, until, Math.floor(clock.now() / 1000));
    let nodes: ExploreView["nodes"] = [];
    let trouble: string | undefined;
    try {
      nodes = await source.find(patternBelow(path, language), request.signal);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      trouble = thrown.message;
    }
    const view: ExploreView = {
      mountPath,
      targets,
      from,
      until,
      path,
      nodes: nodes.slice(0, nodesMax),
      isCut: nodes.length > nodesMax,
      above: branchAbove(path, language),
      labelsOf: (id) => labelsOf(id, language),
      // They are Graphite's.
      functionNames: language === "graphite" ? [...functions.keys()] : [],
      trouble,
      sourceName: source.source.name,
      pictureUrl: `${baseUrl}/render?${pictureWords({ from, targets, until })}`,
      canDraw: drawer.canDraw,
    };
    return shell.page(
      {
        title: "Explore",
        service: "houston",
        body: Explore(view),
        assets: exploreAssets,
        tabs: this.#tabs("/explore/"),
      },
      request,
    );
  }

  /** The status page. */
  async statusPage(): Promise<Response> {
    return statusPage(await this.#parts.status.view());
  }

  #page(title: string, body: ReturnType<typeof List>, request: Request, tab: string, status = 200): Response {
    return this.#parts.shell.page(
      { title, service: "houston", body, assets: [houstonStyleAsset], tabs: this.#tabs(tab), status },
      request,
    );
  }

  #tabs(current: string) {
    const { mountPath, status } = this.#parts;
    return [
      { title: "Dashboards", href: `${mountPath}/`, current: current === "/" },
      { title: "Explore", href: `${mountPath}/explore/`, current: current === "/explore/" },
      ...(status.isThere ? [{ title: "Status", href: `${mountPath}/status` }] : []),
    ];
  }
}

/** A beat that a browser can keep: nothing, or from a second to a day. */
function beatOf(seconds: number): number {
  return seconds > 0 ? Math.min(86_400, Math.max(1, Math.round(seconds))) : 0;
}

/** Values of variables that an address chose. */
function chosenOf(words: URLSearchParams): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (const [name, value] of words) {
    if (name.startsWith("var-") && value !== "") chosen[name.slice(4)] = value.slice(0, 200);
  }
  return chosen;
}

function wordOf(words: URLSearchParams, name: string, fallback: string): string {
  const value = words.get(name)?.trim().slice(0, 100) ?? "";
  return value === "" ? fallback : value;
}

function unusable(entry: Entry): Fault {
  const problems = entry.problems.map(problemText).join("; ");
  return new Fault("unavailable", "houston/file", `Cannot use "${entry.slug}" as its file stands: ${problems}`);
}
