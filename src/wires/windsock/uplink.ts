/**
 * A broker elsewhere: what is published here goes to its REP socket, what it tells on its PUB socket gets its place in the
 * order here. A broker that restarts harms nothing: questions on their way fail by themselves, connections are made
 * anew, and everybody who listens is told that something may be missing from the time in between.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Random } from "../../kit/random.ts";
import type { SocketOptions } from "../../lib/zmtp/options.ts";
import { ZmtpError } from "../../lib/zmtp/protocol-error.ts";
import { Subscriber } from "../../lib/zmtp/publish.ts";
import { Requester } from "../../lib/zmtp/request.ts";
import { type Carrier, maxAddressBytes, type OrderedHub } from "./hub-ordered.ts";
import { OutageLog } from "./outage-log.ts";
import type { Envelope } from "./publication.ts";
import { SparseLog } from "./sparse-log.ts";
import { type SecurityOptions, securityOf } from "./zeromq-security.ts";

/** What the uplink is told. */
export interface UplinkSettings extends SecurityOptions {
  reqSocket: readonly string[];
  subSocket: readonly string[];
  subKey: string;
  brokerTimeoutMs: number;
  maxMessageBytes: number;
}

/** What the uplink stands on. */
export interface UplinkParts {
  settings: UplinkSettings;
  hub: OrderedHub;
  clock: Clock;
  random: Random;
  log: Logger;
}

/** An uplink that runs. */
export interface Uplink extends Carrier {
  /** Messages that came from the broker. */
  readonly messages: number;
  /** Whether questions, and publications, have a way now. */
  readonly isAsking: boolean;
  readonly isHearing: boolean;
  /** Times that the publications of the broker were missed for a while. */
  readonly gaps: number;
  close(): void;
}

/** After this long it is taken that a subscription has arrived, though nothing was heard by it. */
const settledMs = 500;

/** Connects to a broker, now or as soon as it is there, and puts the hub's publications on that way. */
export function openUplink(parts: UplinkParts): Uplink {
  const { clock, hub, log, random, settings } = parts;
  const leftOut = new SparseLog(log, clock);
  const outage = new OutageLog(log, "The broker cannot be reached, or was lost; trying again");
  const socketOptions: SocketOptions = {
    clock,
    random,
    security: securityOf(settings, "client"),
    maxMessageBytes: settings.maxMessageBytes + maxAddressBytes,
    heartbeatMs: 5000,
    reconnectMaxMs: 2000,
    onTrouble: (endpoint, error) => outage.failed({ endpoint, reason: error.message }),
  };
  const requester = new Requester(socketOptions);
  let messages = 0;
  let gaps = 0;
  let hearing = 0;
  let isGapDue = false;
  let wasThere = false;
  // What was told while this program was not there is missing between the log of before and what comes.
  if (hub.place.newest > 0) hub.breakOrder();
  let cancelSettled = () => {};
  const tellGap = () => {
    cancelSettled();
    if (!isGapDue) return;
    isGapDue = false;
    gaps++;
    hub.breakOrder();
  };
  const subscriber = new Subscriber({
    ...socketOptions,
    onMessage([address, content]) {
      // What came before this is lost, what comes after it is not.
      tellGap();
      if (!address || !content) return;
      messages++;
      hub
        .accept({ address: address.toString(), content: content.toString() })
        .catch((thrown: unknown) => leftOut.warn("A message of the broker was left out", { reason: reasonOf(thrown) }));
    },
    onPeer(isThere) {
      hearing += isThere ? 1 : -1;
      if (isThere) outage.over();
      log.info(isThere ? "The broker is there" : "The broker is gone; trying again", {});
      if (!isThere) {
        isGapDue = true;
        cancelSettled();
        return;
      }
      // Whoever came before the broker was there may have missed something, too.
      if (!wasThere && hub.figures.listeners > 0) isGapDue = true;
      wasThere = true;
      if (isGapDue) cancelSettled = clock.schedule(settledMs, tellGap);
    },
  });
  subscriber.subscribe(Buffer.from(settings.subKey));
  for (const endpoint of settings.subSocket) subscriber.connect(endpoint);
  for (const endpoint of settings.reqSocket) requester.connect(endpoint);

  const uplink: Uplink = {
    async carry(envelope: Envelope) {
      const { address, content } = envelope;
      const frame = Buffer.from(JSON.stringify({ address, content }));
      let reply: string;
      try {
        const [first] = await requester.request([frame], settings.brokerTimeoutMs);
        reply = first?.toString() ?? "";
      } catch (thrown) {
        if (!(thrown instanceof ZmtpError)) throw thrown;
        throw new Fault(
          "unavailable",
          "windsock/away",
          `Cannot say that it was published: the broker did not answer (${thrown.message})`,
          { cause: thrown },
        );
      }
      if (reply === "published") return;
      throw new Fault("invalid", "windsock/refused", `Cannot publish: the broker said "${reply.slice(0, 200)}"`);
    },
    get messages() {
      return messages;
    },
    get gaps() {
      return gaps;
    },
    get isAsking() {
      return requester.peers > 0;
    },
    get isHearing() {
      return hearing > 0;
    },
    close() {
      hub.carrier = undefined;
      cancelSettled();
      requester.close();
      subscriber.close();
    },
  };
  hub.carrier = uplink;
  return uplink;
}
