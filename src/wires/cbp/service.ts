/**
 * cbp as a service of the node: makes proxies of what is configured, tells of what happens to them, and serves their
 * state. Wiring only; every decision is made elsewhere.
 */
import { lookup } from "node:dns/promises";

import { openTargets } from "../../kit/carbon/targets.ts";
import { formatAddress } from "../../kit/config/address.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Finding, RunningService, Service, ServiceContext } from "../../kit/service.ts";
import { SeriesClient } from "../../signals/series/client.ts";
import { AccessLog } from "./access-log.ts";
import type { Transition } from "./breaker.ts";
import { networkCheck } from "./checks.ts";
import { cbpCommands } from "./commands.ts";
import { type CbpOptions, cbpSection, defaultsOf, plansOf } from "./config.ts";
import { cbpFindings } from "./findings.ts";
import { Guard } from "./guard.ts";
import { cbpRoutes } from "./http.ts";
import { cbpMetrics } from "./metrics.ts";
import { turnFlags } from "./original-flags.ts";
import { pointsOf } from "./points.ts";
import { Proxy } from "./proxy.ts";
import { proxyStatus } from "./status.ts";
import { type EventSender, openEventSender } from "./statsd.ts";
import { type RunningToxicApi, serveToxics } from "./toxics/api.ts";
import { Yard } from "./toxics/yard.ts";

/** cbp. */
export const cbp: Service<CbpOptions> = {
  name: "cbp",
  config: cbpSection,
  start,
  originalFlags: (words) => turnFlags(words, { isFree }),
  commands: cbpCommands,
};

const pointsEveryMs = 10_000;

async function start(context: ServiceContext<CbpOptions>): Promise<RunningService> {
  const { alone, clock, events, log, metrics, mountPath, options, random } = context;
  const plans = plansOf(options, alone);
  const accessLog = options.accessLog === undefined ? undefined : new AccessLog(options.accessLog, clock);
  const sender = eventSender(context);
  const isOne = plans.length === 1;
  const happens = plans.length > 0;
  const tellSeries = (what: string, tags: readonly string[]) => {
    const way = context.reach("series");
    if (!way) return;
    new SeriesClient(way)
      .postEvent({ what, tags, when: Math.floor(clock.now() / 1000) })
      .catch((thrown: unknown) => log.debug("An event was not taken by the store", { reason: reasonOf(thrown) }));
  };

  const failed = (thrown: unknown) => log.error("A connection could not be handled", { reason: reasonOf(thrown) });
  let yard: Yard | undefined;
  const guard = new Guard({
    plans,
    clock,
    random,
    lookup: lookUp,
    check: networkCheck(clock),
    happened: ({ plan }, _upstream, event, openMs) => sender?.send(event, openMs, isOne ? undefined : plan.name),
    changed({ plan }, upstream, transition) {
      const what = `${plan.name} to ${upstream.plan.name}: ${sentenceOf(transition)}`;
      events.add("cbp", levelOf(transition), what);
      tellSeries(what, ["cbp", plan.name, transition.to]);
    },
    ejected({ plan }, upstream) {
      events.add("cbp", "warn", `${plan.name}: ${upstream.plan.name} is put aside, as it fails and others do not`);
    },
    failed,
    log,
    ...(options.toxics ? { prepare: (proxy, connection) => yard?.prepare(proxy, connection) } : {}),
    ...(accessLog || options.verbose
      ? {
          ended(proxy, connection) {
            accessLog?.add(proxy.plan.name, connection);
            if (!options.verbose || connection.ending === "done") return;
            log.info("A connection ended before its time", {
              proxy: proxy.plan.name,
              client: connection.address,
              upstream: connection.upstream?.plan.name,
              ending: connection.ending,
            });
          },
        }
      : {}),
  });
  let toxicApi: RunningToxicApi | undefined;
  const statuses = () => guard.all.map((guarded) => proxyStatus(guarded, clock));
  try {
    await guard.start({ isStrict: alone, mustResolve: options.mustResolve });
    if (options.toxics) {
      yard = openYard(context, guard, failed);
      const wanted = (sentence: string) => events.add("cbp", "info", sentence);
      toxicApi = serveToxics(options.toxicsListen, { yard, log, wanted });
    }
  } catch (thrown) {
    await guard.stop(0);
    sender?.close();
    throw thrown;
  }
  cbpMetrics(metrics, guard, clock);

  const sink = happens ? openTargets(context, { store: "series", graphite: options.graphite }) : undefined;
  let cancelPoints: () => void = () => undefined;
  const sendPoints = () => {
    sink?.send(pointsOf(statuses(), clock.now()));
    cancelPoints = clock.schedule(pointsEveryMs, sendPoints);
  };
  if (sink) cancelPoints = clock.schedule(pointsEveryMs, sendPoints);
  // The node waits for its own requests before it ends its services; nobody should connect meanwhile.
  let stopped: Promise<void> | undefined;
  const stopProxies = () => (stopped ??= guard.stop(options.drainMs));
  context.signal.addEventListener("abort", () => void stopProxies(), { once: true });

  return {
    handle: cbpRoutes({
      guard,
      clock,
      log,
      shell: context.shell,
      mountPath,
      commandLine: ["cbp"],
      wanted: (sentence) => events.add("cbp", "info", sentence),
    }),
    scopeOf: ({ method }) => (method === "GET" || method === "HEAD" ? "read" : "write"),
    health: () => [...cbpFindings(statuses(), accessLog), ...tlsFindings(guard), ...toxicFindings(yard)],
    facts: () => ({ proxies: String(plans.length) }),
    workers: [],
    addresses: [
      ...guard.all.map(({ proxy }) => ({ purpose: `cbp ${proxy.plan.name}`, address: proxy.address })),
      ...(toxicApi ? [{ purpose: "cbp toxics", address: formatAddress(toxicApi.address) }] : []),
    ],
    async stop() {
      cancelPoints();
      await toxicApi?.stop();
      await yard?.stop();
      await stopProxies();
      await accessLog?.flush();
      sender?.close();
      await sink?.close();
    },
  };
}

