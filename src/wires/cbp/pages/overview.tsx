/** @jsxImportSource hono/jsx */
/**
 * The page of cbp: one sentence about all proxies, what each carries, how each upstream fares and what its breaker did
 * lately. Who may, can force a breaker or drain a proxy here, without script too.
 */
import { Age, Headline, Live, Mark, Section, Sparkline, Table, type Tone } from "../../../kit/pages/components.tsx";
import type { Html } from "../../../kit/pages/html.ts";
import { countOf, formatCount, formatSize, formatSpan } from "../../../kit/pages/quantity.ts";
import type { BreakerState, Transition } from "../breaker.ts";
import type { Percentiles, ProxyStatus, UpstreamStatus } from "../status.ts";

/** A proxy with its course over the last minute, per second, oldest first. */
export interface ProxyView extends ProxyStatus {
  acceptedRates: readonly number[];
  refusedRates: readonly number[];
  upRates: readonly number[];
  downRates: readonly number[];
}

/** What the page shows. */
export interface OverviewView {
  mountPath: string;
  now: number;
  /** Whether whoever looks may change something. */
  mayWrite: boolean;
  proxies: readonly ProxyView[];
}

const marks: Record<BreakerState, { tone: Tone; word: string }> = {
  closed: { tone: "good", word: "closed" },
  "half-open": { tone: "warn", word: "half-open" },
  open: { tone: "bad", word: "open" },
  "forced-open": { tone: "bad", word: "held open" },
  "forced-closed": { tone: "warn", word: "held closed" },
  disabled: { tone: "idle", word: "disabled" },
};

type Row = UpstreamStatus & { proxy: string };
type Change = Transition & { proxy: string; upstream: string };

const changesShown = 30;

function verdictOf(proxies: readonly ProxyView[]): { tone: Tone; sentence: string } {
  if (proxies.length === 0) return { tone: "idle", sentence: "No proxy is configured." };
  const deaf = proxies.filter(({ failure }) => failure !== "");
  if (deaf.length > 0) return { tone: "bad", sentence: `${deaf[0]?.failure}.` };
  const upstreams = proxies.flatMap((proxy) => proxy.upstreams);
  const open = upstreams.filter(({ state }) => state === "open" || state === "half-open" || state === "forced-open");
  const dark = proxies.filter((proxy) => proxy.upstreams.every((upstream) => open.includes(upstream)));
  if (dark.length > 0)
    return {
      tone: "bad",
      sentence: `Nothing passes ${dark.map(({ name }) => name).join(", ")}: its breakers are open.`,
    };
  if (open.length > 0)
    return {
      tone: "warn",
      sentence: `${open.length} of ${countOf(upstreams.length, "upstream")} not tried: ${open.map(({ name }) => name).join(", ")}.`,
    };
  const connections = proxies.reduce((sum, proxy) => sum + proxy.connections, 0);
  return {
    tone: "good",
    sentence: `All breakers let through; ${countOf(connections, "connection")} ${connections === 1 ? "is" : "are"} open.`,
  };
}

/** A name of any length in a column that must not grow. */
function Short({ text }: { text: string }) {
  return <span title={text}>{text.length > 24 ? `${text.slice(0, 23)}…` : text}</span>;
}

/** The name of an upstream, mostly an address, which wraps between its parts. */
function Place({ name }: { name: string }) {
  const parts = name.split(/(?<=\.)|(?=:\d+$)/);
  const isWhole = parts.every(({ length }) => length <= 24);
  return (
    <span class={isWhole ? "cbp-place" : undefined}>
      {parts.map((part) => (
        <>
          {part}
          <wbr />
        </>
      ))}
    </span>
  );
}

function perSecond(rates: readonly number[], word: (value: number) => string): string {
  return `${word(Math.round(rates.at(-1) ?? 0))}/s`;
}

