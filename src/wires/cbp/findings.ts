/** What of the proxies wants attention, in sentences. */
import { countOf, formatCount, formatSpan } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import type { AccessLog } from "./access-log.ts";
import type { ProxyStatus } from "./status.ts";

/** The findings, those that are fine included. */
export function cbpFindings(proxies: readonly ProxyStatus[], accessLog: AccessLog | undefined): Finding[] {
  const found: Finding[] = [];
  const add = (name: string, sentence: string) => found.push({ name: `cbp ${name}`, state: "degraded", sentence });
  for (const proxy of proxies) {
    if (proxy.failure !== "") add(proxy.name, `${proxy.failure}; it is tried again`);
    if (proxy.isDraining) add(proxy.name, "It takes no more connections, as somebody wanted it");
    for (const upstream of proxy.upstreams) {
      const name = `${proxy.name} ${upstream.name}`;
      if (upstream.state === "open") {
        const why = upstream.history.at(-1)?.reason ?? "";
        add(name, `It is not tried for ${formatSpan(upstream.retryInMs)} more: ${why}`);
      }
      if (upstream.state === "half-open") add(name, "Its breaker is open, and waits for a try that succeeds");
      if (upstream.state === "forced-open") add(name, "Its breaker is held open, as somebody wanted it");
      if (upstream.isEjected) add(name, "It is put aside for a while, as it fails and others do not");
      if (upstream.addresses.length === 0)
        add(name, `The name "${upstream.address}" cannot be looked up: ${upstream.lookupFailure}`);
    }
    if (proxy.maxConnections > 0 && proxy.connections >= proxy.maxConnections)
      add(proxy.name, `It serves ${formatCount(proxy.connections)} connections, as many as max_connections allows`);
    if (proxy.ownFailures > 0)
      add(
        proxy.name,
        `${countOf(proxy.ownFailures, "dial")} failed for want of descriptors or ports on this machine: raise its limits, or lower max_connections`,
      );
  }
  if (accessLog && accessLog.failure !== "")
    add("access log", `It cannot be written: ${accessLog.failure}; ${countOf(accessLog.leftOut, "line")} are lost`);
  if (found.length > 0) return found;
  const sentence =
    proxies.length === 0
      ? "No proxy is configured"
      : `${countOf(proxies.length, "proxy", "proxies")} pass connections on`;
  return [{ name: "cbp", state: "ok", sentence }];
}
