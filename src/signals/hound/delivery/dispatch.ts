/**
 * Takes what is due from the queue to its channels. For each recipient one at a time and in order; several recipients
 * and channels side by side, so that one that hangs holds up no other; no channel faster than its pace. What fails is
 * tried again after a pause that doubles, with chance in it, until its time is over or it is hopeless.
 */
import type { Clock } from "../../../kit/clock.ts";
import { Fault, reasonOf } from "../../../kit/fault.ts";
import type { Logger } from "../../../kit/log.ts";
import type { Random } from "../../../kit/random.ts";
import { startWorker, type Worker } from "../../../kit/worker.ts";
import { type Channel, isHopeless } from "./channel.ts";
import type { DeliveryMetrics } from "./metrics.ts";
import { Pace } from "./pace.ts";
import type { DeliveryQueue, DueDelivery } from "./queue.ts";

/** What dispatching stands on. */
export interface DispatchParts {
  clock: Clock;
  random: Random;
  log: Logger;
  queue: DeliveryQueue;
  /** The channel of a recipient; undefined when there is none any more. */
  channelOf: (recipient: string) => Channel | undefined;
  metrics: DeliveryMetrics;
  /** A delivery is given up when it has been tried for this long. */
  giveUpAfterMs: number;
  /** For each channel. */
  perMinute: number;
  /** Told when one was given up. */
  gaveUp: (due: DueDelivery, reason: string) => void;
}

/** A dispatcher that runs. */
export interface Dispatch {
  readonly worker: Worker;
  /** Takes no more up, lets what is under way end for a while, then cuts it. What is cut is sent again after a restart. */
  stop(): Promise<void>;
}

const firstPauseMs = 10_000;
const longestPauseMs = 900_000;
/** The pause may be so much longer by chance, or so much shorter. */
const chanceShare = 0.2;
const parallelMax = 16;
const perChannelMax = 4;
const farewellMs = 5000;
/** So long after the start nothing is given up for its age. */
const settleMs = 900_000;
const unkeptPauseMs = 5000;
/** Smaller steps of the clock make no difference. */
const clockSetMs = 60_000;
/** A wait that lies further ahead than any of ours comes of a clock that was set back. */
const aheadMs = 2 * 3_600_000;

/** The pause after the `attempts`th attempt failed: doubling, at most a quarter of an hour, with a fifth of chance. */
export function pauseMs(attempts: number, random: Random): number {
  const plain = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(20, Math.max(0, attempts - 1)));
  return Math.round(plain * (1 - chanceShare + 2 * chanceShare * random()));
}