function tlsFindings(guard: Guard): Finding[] {
  return guard.all.flatMap(({ proxy }) =>
    proxy.warnings.map((sentence) => ({ name: `cbp ${proxy.plan.name} tls`, state: "degraded", sentence })),
  );
}

function toxicFindings(yard: Yard | undefined): Finding[] {
  const sentence = "Faults are put into its connections, as somebody wanted it over the API of toxics";
  return (yard?.afflicted ?? []).map((name) => ({ name: `cbp ${name} toxics`, state: "degraded", sentence }));
}

async function lookUp(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function openYard(
  { clock, log, options, random }: ServiceContext<CbpOptions>,
  guard: Guard,
  failed: (thrown: unknown) => void,
): Yard {
  const untold = () => undefined;
  return new Yard({
    clock,
    random,
    configured: guard.all.map(({ proxy }) => proxy),
    defaults: defaultsOf(options),
    make: (plan, prepare) =>
      new Proxy({ plan, clock, random, lookup: lookUp, happened: untold, changed: untold, failed, log, prepare }),
  });
}

function eventSender({ log, options }: ServiceContext<CbpOptions>): EventSender | undefined {
  const { metricBase, metricName, statsd } = options;
  if (statsd === undefined || metricBase === undefined || metricName === undefined) return undefined;
  return openEventSender(statsd, `${metricBase}.${metricName}`, (thrown) =>
    log.debug("A count could not be sent", { to: formatAddress(statsd), reason: reasonOf(thrown) }),
  );
}

function sentenceOf({ from, reason, to }: Transition): string {
  return `its breaker went from ${from} to ${to}: ${reason}`;
}

function levelOf({ to }: Transition): "good" | "warn" | "bad" | "info" {
  if (to === "open") return "bad";
  if (to === "closed") return "good";
  return to === "half-open" ? "info" : "warn";
}

function isFree(hostname: string, port: number): boolean {
  try {
    Bun.listen({ hostname, port, socket: { data: () => undefined } }).stop(true);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return false;
  }
}
