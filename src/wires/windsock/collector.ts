/**
 * Publishers elsewhere: what PUB sockets tell is taken as publications, by one line to each of them. What one tells while
 * its line is down is lost there, so when the line is back everybody who listens is told that something may be missing:
 * after what came before, and before what comes now.
 */
import type { Clock } from "../../kit/clock.ts";
import type { Logger } from "../../kit/log.ts";
import type { SocketOptions } from "../../lib/zmtp/options.ts";
import { Subscriber } from "../../lib/zmtp/publish.ts";
import type { OrderedHub } from "./hub-ordered.ts";
import { OutageLog } from "./outage-log.ts";

/** What a collector stands on. */
export interface CollectorParts {
  endpoints: readonly string[];
  socket: SocketOptions;
  hub: OrderedHub;
  clock: Clock;
  log: Logger;
  /** Takes one message; the frames are valid only during the call. */
  take(frames: readonly Buffer[]): void;
  /** Whether anybody listens who could miss something. */
  isHeard(): boolean;
}

/** After this long it is taken that a subscription has arrived, though nothing was heard by it. */
const settledMs = 500;

/** The lines to publishers elsewhere. */
export interface Collector {
  /** The endpoints to which there is no line now. */
  readonly away: readonly string[];
  close(): void;
}

/** Connects to all of them, now or as soon as they are there. */
export function openCollector(parts: CollectorParts): Collector {
  const { hub } = parts;
  // What was told while this program was not there is missing between the log of before and what comes; where the log is
  // shared, others go on in its numbers.
  if (!hub.isCarried && hub.place.newest > 0) hub.breakOrder();
  const lines = parts.endpoints.map((endpoint) => ({ endpoint, ...openLine(parts, endpoint) }));
  return {
    get away() {
      return lines.filter(({ isThere }) => !isThere()).map(({ endpoint }) => endpoint);
    },
    close() {
      for (const line of lines) line.close();
    },
  };
}

interface Line {
  isThere(): boolean;
  close(): void;
}

function openLine({ clock, hub, isHeard, log, socket, take }: CollectorParts, endpoint: string): Line {
  let isGapDue = false;
  let isThere = false;
  const outage = new OutageLog(log, "A publisher elsewhere cannot be reached; trying again");
  let wasThere = false;
  let cancelSettled = () => {};
  const tellGap = () => {
    cancelSettled();
    if (!isGapDue) return;
    isGapDue = false;
    hub.breakOrder();
  };
  const subscriber = new Subscriber({
    ...socket,
    onMessage(frames) {
      // What came before this is lost, what comes after it is not.
      tellGap();
      take(frames);
    },
    onTrouble: (_, error) => outage.failed({ endpoint, reason: error.message }),
    onPeer(hasCome) {
      isThere = hasCome;
      if (!hasCome) {
        log.warn("A publisher elsewhere was lost; trying again", { endpoint });
        isGapDue = true;
        cancelSettled();
        return;
      }
      outage.over();
      log.info("A publisher elsewhere is there", { endpoint });
      // Whoever listened before it was there may have missed something, too.
      if (!wasThere && isHeard()) isGapDue = true;
      wasThere = true;
      if (isGapDue) cancelSettled = clock.schedule(settledMs, tellGap);
    },
  });
  subscriber.subscribe(new Uint8Array(0));
  subscriber.connect(endpoint);
  return {
    isThere: () => isThere,
    close() {
      subscriber.close();
      cancelSettled();
    },
  };
}
