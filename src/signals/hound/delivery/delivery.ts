/**
 * How hound gets word out, put together: the queue on disk, the channels, who carries between them, and the addresses
 * that act. Wiring only.
 */
import { join } from "node:path";

import { BelievedTime } from "../../../kit/believed-time.ts";
import type { Clock } from "../../../kit/clock.ts";
import type { Events } from "../../../kit/events.ts";
import type { Logger } from "../../../kit/log.ts";
import { parseMailAddress } from "../../../kit/mail/address.ts";
import { createMailer } from "../../../kit/mail/mailer.ts";
import type { MailRelay } from "../../../kit/mail/relay.ts";
import type { MetricSource } from "../../../kit/metric-source/source.ts";
import type { Metrics } from "../../../kit/metrics.ts";
import { formatSpan } from "../../../kit/pages/quantity.ts";
import type { Random } from "../../../kit/random.ts";
import type { Finding } from "../../../kit/service.ts";
import { startWorker, type Worker } from "../../../kit/worker.ts";
import type { NoticeSink } from "../notice.ts";
import { type ActionLinks, createActionLinks, linkKey } from "./action-links.ts";
import type { Channel } from "./channel.ts";
import type { ChannelPlan } from "./channel-plan.ts";
import { noChannel, startDispatch } from "./dispatch.ts";
import { graphPng, thresholdsOf } from "./graph-drawing.ts";
import { type DrawGraph, mailChannel } from "./mail-channel.ts";
import { deliveryMetrics } from "./metrics.ts";
import { postChannel } from "./post-channels.ts";
import { type DeliveryCounts, DeliveryQueue, type DeliveryRow, type DeliveryState } from "./queue.ts";

/** What delivery stands on. */
export interface DeliveryParts {
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: Metrics;
  events: Events;
  /** Gets `delivery.sqlite` and `links.key`. */
  dataFolder: string;
  /** Where hound's pages are reached from a mail, without a trailing slash. */
  baseUrl: string;
  /** The mail server, and whom mail comes from. Without, mail fails and says so. */
  mail: { relay: MailRelay; from: string } | undefined;
  channels: readonly ChannelPlan[];
  /** Where the pictures of mails are drawn from. */
  source?: MetricSource;
  /** @default 24 h */
  giveUpAfterMs?: number;
  /** Messages a minute, for each channel. @default 60 */
  perMinute?: number;
  /** What was sent or given up is remembered for so long, and so many of them. @default 90 days, 20,000 */
  keepMs?: number;
  keepRows?: number;
}

/** What there is to see and to do about deliveries. */
export interface DeliveryView {
  counts(): DeliveryCounts;
  /** Newest first. */
  list(options: { state?: DeliveryState; before?: number; limit: number }): readonly DeliveryRow[];
  /** Makes one that failed wait again; false when there is none, or it did not fail. */
  retry(id: number): boolean;
  /** Makes all that failed wait again. Returns how many. */
  retryAll(): number;
  /** Names and kinds of what is configured, mail first. */
  channels(): readonly { name: string; kind: string }[];
}

/** Delivery that runs. */
export interface Delivery {
  readonly sink: NoticeSink;
  readonly view: DeliveryView;
  /** Makes the addresses for {@link Notice.actions}, and reads them. */
  readonly links: ActionLinks;
  /** Whether something can be sent to a recipient; the reason why not, else undefined. */
  refusal(recipient: string): string | undefined;
  findings(): readonly Finding[];
  /** Whether something waits for so long that nobody may hear what there is to say. */
  isStuck(): boolean;
  readonly workers: readonly Worker[];
  stop(): Promise<void>;
}

const dayMs = 86_400_000;
const stuckMs = 900_000;

