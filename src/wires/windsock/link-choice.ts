/** The link between nodes that the options ask for, opened. */
import type { Clock } from "../../kit/clock.ts";
import type { Cluster } from "../../kit/cluster.ts";
import type { Logger } from "../../kit/log.ts";
import type { WindsockOptions } from "./config.ts";
import type { OrderedHub } from "./hub-ordered.ts";
import type { DirectLink } from "./links/link-direct.ts";
import type { NodeLink } from "./links/node-link.ts";
import type { RevocationList } from "./links/shared-revocations.ts";

/** What links stand on. */
export interface LinkChoiceParts {
  options: WindsockOptions;
  hub: OrderedHub;
  cluster: Cluster;
  clock: Clock;
  log: Logger;
  /** Where other nodes reach this service. */
  baseUrl: string;
  /** What was called back, which all nodes come to know of. */
  revocations: RevocationList | undefined;
}

/** A link, and the connections of other nodes where it takes such. */
export interface ChosenLink {
  link: NodeLink;
  direct: DirectLink | undefined;
}

const patienceMs = 5000;

/** Opens it and gives the hub's publications to it; undefined where there is one node. */
export async function openLink({
  baseUrl,
  clock,
  cluster,
  hub,
  log,
  options,
  revocations,
}: LinkChoiceParts): Promise<ChosenLink | undefined> {
  const shared = {
    hub,
    clock,
    log,
    nodeId: cluster.selfId,
    prefix: options.linkPrefix,
    keep: options.historyCount,
    patienceMs,
    revocations,
  };
  let chosen: ChosenLink;
  switch (options.link) {
    case "none":
      return undefined;
    case "direct": {
      const { openDirectLink } = await import("./links/link-direct.ts");
      const direct = openDirectLink({
        hub,
        cluster,
        clock,
        log,
        service: "windsock",
        maxMessageBytes: options.maxMessageBytes,
        revocations,
      });
      cluster.tell("windsock", baseUrl, {});
      chosen = { link: direct, direct };
      break;
    }
    case "nats": {
      const { openNatsLink } = await import("./links/link-nats.ts");
      const { historyAgeMs: keepMs, natsServers: servers, natsStream: usesStream } = options;
      chosen = { link: await openNatsLink({ ...shared, servers, usesStream, keepMs }), direct: undefined };
      break;
    }
    case "redis": {
      const { openRedisLink } = await import("./links/link-redis.ts");
      chosen = { link: await openRedisLink({ ...shared, url: options.redisUrl ?? "" }), direct: undefined };
    }
  }
  hub.carrier = chosen.link.carrier;
  return chosen;
}
