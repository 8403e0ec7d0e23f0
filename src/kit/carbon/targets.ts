/**
 * Where a service's measurements go: to the store of the same program, if it runs, and to a Graphite, if one is
 * configured. Both are optional; what cannot be delivered waits in the service's own folder.
 */
import { join } from "node:path";

import { type Address, formatAddress } from "../config/address.ts";
import { type ClosingPointSink, sinkOf } from "../point-sink.ts";
import type { ServiceContext } from "../service.ts";
import { reachDelivery, tcpDelivery } from "./delivery.ts";
import { CarbonSender } from "./sender.ts";

/** The targets of a service; `store` is the name of the service that keeps metrics and takes lines at `/write`. */
export function openTargets(
  context: Pick<ServiceContext<object>, "clock" | "log" | "reach" | "dataFolder">,
  { graphite, store }: { graphite: Address | undefined; store: string },
): ClosingPointSink {
  const { clock, dataFolder, log, reach } = context;
  const sinks: ClosingPointSink[] = [];
  if (reach(store)) {
    const delivery = reachDelivery(() => reach(store), "/write", clock);
    sinks.push(new CarbonSender({ name: store, delivery, spoolFolder: join(dataFolder, "spool-store"), clock, log }));
  }
  if (graphite) {
    const delivery = tcpDelivery(graphite, clock);
    const name = formatAddress(graphite);
    sinks.push(new CarbonSender({ name, delivery, spoolFolder: join(dataFolder, "spool-graphite"), clock, log }));
  }
  return sinkOf(sinks);
}
