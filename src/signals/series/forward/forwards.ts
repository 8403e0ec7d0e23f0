/**
 * Where series hands on what comes in: to Graphites, by lines or pickles, and to receivers of Prometheus' remote write.
 * Each has its own bounded spool, so that one that is away holds up nothing and misses nothing for as long as there is room.
 */
import { createHash, randomUUID } from "node:crypto";
import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { join } from "node:path";

import { tcpDelivery } from "../../../kit/carbon/delivery.ts";
import { type CarbonOptions, type CarbonProtocol, CarbonSender, type CarbonState } from "../../../kit/carbon/sender.ts";
import type { Clock } from "../../../kit/clock.ts";
import { type Address, formatAddress } from "../../../kit/config/address.ts";
import { Fault, reasonOf } from "../../../kit/fault.ts";
import type { Logger } from "../../../kit/log.ts";
import type { Point } from "../../../lib/graphite/path.ts";
import { type Refusals, remoteWriteDelivery } from "./remote-write-delivery.ts";
import type { LabelNames } from "./write-request.ts";

/** What is configured. */
export interface ForwardOptions {
  forward: readonly Address[];
  forwardProtocol: CarbonProtocol;
  remoteWrite: readonly string[];
  remoteWriteNames: LabelNames;
  remoteWriteUser: string | undefined;
  remoteWritePassword: string | undefined;
  remoteWriteToken: string | undefined;
  spoolBytes: number;
  /** Our own way in, which must not be a target. */
  line: readonly Address[];
  pickle: readonly Address[];
}

/** How a target stands. */
export interface ForwardState extends CarbonState {
  readonly kind: "graphite" | "remote write";
  readonly refusals: Readonly<Refusals>;
}

/** All targets. */
export interface Forwards {
  /** What our remote writes carry in {@link markHeader}: whoever gets one with its own mark is its own target. */
  readonly mark: string;
  /** Never waits, never throws. */
  send(points: readonly Point[]): void;
  states(): readonly ForwardState[];
  close(): Promise<void>;
}

const none: Refusals = { points: 0, words: "", atMs: -Infinity };

/** Opens all. Fault `series/forward` for a target that is this series itself, and for a spool that cannot be opened. */
export function openForwards(
  options: ForwardOptions,
  { clock, dataFolder, log }: { clock: Clock; dataFolder: string; log: Logger },
): Forwards {
  const senders: { sender: CarbonSender; kind: ForwardState["kind"]; refusals: Readonly<Refusals> }[] = [];
  const own = [...options.line, ...options.pickle].filter(({ port }) => port !== 0);
  const mark = randomUUID();
  const spoolOf = (kind: string, name: string) => {
    const digest = createHash("sha256").update(name).digest("hex").slice(0, 16);
    return join(dataFolder, "forward", `${kind}-${digest}`);
  };
  const open = (
    kind: ForwardState["kind"],
    refusals: Readonly<Refusals>,
    own: Pick<CarbonOptions, "name" | "delivery" | "spoolFolder"> & { protocol?: CarbonProtocol },
  ) => {
    try {
      const sender = new CarbonSender({ ...own, spoolMaxBytes: options.spoolBytes, clock, log });
      senders.push({ sender, kind, refusals });
    } catch (thrown) {
      const sentence = `Cannot open what waits for ${own.name}: ${reasonOf(thrown)}`;
      throw new Fault("unavailable", "series/forward", sentence, { cause: thrown });
    }
  };
  for (const address of options.forward) {
    const name = formatAddress(address);
    if (own.some((each) => leadsTo(address, each)))
      throw new Fault("invalid", "series/forward", `Cannot hand points on to ${name}: it is this series itself`);
    open("graphite", none, {
      name,
      delivery: tcpDelivery(address, clock),
      protocol: options.forwardProtocol,
      spoolFolder: spoolOf(options.forwardProtocol, name),
    });
  }
  const shown = new Map<string, number>();
  for (const url of options.remoteWrite) {
    // What stands behind the question mark may be a secret.
    const plain = url.replace(/\?.*$/, "");
    const count = (shown.get(plain) ?? 0) + 1;
    shown.set(plain, count);
    const delivery = remoteWriteDelivery({
      url,
      names: options.remoteWriteNames,
      authorization: authorizationOf(options),
      mark,
      clock,
    });
    open("remote write", delivery.refusals, {
      name: count === 1 ? plain : `${plain} (${count})`,
      delivery,
      spoolFolder: spoolOf("remote", url),
    });
  }
  return {
    mark,
    send(points) {
      const known = points.every(isPoint) ? points : points.filter(isPoint);
      if (known.length > 0) for (const { sender } of senders) sender.send(known);
    },
    states: () => senders.map(({ sender, kind, refusals }) => ({ ...sender.state(), kind, refusals })),
    async close() {
      await Promise.all(senders.map(({ sender }) => sender.close()));
    },
  };
}

/** A time before 1970 would be taken for "now" where it is written as a line. */
const isPoint = ({ value, atSeconds }: Point) => !Number.isNaN(value) && atSeconds >= 0 && atSeconds < 2 ** 32;

/** Whether a target's address is that of a way in of this machine. Names are not looked up. */
function leadsTo(target: Address, own: Address): boolean {
  if (target.port !== own.port) return false;
  if (formatAddress(target) === formatAddress(own)) return true;
  const isHere = isLoopback(target.host) || isAny(target.host);
  if (isLoopback(own.host)) return isHere;
  if (!isAny(own.host)) return false;
  const here = [
    hostname(),
    ...Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .map(({ address }) => address),
  ];
  return isHere || here.includes(target.host);
}

const isLoopback = (host: string) =>
  host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
const isAny = (host: string) => host === "0.0.0.0" || host === "::";

function authorizationOf({
  remoteWriteUser,
  remoteWritePassword,
  remoteWriteToken,
}: ForwardOptions): string | undefined {
  if (remoteWriteToken !== undefined) return `Bearer ${remoteWriteToken}`;
  if (remoteWriteUser === undefined) return undefined;
  return `Basic ${Buffer.from(`${remoteWriteUser}:${remoteWritePassword ?? ""}`).toString("base64")}`;
}