/** Starts dispatching. */
export function startDispatch(parts: DispatchParts): Dispatch {
  const { channelOf, clock, log, metrics, queue, random } = parts;
  const startedMs = clock.monotonicMs();
  const underWay = new Map<string, { channel: string; ended: Promise<void> }>();
  const paces = new Map<string, Pace>();
  const cutting = new AbortController();
  /** What came of deliveries whose row could not be written: without this they would be sent over and over. */
  const unkept = new Map<number, () => void>();

  /** Wall time less monotonic time: it changes when the clock is set. */
  let offsetMs = clock.now() - clock.monotonicMs();
  /** A clock that was set makes nothing older or younger than it is. */
  const followClock = (): void => {
    const setByMs = clock.now() - clock.monotonicMs() - offsetMs;
    if (Math.abs(setByMs) < clockSetMs) return;
    try {
      queue.shiftWaiting(Math.round(setByMs));
    } catch (thrown) {
      log.error("What waits to be sent could not follow the clock; it is tried again", { reason: reasonOf(thrown) });
      return;
    }
    offsetMs += setByMs;
    log.info("The clock was set; what waits to be sent goes on from there", { byMs: Math.round(setByMs) });
  };

  /** Writes what came of a delivery, now or as soon as the disk lets us. */
  const keep = (id: number, write: () => void): void => {
    try {
      write();
      unkept.delete(id);
    } catch (thrown) {
      unkept.set(id, write);
      log.error("What became of a notice could not be kept; it is tried again", { reason: reasonOf(thrown) });
    }
  };

  const paceOf = (name: string): Pace => {
    let pace = paces.get(name);
    if (!pace) {
      pace = new Pace(clock, parts.perMinute);
      paces.set(name, pace);
    }
    return pace;
  };

  const giveUp = (due: DueDelivery, channel: string, reason: string): void => {
    const now = clock.now();
    keep(due.row.id, () => queue.failed(due.row.id, now, reason));
    metrics.ended(channel, "failed");
    log.warn("A notice could not be delivered and is given up", {
      recipient: due.row.recipient,
      subject: due.row.subject,
      reason,
    });
    parts.gaveUp(due, reason);
  };

  const attempt = async (due: DueDelivery, channel: Channel): Promise<void> => {
    const { notice, row } = due;
    try {
      const said = await channel.send({ key: keyOf(due), notice, recipient: row.recipient }, cutting.signal);
      const now = clock.now();
      keep(row.id, () => queue.sent(row.id, now, said));
      metrics.ended(channel.name, "sent");
    } catch (thrown) {
      if (cutting.signal.aborted) return;
      const fault = thrown instanceof Fault ? thrown : undefined;
      const reason = fault?.message ?? "Something went wrong inside: the log has the details";
      if (!fault) log.error("A channel broke while sending", { channel: channel.name, reason: reasonOf(thrown) });
      followClock();
      const now = clock.now();
      const pause = Math.max(pauseMs(row.attempts + 1, random), fault?.retryAfterMs ?? 0);
      // A program that was away for days, or is up before the network is, gives nothing up at the first attempt.
      const isSettled = clock.monotonicMs() - startedMs > settleMs;
      const isOver = isSettled && now + pause - queue.tryingSince(row.id) > parts.giveUpAfterMs;
      if (isOver || (fault && isHopeless(fault))) {
        giveUp(due, channel.name, reason);
        return;
      }
      keep(row.id, () => queue.deferred(row.id, now + pause, reason));
      metrics.ended(channel.name, "deferred");
      log.info("A notice could not be delivered yet", { recipient: row.recipient, attempts: row.attempts + 1, reason });
    }
  };

  const begin = (due: DueDelivery, channel: Channel): void => {
    const { recipient } = due.row;
    const ended = attempt(due, channel)
      .catch((thrown: unknown) => log.error("A delivery broke off", { reason: reasonOf(thrown) }))
      .finally(() => {
        underWay.delete(recipient);
        worker.wake();
      });
    underWay.set(recipient, { channel: channel.name, ended });
  };

  const step = (): Promise<{ waitMs: number } | "idle"> => {
    for (const [id, write] of unkept) keep(id, write);
    // Nothing goes out while what came of it cannot be written down.
    if (unkept.size > 0) return Promise.resolve({ waitMs: unkeptPauseMs });
    followClock();
    let paceMs = Infinity;
    const full = (name: string) =>
      underWay.values().reduce((sum, { channel }) => sum + (channel === name ? 1 : 0), 0) >= perChannelMax;
    for (const due of queue.due(clock.now(), aheadMs, 1000)) {
      if (underWay.size >= parallelMax) break;
      const { recipient } = due.row;
      if (underWay.has(recipient)) continue;
      const channel = channelOf(recipient);
      if (!channel) {
        giveUp(due, "none", noChannel(recipient));
        continue;
      }
      if (full(channel.name)) continue;
      const waitMs = paceOf(channel.name).take();
      if (waitMs > 0) {
        paceMs = Math.min(paceMs, waitMs);
        continue;
      }
      begin(due, channel);
    }
    const nextAt = queue.nextAt();
    // Those under way wake the worker when they end; what is due but waits for them must not make it spin.
    const later = nextAt === undefined ? Infinity : nextAt - clock.now();
    const waitMs = Math.min(paceMs, later > 0 ? later : underWay.size > 0 || paceMs < Infinity ? Infinity : 1000);
    return Promise.resolve(waitMs === Infinity ? "idle" : { waitMs: Math.max(1, waitMs) });
  };

  const worker = startWorker(
    {
      name: "deliver",
      summary: "Sends notices to those who want them",
      step,
      progress: () => ({ waiting: queue.counts().waiting, sending: underWay.size }),
    },
    { clock, log },
  );

  return {
    worker,
    async stop() {
      await worker.stop();
      const cancel = clock.schedule(farewellMs, () => cutting.abort(new Error("the program stops")));
      await Promise.all([...underWay.values()].map(({ ended }) => ended));
      cancel();
    },
  };
}

/** The same at each attempt; a retry by hand is the same message as well. */
function keyOf({ row }: DueDelivery): string {
  const digest = new Bun.CryptoHasher("sha256").update(`${row.noticeId}\n${row.recipient}`).digest("hex");
  return `${row.noticeId.replace(/[^\w.-]/g, "-").slice(0, 100)}.${digest.slice(0, 12)}`;
}

/** Why nothing can be sent to a recipient without a channel. */
export function noChannel(recipient: string): string {
  return recipient.startsWith("channel:")
    ? `There is no channel called "${recipient.slice("channel:".length, 100)}" in the configuration`
    : "No mail server is configured: hound.smtp_server says which takes mail";
}
