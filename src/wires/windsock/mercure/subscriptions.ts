/**
 * Who is subscribed to what, for the subscription API and its events: each subscription is an entry of the hub's presence,
 * so that all nodes list the same, and its beginning and end are private updates.
 */
import type { Hub } from "../hub.ts";
import type { MatchType } from "./matcher.ts";
import { addressOf, contentOf } from "./update.ts";

/** A subscription. */
export interface Subscription {
  type: MatchType;
  match: string;
  subscriber: string;
  payload?: unknown;
}

/** Where the hub is, as its topics say it. */
export const hubPath = "/.well-known/mercure";
const register = addressOf("#subscriptions");
const longestInfo = 1024;

/** The path, and topic, of a subscription or of a part of them. */
export function subscriptionPath({ match, subscriber, type }: Subscription): string {
  const kind = type === "Topic" ? "" : `/${type}`;
  return `${hubPath}/subscriptions${kind}/${encodeURIComponent(match)}/${encodeURIComponent(subscriber)}`;
}

/** A subscription as JSON-LD. */
export function subscriptionView(subscription: Subscription, isActive: boolean): Record<string, unknown> {
  const { match, payload, subscriber, type } = subscription;
  return {
    id: subscriptionPath(subscription),
    type: "Subscription",
    ...(type === "Topic" ? { topic: match } : { matchType: type, match }),
    subscriber,
    active: isActive,
    ...(payload === undefined ? {} : { payload }),
  };
}

/** The subscriptions on all nodes. */
export function listSubscriptions(hub: Hub): Subscription[] {
  return hub.presence(register).flatMap(({ info = "" }) => {
    const read = readInfo(info);
    return read ? [read] : [];
  });
}

/** A subscription begins; it ends when the function is called. `failed` hears of events that could not be published. */
export function beginSubscription(hub: Hub, subscription: Subscription, failed: (thrown: unknown) => void): () => void {
  const whole = JSON.stringify(subscription);
  // What the application says of it is left out where it is long.
  const info =
    Buffer.byteLength(whole) <= longestInfo ? whole : JSON.stringify({ ...subscription, payload: undefined });
  const leave =
    Buffer.byteLength(info) <= longestInfo
      ? hub.enter(register, { connection: `mercure ${crypto.randomUUID()}`, user: subscription.subscriber, info })
      : () => undefined;
  const tell = (isActive: boolean) => {
    const topic = subscriptionPath(subscription);
    const data = JSON.stringify({ "@context": "https://mercure.rocks/", ...subscriptionView(subscription, isActive) });
    const content = contentOf({ id: `urn:uuid:${crypto.randomUUID()}`, topics: [topic], data, isPrivate: true });
    hub.publish({ address: addressOf(topic), content }).catch(failed);
  };
  tell(true);
  return () => {
    leave();
    tell(false);
  };
}

function readInfo(info: string): Subscription | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(info);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
  if (typeof raw !== "object" || raw === null) return undefined;
  const { match, payload, subscriber, type }: Partial<Record<keyof Subscription, unknown>> = raw;
  if (typeof match !== "string" || typeof subscriber !== "string") return undefined;
  if (type !== "Topic" && type !== "Exact" && type !== "URLPattern") return undefined;
  return { type, match, subscriber, ...(payload === undefined ? {} : { payload }) };
}
