/** @jsxImportSource hono/jsx */
/**
 * The explorer: the tree of metrics, targets with functions on them, the chart, and the addresses to take away. Without
 * script the tree is links and the chart a picture; with it targets complete themselves (explore.browser.js).
 */
import { Headline, Mark, Section } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { ranges } from "./view.ts";

/** A node of the tree. */
export interface TreeNode {
  id: string;
  text: string;
  isLeaf: boolean;
}

/** What the explorer shows. */
export interface ExploreView {
  mountPath: string;
  targets: readonly string[];
  from: string;
  until: string;
  /** The branch whose nodes are shown; empty for the top. */
  path: string;
  nodes: readonly TreeNode[];
  isCut: boolean;
  /** The branch above; empty for the top. */
  above: string;
  /** The branch of a metric's labels, where the source has any. */
  labelsOf(id: string): string | undefined;
  /** Names of functions, for those who have no script. */
  functionNames: readonly string[];
  trouble: string | undefined;
  sourceName: string;
  /** Absolute address of the picture. */
  pictureUrl: string;
  canDraw: boolean;
}

/** The whole body. */
export function Explore(view: ExploreView): Html {
  const { above, from, functionNames, mountPath, nodes, path, targets, trouble, until } = view;
  const here = (words: { path?: string; target?: readonly string[] }) => {
    const query = new URLSearchParams();
    for (const target of words.target ?? targets) query.append("target", target);
    query.set("from", from);
    if (until !== "now") query.set("until", until);
    query.set("path", words.path ?? path);
    return `?${query}`;
  };
  const picture = `${mountPath}/render?${pictureWords(view)}`;
  const spec = { title: "", targets, unit: "none", attrs: { height: "320" }, thresholds: [] };
  return (
    <div data-dashboard={mountPath} data-refresh="0" data-explore={mountPath}>
      <Headline
        title="Explore"
        {...(trouble === undefined ? {} : { tone: "bad" as const })}
        sentence={trouble === undefined ? `Metrics of ${view.sourceName}.` : `${trouble}.`}
      />
      <p class="flash flash-warn dashboard-state" data-dashboard-state role="status" hidden></p>
      <form method="get" class="edit-grid" data-time="-6h">
        <input type="hidden" name="path" value={path} />
        {[...targets, ""].map((target, at) => (
          <label class="edit-broad target-field">
            {at === 0 ? "Target" : "One more target"}
            <input
              name="target"
              value={target}
              data-target
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
            />
          </label>
        ))}
        {functionNames.length === 0 ? null : (
          <label>
            Put a function on the last target
            <input name="wrap" list="functions" autocomplete="off" />
            <datalist id="functions">
              {functionNames.map((name) => (
                <option value={name} />
              ))}
            </datalist>
          </label>
        )}
        <label>
          From
          <input name="from" value={from} list="spans" autocomplete="off" />
          <datalist id="spans">
            {ranges.map(([span]) => (
              <option value={span} />
            ))}
          </datalist>
        </label>
        <label>
          Until
          <input name="until" value={until} autocomplete="off" />
        </label>
        <button type="submit">Draw</button>
      </form>
      {targets.length === 0 ? (
        <p class="empty">Choose a metric below, or write a target.</p>
      ) : (
        <>
          <figure class="chart" data-chart={JSON.stringify(spec)} tabindex={0} aria-label="Chart">
            <div class="chart-place" data-chart-place>
              <noscript>
                <img class="explore-picture" src={picture} alt={targets.join(", ")} />
              </noscript>
            </div>
            <p class="chart-note" data-chart-note></p>
          </figure>
          <Section title="Take away" note="Addresses of what is drawn now.">
            <p class="key-text">
              <a href={here({})}>This page</a>
              {view.canDraw ? (
                <>
                  {" · "}
                  <a href={picture}>Picture (PNG)</a>{" "}
                  <button type="button" class="button-quiet" data-copy={view.pictureUrl} hidden>
                    Copy its address
                  </button>
                  {" · "}
                  <a href={`${mountPath}/render?${pictureWords(view)}&format=json`}>JSON</a>
                </>
              ) : null}
            </p>
          </Section>
        </>
      )}
      <Section
        title="Metrics"
        note={
          <>
            {path === "" ? "All" : <code>{path}</code>}
            {view.isCut ? "; too many to show them all: narrow the filter" : null}
          </>
        }
      >
        <label class="form-line" hidden data-filter>
          <span class="unseen">Filter</span>
          <input type="search" placeholder="Filter" autocomplete="off" autocapitalize="none" />
        </label>
        <ul class="tree" data-tree>
          {path === "" ? null : (
            <li>
              <a href={here({ path: above })}>↑ {above === "" ? "all" : above}</a>
            </li>
          )}
          {nodes.map(({ id, isLeaf, text }) => (
            <li data-node={text}>
              {isLeaf ? (
                <>
                  <a href={here({ target: [...targets, id] })}>
                    <Mark tone="good" word={text} />
                  </a>
                  {view.labelsOf(id) === undefined ? null : (
                    <>
                      {" "}
                      <a href={here({ path: view.labelsOf(id) ?? "" })} aria-label={`Labels of ${text}`}>
                        labels …
                      </a>
                    </>
                  )}
                </>
              ) : (
                <>
                  <a href={here({ path: id })}>{text} …</a>{" "}
                </>
              )}
            </li>
          ))}
          {nodes.length === 0 && trouble === undefined ? <li>Nothing is known here.</li> : null}
        </ul>
      </Section>
    </div>
  );
}

/** The query that draws what the explorer shows. */
export function pictureWords({ from, targets, until }: Pick<ExploreView, "from" | "targets" | "until">): string {
  const query = new URLSearchParams();
  for (const target of targets) query.append("target", target);
  query.set("from", from);
  query.set("until", until);
  query.set("width", "900");
  query.set("height", "350");
  return query.toString();
}
