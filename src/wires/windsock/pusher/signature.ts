/**
 * Signatures of the Pusher protocol, all HMAC-SHA256 in hex by an application's secret: of a subscription, of a sign-in,
 * of a request to the HTTP API, of a webhook. Compared in constant time. Source: Pusher Channels' documentation of
 * authentication signatures and of its HTTP API.
 */
import { createHash, createHmac } from "node:crypto";

import { sameText } from "../../../kit/auth/same-text.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Application } from "./application.ts";

/** How far the clock of a caller may be off, and for how long a request could be played again, in seconds. */
export const clockSlackSeconds = 600;

/** The hex HMAC-SHA256 of a text. */
export function sign(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text).digest("hex");
}

/** Why `auth` does not allow a connection to subscribe to a channel, or undefined when it does. */
export function subscriptionRefusal(
  application: Application,
  auth: string,
  wish: { socketId: string; channel: string; channelData?: string },
): string | undefined {
  const data = wish.channelData === undefined ? "" : `:${wish.channelData}`;
  return refusal(application, auth, `${wish.socketId}:${wish.channel}${data}`);
}

/** Why `auth` does not prove who the user of a connection is, or undefined when it does. */
export function signInRefusal(
  application: Application,
  auth: string,
  wish: { socketId: string; userData: string },
): string | undefined {
  return refusal(application, auth, `${wish.socketId}::user::${wish.userData}`);
}

function refusal({ key, secret }: Application, auth: string, signed: string): string | undefined {
  const at = auth.indexOf(":");
  if (at < 0) return "the signature is not of the form key:signature";
  if (!sameText(auth.slice(0, at), key)) return "the signature names another application's key";
  if (sameText(auth.slice(at + 1), sign(secret, signed))) return undefined;
  return `the signature is wrong: wanted the HMAC-SHA256 by the application's secret of "${signed.slice(0, 200)}"`;
}

/** A request to the HTTP API, as far as it is signed. */
export interface SignedRequest {
  method: string;
  /** The paths that may have been signed: as the caller sees it, and below the mount. */
  paths: readonly string[];
  query: URLSearchParams;
  body: string;
}

/**
 * Does nothing for a request that the application signed. Faults, each with what is wrong: `windsock/pusher-unsigned`,
 * `windsock/pusher-key`, `windsock/pusher-stale`, `windsock/pusher-body`, `windsock/pusher-signature` (unauthorized).
 */
export function requireSigned(application: Application, request: SignedRequest, nowSeconds: number): void {
  const { body, method, query } = request;
  const shown = query.get("auth_signature") ?? "";
  if (shown === "") throw refused("unsigned", "wanted auth_key, auth_timestamp, auth_version and auth_signature");
  if (!sameText(query.get("auth_key") ?? "", application.key))
    throw refused("key", "auth_key is not this application's");
  if (query.get("auth_version") !== "1.0") throw refused("unsigned", "auth_version is not 1.0");
  const stamp = query.get("auth_timestamp") ?? "";
  if (!/^\d{1,12}$/.test(stamp)) throw refused("stale", "auth_timestamp is no time in seconds");
  const offSeconds = Number(stamp) - nowSeconds;
  if (Math.abs(offSeconds) > clockSlackSeconds) {
    const way = offSeconds > 0 ? "ahead" : "old";
    throw refused(
      "stale",
      `auth_timestamp is ${Math.abs(Math.round(offSeconds))} s ${way}: wanted at most ${clockSlackSeconds}`,
    );
  }
  const md5 = query.get("body_md5");
  if (body !== "" && md5 === null) throw refused("body", "there is a body, but no body_md5");
  if (md5 !== null && !sameText(md5, createHash("md5").update(body).digest("hex"))) {
    throw refused("body", "body_md5 is not that of the body");
  }
  const text = signedQuery(query);
  if (request.paths.some((path) => sameText(shown, sign(application.secret, `${method}\n${path}\n${text}`)))) return;
  throw refused("signature", "auth_signature is wrong: it is made of method, path and all other parameters in order");
}

/** The parameters in the order and form in which they are signed. */
export function signedQuery(query: URLSearchParams): string {
  return [...query]
    .filter(([name]) => name !== "auth_signature")
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function refused(what: string, reason: string): Fault {
  return new Fault("unauthorized", `windsock/pusher-${what}`, `Cannot take the request: ${reason}`);
}