function Proxies({ view }: { view: OverviewView }) {
  return (
    <Table<ProxyView>
      caption="Proxies"
      rows={view.proxies}
      empty={
        <>
          Say in <code>warren.toml</code> what is to be guarded, as <code>[[cbp.proxies]]</code> with a{" "}
          <code>name</code>, <code>listen</code> and <code>upstreams</code>.
        </>
      }
      columns={[
        { title: "Proxy", kind: "main", cell: ({ name }) => name },
        {
          title: "State",
          kind: "state",
          cell: ({ failure, isDraining }) => {
            if (failure !== "") return <Mark tone="bad" word="deaf" note={failure} />;
            return isDraining ? <Mark tone="warn" word="draining" /> : <Mark tone="good" word="listens" />;
          },
        },
        { title: "On", kind: "time", cell: ({ listen }) => listen },
        {
          title: "Open",
          kind: "number",
          cell: ({ connections, queued }) =>
            queued > 0 ? `${formatCount(connections)} and ${formatCount(queued)} waiting` : formatCount(connections),
        },
        {
          title: "New",
          cell: ({ acceptedRates }) => (
            <Sparkline
              label="new connections a second"
              values={acceptedRates}
              words={<span class="cbp-rate">{perSecond(acceptedRates, formatCount)}</span>}
            />
          ),
        },
        {
          title: "Bytes",
          kind: "time",
          cell: ({ downRates, upRates }) => (
            <>
              {perSecond(upRates, formatSize)} up
              <br />
              {perSecond(downRates, formatSize)} down
            </>
          ),
        },
        {
          title: "Refused",
          kind: "time",
          cell: ({ refused, refusedRates }) =>
            refused === 0 ? undefined : (
              <>
                {formatCount(refused)}
                <br />
                {perSecond(refusedRates, formatCount)}
              </>
            ),
        },
      ]}
    />
  );
}

function times(percentiles: Percentiles | null): Html {
  if (percentiles === null) return undefined;
  const word = (ms: number) => (ms < 100 ? `${ms} ms` : formatSpan(ms));
  const [p50, , p99] = percentiles;
  return `${word(p50)}, ${word(p99)}`;
}

function seen(row: Row): Html {
  const parts: string[] = [];
  const samples = row.successes + row.failures;
  if (samples > 0) parts.push(`${row.failures} of ${samples} failed lately`);
  if (row.state === "open") parts.push(`tried again in ${formatSpan(row.retryInMs)}`);
  if (row.state === "closed" && row.admitted < 1) parts.push(`${Math.round(row.admitted * 100)} % let through`);
  if (row.failed > 0) parts.push(`${formatCount(row.failed)} failed since the start`);
  if (row.trips > 0) parts.push(`tripped ${row.trips === 1 ? "once" : `${formatCount(row.trips)} times`}`);
  if (row.isEjected) parts.push("put aside");
  if (row.isFallback) parts.push("fallback");
  if (row.check && row.check.failure !== "") parts.push(`check: ${row.check.failure}`);
  if (row.addresses.length === 0) parts.push(`no address: ${row.lookupFailure}`);
  return parts.join("; ");
}

function Upstreams({ view }: { view: OverviewView }) {
  const rows: Row[] = view.proxies.flatMap((proxy) =>
    proxy.upstreams.map((upstream) => ({ ...upstream, proxy: proxy.name })),
  );
  return (
    <Table<Row>
      caption="Upstreams"
      rows={rows}
      empty="There is none."
      toneOf={({ state }) => (state === "open" || state === "forced-open" ? "bad" : undefined)}
      columns={[
        { title: "Upstream", kind: "main", cell: ({ name }) => <Place name={name} /> },
        ...(view.proxies.length > 1
          ? [{ title: "Of", kind: "time" as const, cell: ({ proxy }: Row) => <Short text={proxy} /> }]
          : []),
        { title: "Breaker", kind: "state", cell: ({ state }) => <Mark {...marks[state]} /> },
        { title: "Open", kind: "number", cell: ({ active }) => formatCount(active) },
        { title: "Dials", kind: "number", cell: ({ dials }) => formatCount(dials) },
        { title: "Connects", kind: "time", cell: ({ connectMs }) => times(connectMs) },
        { title: "First byte", kind: "time", cell: ({ firstByteMs }) => times(firstByteMs) },
        { title: "What is seen", kind: "wide", cell: seen },
      ]}
    />
  );
}

