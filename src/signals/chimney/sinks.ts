/**
 * Where the metrics of checks go: to the Graphite that is configured and to the store `series` of the same program.
 * Both are optional; without any they are only shown.
 */
import { join } from "node:path";

import { reachDelivery, tcpDelivery } from "../../kit/carbon/delivery.ts";
import { CarbonSender } from "../../kit/carbon/sender.ts";
import { type Address, formatAddress, parseAddress } from "../../kit/config/address.ts";
import { Fault } from "../../kit/fault.ts";
import { type ClosingPointSink, sinkOf } from "../../kit/point-sink.ts";
import type { ServiceContext } from "../../kit/service.ts";

/**
 * The sinks of a service. `fallback` is the address in the predecessor's file, which counts when none is configured.
 * Faults: `chimney/graphite` (invalid).
 */
export function openSinks(
  context: Pick<ServiceContext<object>, "clock" | "log" | "reach" | "dataFolder">,
  configured: Address | undefined,
  fallback: string | undefined,
): ClosingPointSink {
  const { clock, dataFolder, log, reach } = context;
  const graphite = configured ?? (fallback === undefined ? undefined : readFallback(fallback));
  const sinks: ClosingPointSink[] = [];
  if (reach("series")) {
    sinks.push(
      new CarbonSender({
        name: "series",
        delivery: reachDelivery(() => reach("series"), "/write", clock),
        spoolFolder: join(dataFolder, "spool-series"),
        clock,
        log,
      }),
    );
  }
  if (graphite) {
    sinks.push(
      new CarbonSender({
        name: formatAddress(graphite),
        delivery: tcpDelivery(graphite, clock),
        spoolFolder: join(dataFolder, "spool-graphite"),
        clock,
        log,
      }),
    );
  }
  return sinkOf(sinks);
}

function readFallback(text: string): Address {
  try {
    return parseAddress(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new Fault("invalid", "chimney/graphite", `Cannot use GraphiteBase: ${thrown.message}`);
  }
}
