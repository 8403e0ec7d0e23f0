/**
 * What tests of the Mercure door stand on: a hub, the door on an address of the machine, and tokens.
 */
import { systemClock } from "../../../kit/clock.ts";
import { silentLog } from "../../../kit/log.ts";
import { signClaims } from "../doors/jwt.ts";
import { openHub, type OrderedHub } from "../hub-ordered.ts";
import { openDoor } from "../links/door-fixture.ts";
import { type MercureDoor, type MercureSettings, openMercureDoor } from "./door.ts";

/** A door that is open. */
export interface MercureStage extends AsyncDisposable {
  readonly hub: OrderedHub;
  readonly door: MercureDoor;
  /** The hub's URL. */
  readonly url: string;
  readonly origin: string;
}

const publisherKey = "the key of publishers";
const subscriberKey = "the key of subscribers";

/** Opens one; `page` is served at `/`. */
export async function openMercureStage(settings: Partial<MercureSettings> = {}, page = ""): Promise<MercureStage> {
  const hub = openHub({
    clock: systemClock,
    maxMessageBytes: 100_000,
    bounds: { count: 100, sizeBytes: 1e6, ageMs: 1e7 },
  });
  const door = openMercureDoor({
    hub,
    clock: systemClock,
    log: silentLog,
    settings: {
      publisherKey,
      subscriberKey,
      isAnonymous: true,
      tellsSubscriptions: false,
      origins: [],
      maxMatchers: 20,
      maxBodyBytes: 200_000,
      waitingBytes: 1_000_000,
      heartbeatMs: 15_000,
      ...settings,
    },
    enter: () => () => undefined,
    addressOf: (_request, caller) => caller.address,
  });
  const open = await openDoor((request, caller, path) => {
    if (door.takes(path)) return door.handle(request, caller, path);
    return new Response(page, { headers: { "Content-Type": "text/html; charset=utf-8" } });
  });
  return {
    hub,
    door,
    origin: open.url,
    url: `${open.url}/.well-known/mercure`,
    async [Symbol.asyncDispose]() {
      door.stop();
      await open[Symbol.asyncDispose]();
      hub.close();
    },
  };
}

/** A token of a publisher. */
export function publisherToken(
  selectors: readonly string[] | undefined = ["*"],
  more: Record<string, unknown> = {},
): string {
  return signClaims({ mercure: { publish: selectors }, ...more }, { secret: publisherKey });
}

/** A token of a subscriber. */
export function subscriberToken(selectors: readonly string[], more: Record<string, unknown> = {}): string {
  return signClaims({ mercure: { subscribe: selectors }, ...more }, { secret: subscriberKey });
}

/** Publishes as an application does; the answer. */
export function post(url: string, fields: [string, string][], token = publisherToken()): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(fields).toString(),
  });
}