function Changes({ view }: { view: OverviewView }) {
  const changes: Change[] = view.proxies
    .flatMap((proxy) =>
      proxy.upstreams.flatMap((upstream) =>
        upstream.history.map((change) => ({ ...change, proxy: proxy.name, upstream: upstream.name })),
      ),
    )
    .toSorted((one, other) => other.at - one.at)
    .slice(0, changesShown);
  return (
    <Table<Change>
      caption="Changes of state"
      rows={changes}
      empty="No breaker has moved since the start."
      columns={[
        { title: "When", kind: "time", cell: ({ at }) => <Age at={at} now={view.now} /> },
        { title: "Upstream", kind: "main", cell: ({ upstream }) => <Place name={upstream} /> },
        { title: "To", kind: "state", cell: ({ to }) => <Mark {...marks[to]} /> },
        { title: "Why", kind: "wide", cell: ({ reason }) => reason },
      ]}
    />
  );
}

/** Forms that do not change while the page is looked at. */
function Operate({ view }: { view: OverviewView }) {
  if (!view.mayWrite || view.proxies.length === 0) return null;
  return (
    <Section title="Operate" note="Auto gives a breaker back to its rules, closed and with nothing remembered.">
      {view.proxies.map((proxy) => {
        const path = `${view.mountPath}/proxy/${encodeURIComponent(proxy.name)}`;
        const id = `upstream-${proxy.name}`;
        return (
          <div class="cbp-operate">
            <form method="post" action={`${path}/force`}>
              <label for={id}>{proxy.name}</label>
              <select id={id} name="upstream">
                <option value="">all upstreams</option>
                {proxy.upstreams.map(({ name }) => (
                  <option value={name}>{name}</option>
                ))}
              </select>
              <select name="mode" aria-label={`What the breakers of ${proxy.name} shall do`}>
                <option value="auto">auto</option>
                <option value="open">hold open</option>
                <option value="closed">hold closed</option>
                <option value="disabled">disable</option>
              </select>
              <button type="submit">Set</button>
            </form>
            <form method="post" action={`${path}/${proxy.isDraining ? "listen" : "drain"}`}>
              <button type="submit">{proxy.isDraining ? "Take connections again" : "Take no more connections"}</button>
            </form>
          </div>
        );
      })}
    </Section>
  );
}

/** The page's live parts, by name. */
export function overviewParts(view: OverviewView): Record<string, Html> {
  const verdict = verdictOf(view.proxies);
  return {
    verdict: <Headline title="cbp" tone={verdict.tone} sentence={verdict.sentence} />,
    proxies: <Proxies view={view} />,
    upstreams: <Upstreams view={view} />,
    changes: <Changes view={view} />,
  };
}

/** The page. */
export function Overview(view: OverviewView) {
  const parts = overviewParts(view);
  return (
    <>
      <Live name="verdict">{parts["verdict"]}</Live>
      <Section
        title="Proxies"
        note={
          <>
            {"Rates are those of the last minute. For programs: "}
            <a href={`${view.mountPath}/status.json`}>status.json</a>
          </>
        }
      >
        <Live name="proxies">{parts["proxies"]}</Live>
      </Section>
      <Section title="Upstreams" note="Times are those within which half and 99 of a hundred came, lately.">
        <Live name="upstreams">{parts["upstreams"]}</Live>
      </Section>
      <Section title="Changes of state" note="The newest first.">
        <Live name="changes">{parts["changes"]}</Live>
      </Section>
      <Operate view={view} />
    </>
  );
}
