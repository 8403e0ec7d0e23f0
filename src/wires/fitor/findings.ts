/** What is to be said about the bridge's state. A network that is away is no failure of this node; one that sent us away needs a person. */
import { countOf } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import type { Bus } from "./bus.ts";
import type { Network } from "./network.ts";

/** The findings, worst last. */
export function fitorFindings(networks: readonly Network[], bus: Bus | undefined, cannotKeep: boolean): Finding[] {
  if (networks.length === 0) return [{ name: "networks", state: "ok", sentence: "No network is configured" }];
  const findings: Finding[] = networks.map((network) => {
    const { name } = network.plan;
    if (network.state === "barred") {
      const sentence = `${name} does not want us: ${network.reason}. Settle that, then: warren fitor connect ${name}`;
      return { name, state: "degraded", sentence };
    }
    if (network.state !== "up") {
      const why = network.reason === "" ? "" : `: ${network.reason}`;
      return { name, state: "degraded", sentence: `Not connected to ${name}${why}. It is tried again by itself` };
    }
    const first = network.channels().find(({ isIn, reason }) => !isIn && reason !== "");
    if (first) {
      return { name, state: "degraded", sentence: `Not in ${first.plan.name} on ${name}: ${first.reason}` };
    }
    return {
      name,
      state: "ok",
      sentence: `On ${name} as ${network.nick}, ${countOf(network.plan.channels.length, "channel")}`,
    };
  });
  if (cannotKeep) {
    const sentence = "What is said cannot be kept: look whether the disk is full. It is passed on all the same";
    findings.push({ name: "history", state: "degraded", sentence });
  }
  if (bus) {
    findings.push(
      bus.isUp
        ? { name: "bus", state: "ok", sentence: `Publishes and hears by ${bus.name}` }
        : {
            name: "bus",
            state: "degraded",
            sentence: `The broker cannot be reached by ${bus.name}: what is said is shown here only. Without a broker say bus = "none"`,
          },
    );
  }
  return findings;
}
