/** The Mercure door as the options ask for it. */
import type { Door, DoorParts } from "../door.ts";
import { openMercureDoor } from "./door.ts";

/** A comment keeps connections open that proxies would close. */
const heartbeatMs = 25_000;
/** Topics of one reader. */
const maxMatchers = 20;

/** The door, where the keys of its tokens are given. */
export function mercureDoors({ addressOf, clock, hub, limits, log, options }: DoorParts): Door[] {
  const { mercurePublisherKey: publisherKey, mercureSubscriberKey: subscriberKey } = options;
  if (publisherKey === undefined || subscriberKey === undefined) return [];
  return [
    openMercureDoor({
      hub,
      clock,
      log,
      settings: {
        publisherKey,
        subscriberKey,
        isAnonymous: options.mercureAnonymous,
        tellsSubscriptions: options.mercureSubscriptions,
        origins: options.origins,
        maxMatchers,
        // In a form a byte may be three.
        maxBodyBytes: options.maxMessageBytes * 3 + 64 * 1024,
        waitingBytes: options.waitingBytes,
        heartbeatMs,
      },
      enter: (user, address) => limits.enter(user, address),
      addressOf,
    }),
  ];
}
