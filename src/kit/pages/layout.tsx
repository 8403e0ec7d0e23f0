/** @jsxImportSource hono/jsx */
/**
 * The frame round every page: the rail with the node's name and the services, the page's tabs, the footer with the
 * instant the page shows. Works without script; script adds the switch of light and dark and keeps live parts fresh.
 */
import type { Html } from "./html.ts";
import { formatInstant } from "./quantity.ts";

/** One service in the rail. */
export interface NavigationItem {
  /** The service's name, as `PageView.service` gives it. */
  name: string;
  /** What it does, in plain words. */
  summary: string;
  href: string;
  /** The heading it stands under, such as `storage`; items of one group must be neighbours. */
  group?: string;
}

/** A link to another page of the same service. */
export interface Tab {
  title: string;
  href: string;
  current?: boolean;
}

/** Everything the frame needs. */
export interface LayoutView {
  title: string;
  service: string;
  body: Html;
  tabs: readonly Tab[];
  live: string | undefined;
  /** Wall time of rendering, epoch ms. */
  at: number;
  navigation: readonly NavigationItem[];
  nodeName: string;
  version: string;
  icon: string;
  styles: readonly string[];
  headScripts: readonly string[];
  scripts: readonly string[];
}

/** The mark of the program: three burrows that meet. */
function Burrow() {
  return (
    <svg class="burrow" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d="M4 4v5a8 8 0 0 0 8 8M20 4v5a8 8 0 0 1-8 8M12 11v10" />
      <circle cx="4" cy="4" r="2.2" />
      <circle cx="20" cy="4" r="2.2" />
      <circle cx="12" cy="20.5" r="2.2" />
      <circle cx="12" cy="10" r="2.2" />
    </svg>
  );
}

function Rail(view: LayoutView) {
  const groups = [...new Set(view.navigation.map((item) => item.group ?? ""))];
  const list = (
    <>
      {groups.map((group) => (
        <>
          {group === "" ? null : <p class="rail-group">{group}</p>}
          <ul>
            {view.navigation
              .filter((item) => (item.group ?? "") === group)
              .map((item) => (
                <li>
                  <a
                    href={item.href}
                    title={item.summary}
                    aria-current={item.name === view.service ? "page" : undefined}
                  >
                    {item.name}
                  </a>
                </li>
              ))}
          </ul>
        </>
      ))}
    </>
  );
  return (
    <div class="rail">
      <div class="rail-inner">
        <a class="brand" href="/">
          <Burrow />
          <span>Warren</span>
        </a>
        <p class="rail-node" title={`This node: ${view.nodeName}`}>
          {view.nodeName}
        </p>
        <nav class="rail-wide" aria-label="Services">
          {list}
        </nav>
        <details class="rail-narrow">
          <summary>Services</summary>
          <nav aria-label="Services">{list}</nav>
        </details>
      </div>
    </div>
  );
}

/** The whole document. */
export function Layout(view: LayoutView) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${view.title} · ${view.nodeName}`}</title>
        <link rel="icon" href={view.icon} type="image/svg+xml" />
        {view.styles.map((href) => (
          <link rel="stylesheet" href={href} />
        ))}
        {view.headScripts.map((src) => (
          <script src={src}></script>
        ))}
        {view.scripts.map((src) => (
          <script src={src} type="module"></script>
        ))}
      </head>
      <body data-live-source={view.live}>
        <a class="skip" href="#page">
          Skip to the page
        </a>
        <Rail {...view} />
        <div class="sheet">
          {view.tabs.length === 0 ? null : (
            <nav class="tabs" aria-label={`Pages of ${view.service}`}>
              {view.tabs.map((tab) => (
                <a href={tab.href} aria-current={tab.current ? "page" : undefined}>
                  {tab.title}
                </a>
              ))}
            </nav>
          )}
          <main id="page" tabindex={-1}>
            {view.body}
          </main>
          <footer class="foot">
            <span>Warren {view.version}</span>
            <span>
              As of <time data-as-of>{formatInstant(view.at)}</time> UTC
            </span>
            {view.live === undefined ? null : (
              <span class="live-state" data-live-state role="status">
                Not live: reload to see changes
              </span>
            )}
            <fieldset class="theme" data-theme-switch hidden>
              <legend class="unseen">Colours</legend>
              {["auto", "light", "dark"].map((choice) => (
                <button type="button" data-theme-choice={choice} aria-pressed="false">
                  {choice}
                </button>
              ))}
            </fieldset>
          </footer>
        </div>
      </body>
    </html>
  );
}
