/**
 * All targets of a statsd, made from its settings: each has a spool of its own under the data folder, named by where it
 * leads, so that a target that comes back after a restart still gets what waited for it.
 */
import { join } from "node:path";

import { reachDelivery, tcpDelivery } from "../../kit/carbon/delivery.ts";
import { CarbonSender } from "../../kit/carbon/sender.ts";
import type { Clock } from "../../kit/clock.ts";
import { formatAddress } from "../../kit/config/address.ts";
import type { Logger } from "../../kit/log.ts";
import type { Reach } from "../../kit/reach.ts";
import type { Naming } from "./naming.ts";
import { carbonOutput } from "./output-carbon.ts";
import { consoleOutput } from "./output-console.ts";
import type { Output } from "./output.ts";
import type { StatsdSettings } from "./settings.ts";

/** What targets are made of. */
export interface TargetParts {
  settings: Pick<StatsdSettings, "graphite" | "toSeries" | "toConsole" | "spoolBytes">;
  naming: Naming;
  dataFolder: string;
  clock: Clock;
  log: Logger;
  startedAt: number;
  /** The way to the store of this program; undefined when there is none. */
  series: Reach | undefined;
  print(text: string): void;
}

/** Opens all targets. Throws the system's error when a spool cannot be used. */
export function openTargets(parts: TargetParts): Output[] {
  const { settings, naming, clock, log, startedAt } = parts;
  const sender = (
    name: string,
    folder: string,
    rest: Pick<ConstructorParameters<typeof CarbonSender>[0], "delivery" | "protocol">,
  ) =>
    new CarbonSender({
      name,
      spoolFolder: join(parts.dataFolder, "spool", folder),
      spoolMaxBytes: settings.spoolBytes,
      clock,
      log,
      ...rest,
    });
  const outputs: Output[] = [];
  const { series } = parts;
  if (settings.toSeries && series) {
    const own = sender("the series of this program", "series", {
      delivery: reachDelivery(() => series, "/write", clock),
      protocol: "line",
    });
    outputs.push(carbonOutput({ kind: "series", sender: own, naming, clock, startedAt }));
  }
  for (const { protocol, ...address } of settings.graphite) {
    const name = formatAddress(address);
    const own = sender(name, `${protocol}-${name.replaceAll(/[^\w.-]/g, "_")}`, {
      delivery: tcpDelivery(address, clock),
      protocol,
    });
    outputs.push(carbonOutput({ kind: "graphite", sender: own, naming, clock, startedAt }));
  }
  if (settings.toConsole) outputs.push(consoleOutput(parts.print));
  return outputs;
}

/** The same targets would be opened, with the same names. */
export function sameTargets(one: StatsdSettings, other: StatsdSettings): boolean {
  const written = ({ graphite, toSeries, toConsole, spoolBytes, naming }: StatsdSettings) =>
    JSON.stringify([graphite, toSeries, toConsole, spoolBytes, naming]);
  return written(one) === written(other);
}
