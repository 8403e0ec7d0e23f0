/**
 * Makes the newer doors of what the service has: options to settings, nothing else.
 */
import { join } from "node:path";

import { reasonOf } from "../../../kit/fault.ts";
import { type Worker, startWorker } from "../../../kit/worker.ts";
import type { WindsockOptions } from "../config.ts";
import type { DoorParts } from "../door.ts";
import { NewerDoors } from "./newer-doors.ts";
import { namedKeyOf } from "./public-key.ts";
import { calledBack, Revocations } from "./revocations.ts";
import { TokenDesk } from "./rights.ts";
import { webhookKinds, Webhooks } from "./webhooks.ts";

/** The doors and what works for them. */
export interface OpenedDoors {
  readonly doors: NewerDoors;
  readonly workers: readonly Worker[];
  /** Whom to tell, or ask; undefined where nobody wants to know. */
  readonly webhooks: Webhooks | undefined;
  readonly revocations: Revocations;
}

/** Opens them. `secrets` are those of tokens of seven fields. Fault `windsock/revocations` for a damaged list. */
export function openNewerDoors(parts: DoorParts, dataFolder: string, secrets: readonly string[]): OpenedDoors {
  const { addressOf, clock, doorkeeper, hub, limits, log, options, seenOf } = parts;
  const revocations = new Revocations(clock, {
    path: join(dataFolder, "revocations.json"),
    // Of a single token the connection is found by its next beat.
    learned: ([kind, user]) => {
      if (kind === "user") hub.parties.end({ user }, calledBack);
    },
    unsaved: (thrown) =>
      log.error("Revocations of another node could not be kept; they are in force until this node starts again", {
        reason: reasonOf(thrown),
      }),
  });
  const desk = new TokenDesk({
    rules: { secrets, maxAgeSeconds: options.tokenAgeMs / 1000, maxAheadSeconds: options.tokenAheadMs / 1000 },
    keys: options.tokenKeys.map(namedKeyOf),
    ...(options.tokenAudience === undefined ? {} : { audience: options.tokenAudience }),
    isSegmented: options.boundary === "segments",
    doorkeeper,
    revocations,
    clock,
  });
  const webhooks = webhooksOf(options, parts);
  const worker = webhooks && startWorker(webhooks.work(), { clock, log });
  if (webhooks && worker) webhooks.wake = () => worker.wake();
  const doors = new NewerDoors({
    hub,
    limits,
    desk,
    revocations,
    webhooks,
    bounds: {
      topics: options.subscriptions,
      messagesPerSecond: options.messagesPerSecond,
      messagesBurst: options.messagesBurst,
      commandBytes: options.maxMessageBytes,
      waitingBytes: options.waitingBytes,
    },
    apiSecrets: options.apiSecrets,
    origins: options.origins,
    deflate: options.deflate,
    // As much as JSON may make of a message, and as a batch may hold.
    bodyBytes: Math.max(options.maxMessageBytes * 2, 4 * 1024 * 1024),
    clock,
    log,
    addressOf,
    seenOf,
  });
  return { doors, workers: worker ? [worker] : [], webhooks, revocations };
}

function webhooksOf(options: WindsockOptions, { clock, log }: DoorParts): Webhooks | undefined {
  const { webhookEvents, webhookSecret, webhookUrl } = options;
  if (webhookUrl === undefined) return undefined;
  const kinds = webhookKinds.filter((kind) => webhookEvents.includes(kind));
  return new Webhooks({
    url: webhookUrl,
    kinds,
    ...(webhookSecret === undefined ? {} : { secret: webhookSecret }),
    clock,
    log,
  });
}