/** Opens the queue and starts sending. Faults: those of opening a database, `hound/link-key`. */
export async function openDelivery(parts: DeliveryParts): Promise<Delivery> {
  const { baseUrl, clock, dataFolder, events, log, mail } = parts;
  const key = await linkKey(join(dataFolder, "links.key"));
  const queue = new DeliveryQueue(join(dataFolder, "delivery.sqlite"));
  // Read before anything new is entered, so that it is what the last run left.
  const time = new BelievedTime(clock, queue.newestAt());
  const channels = new Map<string, Channel>();
  if (mail !== undefined) {
    const mailer = createMailer(mail.relay, { clock });
    channels.set("mail", mailChannel({ mailer, from: mail.from, clock, log, draw: drawFrom(parts.source) }));
  }
  for (const plan of parts.channels) {
    channels.set(`channel:${plan.name}`, postChannel(plan, { clock, externalUrl: baseUrl }));
  }
  const channelOf = (recipient: string) => channels.get(recipient.startsWith("channel:") ? recipient : "mail");
  const refusal = (recipient: string): string | undefined => {
    if (!channelOf(recipient)) return noChannel(recipient);
    if (recipient.startsWith("channel:") || parseMailAddress(recipient)) return undefined;
    return "It is not a mail address: wanted one such as ops@example.org";
  };
  const metrics = deliveryMetrics(parts.metrics, {
    counts: () => queue.counts(),
    now: () => clock.now(),
    channels: [...channels.values()].map(({ name }) => name),
  });
  const dispatch = startDispatch({
    clock,
    random: parts.random,
    log,
    queue,
    channelOf,
    metrics,
    giveUpAfterMs: parts.giveUpAfterMs ?? dayMs,
    perMinute: parts.perMinute ?? 60,
    gaveUp: ({ row }, reason) =>
      events.add("hound", "bad", `"${row.subject}" did not reach ${row.recipient}: ${reason}`),
  });
  const forget = startWorker(
    {
      name: "forget-deliveries",
      summary: "Forgets deliveries that ended long ago",
      step() {
        const now = time.now();
        const gone = queue.forget(now - (parts.keepMs ?? 90 * dayMs), parts.keepRows ?? 20_000, now);
        return Promise.resolve({ waitMs: gone > 0 ? 100 : 3_600_000 });
      },
    },
    { clock, log },
  );
  const workers = [dispatch.worker, forget];

  return {
    links: createActionLinks({ key, baseUrl, clock, spent: queue }),
    refusal,
    sink: {
      // Synchronous inside, so that it is on disk when the promise is there.
      async take(notice) {
        const taken = queue.take(notice, clock.now(), refusal);
        if (notice.recipients.length === 0) log.warn("A notice has no recipients", { subject: notice.subject });
        if (taken > 0) dispatch.worker.wake();
      },
    },
    view: {
      counts: () => queue.counts(),
      list: (options) => queue.list(options),
      retry(id) {
        const done = queue.retry(clock.now(), id) > 0;
        if (done) dispatch.worker.wake();
        return done;
      },
      retryAll() {
        const count = queue.retry(clock.now());
        if (count > 0) dispatch.worker.wake();
        return count;
      },
      channels: () => [...channels.values()].map(({ kind, name }) => ({ name, kind })),
    },
    findings: () => deliveryFindings(queue, clock.now()),
    isStuck: () => isStuck(queue.counts(), clock.now()),
    workers,
    async stop() {
      await Promise.all([dispatch.stop(), forget.stop()]);
      queue.close();
    },
  };
}

function drawFrom(source: MetricSource | undefined): DrawGraph | undefined {
  if (source === undefined) return undefined;
  return ({ fromSeconds, targets, untilSeconds }, rule, signal) => {
    const look = untilSeconds - fromSeconds > 2 * 86_400 ? "week" : "day";
    const about = { series: rule?.series, thresholds: rule ? thresholdsOf(rule) : [] };
    return graphPng(source, { ...about, targets, fromSeconds, untilSeconds, look, ground: "paper" }, signal);
  };
}

function isStuck({ oldestWaitingAt }: Pick<DeliveryCounts, "oldestWaitingAt">, now: number): boolean {
  return oldestWaitingAt !== undefined && now - oldestWaitingAt > stuckMs;
}

/** What is to be said about deliveries: word that is stuck is why nobody comes. */
function deliveryFindings(queue: DeliveryQueue, now: number): Finding[] {
  const { oldestWaitingAt, waiting } = queue.counts();
  const given = queue.failedSince(now - dayMs);
  if (oldestWaitingAt !== undefined && isStuck({ oldestWaitingAt }, now)) {
    const [last] = queue.list({ state: "waiting", limit: 1 });
    return [
      {
        name: "deliveries",
        state: "degraded",
        sentence: `${waiting} ${waiting === 1 ? "notice waits" : "notices wait"} to be sent, the oldest for ${formatSpan(now - oldestWaitingAt)}: ${last?.said || "not tried yet"}`,
      },
    ];
  }
  if (given.newest) {
    return [
      {
        name: "deliveries",
        state: "degraded",
        sentence: `${given.count} of the last day's notices did not arrive, the newest to ${given.newest.recipient}: ${given.newest.said}. They can be sent again from the page of deliveries`,
      },
    ];
  }
  return [
    {
      name: "deliveries",
      state: "ok",
      sentence: waiting === 0 ? "Nothing waits to be sent" : `${waiting} on their way`,
    },
  ];
}
