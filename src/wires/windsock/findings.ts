/** What is to be said about Windsock's own state. */
import { countOf } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import type { Measured } from "./metrics.ts";

/** The secret in the predecessor's published sample. */
const sampleSecret = "6f1d916c-7761-4874-8d5b-8f8f93d20bf2";

/** What findings stand on. */
export interface FindingParts extends Measured {
  secrets: readonly string[];
}

/** How it is, worst last. */
export function windsockFindings({
  broker,
  hub,
  limits,
  link,
  pusher,
  secrets,
  sockets,
  uplink,
}: FindingParts): Finding[] {
  const findings: Finding[] = [
    {
      name: "clients",
      state: "ok",
      sentence: `${countOf(limits.now, "client")} connected, ${countOf(hub.figures.publications, "publication")} so far`,
    },
  ];
  if (uplink && !(uplink.isAsking && uplink.isHearing)) {
    findings.push({
      name: "broker",
      state: "degraded",
      sentence:
        "The broker is away; clients stay connected, and publications fail until it is back: look at req_socket and sub_socket",
    });
  }
  if (broker && broker.away.length > 0) {
    findings.push({
      name: "publishers",
      state: "degraded",
      sentence: `What is told at ${broker.away.join(", ")} is not heard, and lost: look at collect_from`,
    });
  }
  const standing = link?.state();
  if (standing && (!standing.isUp || standing.failure !== undefined)) {
    findings.push({
      name: "link",
      state: "degraded",
      sentence: `Other nodes are not heard, or do not hear this one: ${standing.failure ?? "what carries messages is away"}`,
    });
  }
  const failures = pusher?.figures.failures ?? [];
  if (failures.length > 0) {
    findings.push({
      name: "pusher webhooks",
      state: "degraded",
      sentence: `An application is not told of its channels (${failures.join("; ")}): look at pusher_webhooks and at its server`,
    });
  }
  if (secrets.includes(sampleSecret)) {
    findings.push({
      name: "secret",
      state: "degraded",
      sentence:
        "The secret is the one of the public sample, so anybody can sign tokens: set another one here and in the applications",
    });
  }
  const crossing = sockets?.crossing;
  if (crossing) {
    findings.push({
      name: "boundary",
      state: "degraded",
      sentence: `Clients of "${crossing.prefix}" also hear "${crossing.address}", as the predecessor had it: set boundary to segments if that is not meant`,
    });
  }
  return findings;
}
