/**
 * The look of the program, ready to use: a service gives a title and a body, the shell gives back a whole answer with
 * frame, assets and a policy that lets a page load nothing from another host and run no script but our own files.
 */
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import { type Fault, toFault } from "../fault.ts";
import { pathOf } from "../http/target.ts";
import { type Asset, asset, createAssetShelf } from "./assets.ts";
import baseStyles from "./base.css" with { type: "text" };
import componentStyles from "./components.css" with { type: "text" };
import copyScript from "./copy.browser.js" with { type: "text" };
import type { Html } from "./html.ts";
import { renderHtml } from "./html.ts";
import { Layout, type NavigationItem, type Tab } from "./layout.tsx";
import liveScript from "./live.browser.js" with { type: "text" };
import icon from "./icon.svg" with { type: "text" };
import { ProblemBody, problemTitle } from "./problem.tsx";
import { SignInBody, type SignInView } from "./sign-in.tsx";
import themeScript from "./theme.browser.js" with { type: "text" };
import tokenStyles from "./tokens.css" with { type: "text" };

/** What a service tells about a page. */
export interface PageView {
  /** Names the page in the browser's tab; the body has its own heading. */
  title: string;
  /** Which entry of the navigation is current. */
  service: string;
  body: Html;
  /** @default 200 */
  status?: number;
  /** URL path of the event stream (see live.ts) that keeps the page's Live parts fresh. */
  live?: string;
  /** Other pages of the same service. */
  tabs?: readonly Tab[];
  /** Styles and scripts of this page beyond the shell's. */
  assets?: readonly Asset[];
  headers?: Record<string, string>;
}

/** Makes whole answers from pages. One for the whole program; it keeps no state about callers. */
export interface PageShell {
  /** The page as an answer. */
  page(view: PageView, request: Request): Response;
  /** The page for something that went wrong, with the Fault's status. Its cause and stack are never shown. */
  problem(thrown: unknown, request: Request, options?: { requestId?: string; service?: string }): Response;
  /** The page that asks for a token; its form posts `token` and `to` to `/sign-in`. Status 401, or 403 after a failure. */
  signIn(view: SignInView, request: Request): Response;
  /** Makes assets known, so that they can be asked for before a page was. Services call it when they start. */
  register(assets: readonly Asset[]): void;
  /** The answer to a request below `/assets/`, else undefined. Every listener must ask this first. */
  asset(request: Request): Response | undefined;
}

/** What the shell is made of. */
export interface ShellOptions {
  navigation: readonly NavigationItem[];
  version: string;
  nodeName: string;
  clock?: Clock;
}

/** The policy of every page. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const styleAsset = asset("warren.css", [tokenStyles, baseStyles, componentStyles].join("\n"));
const themeAsset = asset("theme.js", themeScript);
const liveAsset = asset("live.js", liveScript);
const copyAsset = asset("copy.js", copyScript);
const iconAsset = asset("icon.svg", icon);

/** Makes the shell of a node. */
export function createShell(options: ShellOptions): PageShell {
  const clock = options.clock ?? systemClock;
  const shelf = createAssetShelf();
  const paths = {
    style: shelf.put(styleAsset),
    theme: shelf.put(themeAsset),
    live: shelf.put(liveAsset),
    copy: shelf.put(copyAsset),
    icon: shelf.put(iconAsset),
  };

  const page = (view: PageView): Response => {
    const own = (view.assets ?? []).map((item) => shelf.put(item));
    const html = renderHtml(
      Layout({
        title: view.title,
        service: view.service,
        body: view.body,
        tabs: view.tabs ?? [],
        live: view.live,
        at: clock.now(),
        navigation: options.navigation,
        nodeName: options.nodeName,
        version: options.version,
        icon: paths.icon,
        styles: [paths.style, ...own.filter((path) => path.endsWith(".css"))],
        headScripts: [paths.theme],
        scripts: [
          ...(view.live === undefined ? [] : [paths.live]),
          paths.copy,
          ...own.filter((path) => path.endsWith(".js")),
        ],
      }),
    );
    return new Response(`<!doctype html>${html}`, {
      status: view.status ?? 200,
      headers: {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": contentSecurityPolicy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
        ...view.headers,
      },
    });
  };

  return {
    page: (view) => page(view),
    problem(thrown, request, about = {}) {
      const fault: Fault = toFault(thrown);
      return page({
        title: problemTitle(fault),
        service: about.service ?? "",
        status: fault.status,
        body: ProblemBody({ fault, path: pathOf(request.url), requestId: about.requestId }),
        ...(fault.retryAfterMs === undefined
          ? {}
          : { headers: { "Retry-After": String(Math.ceil(fault.retryAfterMs / 1000)) } }),
      });
    },
    signIn: (view) =>
      page({ title: "Sign in", service: "", status: view.failure === undefined ? 401 : 403, body: SignInBody(view) }),
    register(assets) {
      for (const item of assets) shelf.put(item);
    },
    asset: (request) => shelf.answer(request),
  };
}
