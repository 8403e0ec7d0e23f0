/**
 * Who may come in. Reads the token a request carries, counts wrong ones, and decides what a request without a token may
 * do: everything when no token exists and it comes from this machine (or the operator waived tokens), nothing otherwise.
 *
 * Where the right to act lies in where a request comes from, a browser on this machine is the danger: a page from
 * elsewhere may make it send requests. So in that open state the Host must be an address or a known name (against DNS
 * rebinding), and requests that change something must not come from another site, also when a cookie or a password
 * the browser remembers speaks for them.
 * A right token is never refused for wrong ones before it: guessing 256 bits needs no lock, and a lock could be turned
 * against its owner.
 */
import type { Clock } from "../clock.ts";
import { Fault } from "../fault.ts";
import type { Logger } from "../log.ts";
import type { Scope } from "../service.ts";
import { hostOf, isAddress, isLoopback } from "./address.ts";
import { createFailureLimit, type FailureLimit } from "./failures.ts";
import { covers, formatGrant } from "./scope.ts";
import type { Tokens } from "./tokens.ts";

/** The cookie that carries the token of a person at the console. */
export const cookieName = "warren";

/** Who a request comes from, as far as the gate can tell. */
export interface Visitor {
  /** The token's name, or `anonymous`. */
  readonly name: string;
  readonly tokenId: string | undefined;
  /** True where everybody may do everything, because no tokens exist. */
  readonly open: boolean;
  /** Whether it may now: false once its token was revoked or has expired. */
  may(service: string, scope: Scope): boolean;
}

/** What a gate knows. */
export interface GateOptions {
  tokens: Tokens;
  clock: Clock;
  log: Logger;
  /** Names under which this node is reached, beside `localhost` and addresses. */
  hosts?: readonly string[];
  /** The operator declared that everybody may do everything as long as there are no tokens. @default false */
  waived?: boolean;
  /** Shared with other secrets if given. */
  failures?: FailureLimit;
}

/** What of a request the gate looks at. */
export interface GateRequest {
  method: string;
  headers: Headers;
}

/** Lets requests in. */
export interface Gate {
  /**
   * Who asks. Faults: `warren/token-wrong` (401), `warren/token-limited` (429), `warren/cross-site` (403) and
   * `warren/host-unknown` (403). A wrong cookie is as good as none. With `fromElsewhere` what a page of another site
   * sends is let in without any rights instead of being refused: it has to show its own. With `ownTokens` a bearer token is
   * not the node's: whoever shows one comes without any rights, too.
   */
  admit(request: GateRequest, address: string, fromElsewhere?: boolean, ownTokens?: boolean): Visitor;
  /** Whose token this is, for a form to sign in with. Faults: `warren/token-wrong`, `warren/token-limited`. */
  check(token: string, address: string): Visitor;
}

const anonymous: Visitor = { name: "anonymous", tokenId: undefined, open: false, may: () => false };

/** A gate over some tokens. */
export function createGate(options: GateOptions): Gate {
  const { tokens, log } = options;
  const failures = options.failures ?? createFailureLimit({ clock: options.clock });
  const hosts = new Set((options.hosts ?? []).map((host) => hostOf(host) ?? host.toLowerCase()));

  // Asked anew each time, for a stream may outlive the token, or the openness, that it began with.
  const everybody: Visitor = { name: "anonymous", tokenId: undefined, open: true, may: () => !tokens.any() };

  const visitorOf = (token: string): Visitor | undefined => {
    const record = tokens.verify(token);
    if (!record) return undefined;
    return {
      name: record.name,
      tokenId: record.id,
      open: false,
      may: (service, scope) => covers(record.grants, service, scope) && tokens.inForce(record.id),
    };
  };

  const check = (token: string, address: string): Visitor => {
    const visitor = visitorOf(token);
    if (visitor) return visitor;
    const waitMs = failures.waitMs(address);
    if (waitMs > 0) {
      throw new Fault("limited", "warren/token-limited", "Cannot let you in: too many wrong tokens from your address", {
        retryAfterMs: waitMs,
      });
    }
    failures.record(address);
    log.warn("A wrong token was shown", { address });
    throw new Fault(
      "unauthorized",
      "warren/token-wrong",
      "Cannot let you in: the token is unknown, expired or revoked",
    );
  };

  // Nearly every request is like the one before it, and taking an address or a host apart costs more than all the rest.
  let nearAddress: string | undefined;
  const isNear = (address: string): boolean => {
    if (address === nearAddress) return true;
    if (!isLoopback(address)) return false;
    nearAddress = address;
    return true;
  };
  let knownHost: string | undefined;
  const refuseUnknown = (host: string): void => {
    if (host === knownHost) return;
    refuseUnknownHost(host, hosts);
    knownHost = host;
  };

  return {
    check,
    admit(request, address, fromElsewhere = false, ownTokens = false) {
      const shown = credentialsOf(request.headers);
      if (shown?.from === "bearer") return ownTokens ? anonymous : check(shown.token, address);
      // From here on a browser may be speaking without its user's will.
      if (fromElsewhere && isCrossSite(request)) return anonymous;
      refuseCrossSite(request);
      if (shown?.from === "basic") return check(shown.token, address);
      const visitor = shown === undefined ? undefined : visitorOf(shown.token);
      if (visitor) return visitor;
      if (tokens.any()) return anonymous;
      if (options.waived !== true && (!isNear(address) || cameByProxy(request.headers))) return anonymous;
      refuseUnknown(request.headers.get("host") ?? "");
      return everybody;
    },
  };
}

/** Does nothing if the visitor may, else throws what is missing: `warren/token-missing` (401) or `warren/scope-missing` (403). */
export function requireScope(visitor: Visitor, service: string, scope: Scope): void {
  if (visitor.may(service, scope)) return;
  const wanted = formatGrant({ service, scope });
  if (visitor.tokenId === undefined) {
    throw new Fault(
      "unauthorized",
      "warren/token-missing",
      `Cannot let you in: a token with scope ${wanted} is needed`,
    );
  }
  throw new Fault(
    "forbidden",
    "warren/scope-missing",
    `Cannot do that as "${visitor.name}": the token lacks scope ${wanted}`,
  );
}

/** The token that a request shows: `Authorization: Bearer`, the password of `Basic` (any user), or the console's cookie. */
export function credentialsOf(headers: Headers): { from: "bearer" | "basic" | "cookie"; token: string } | undefined {
  const authorization = headers.get("authorization");
  if (authorization !== null) {
    const bearer = /^Bearer +(\S+) *$/i.exec(authorization);
    if (bearer?.[1] !== undefined) return { from: "bearer", token: bearer[1] };
    const basic = /^Basic +([\w+/=-]+) *$/i.exec(authorization);
    if (basic?.[1] !== undefined) {
      const pair = Buffer.from(basic[1], "base64").toString("utf8");
      return { from: "basic", token: pair.slice(pair.indexOf(":") + 1) };
    }
  }
  const cookies = headers.get("cookie");
  if (cookies === null) return undefined;
  for (const item of cookies.split(";")) {
    const [name = "", ...value] = item.split("=");
    if (name.trim() === cookieName && value.length > 0) return { from: "cookie", token: value.join("=").trim() };
  }
  return undefined;
}

/** The `Set-Cookie` value that signs a person in at the console, or out when `token` is empty. */
export function cookieFor(token: string, options: { secure: boolean; maxAgeSeconds?: number }): string {
  const maxAge = token === "" ? 0 : (options.maxAgeSeconds ?? 30 * 86_400);
  return `${cookieName}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAge}${options.secure ? "; Secure" : ""}`;
}

/** Whether a browser sends this on behalf of another site, and not only to read. */
function isCrossSite(request: GateRequest): boolean {
  // An upgrade is a GET that opens a way in both directions.
  const { method } = request;
  const reads = method === "GET" || method === "HEAD" || method === "OPTIONS";
  if (reads && !request.headers.has("upgrade")) return false;
  const site = request.headers.get("sec-fetch-site");
  const origin = request.headers.get("origin");
  // Browsers before 2023 may send the Origin only; other programs send neither.
  const own =
    site === null
      ? origin === null || sameHost(origin, request.headers.get("host"))
      : site === "same-origin" || site === "none";
  return !own;
}

/** Refuses what a browser sends on behalf of another site, unless it only reads. Fault: `warren/cross-site`. */
export function refuseCrossSite(request: GateRequest): void {
  if (!isCrossSite(request)) return;
  const origin = request.headers.get("origin");
  throw new Fault(
    "forbidden",
    "warren/cross-site",
    `Cannot take a request from a page of ${origin === null ? "another site" : `"${origin}"`}: send a token in the Authorization header instead`,
  );
}

function sameHost(origin: string, host: string | null): boolean {
  if (host === null || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  const own = `${url.protocol}//${host}`;
  return url.host !== "" && URL.canParse(own) && url.host === new URL(own).host;
}

const proxyHeaders = [
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
  "cf-connecting-ip",
  "true-client-ip",
];

/** A proxy on this machine makes everybody look local. Not every proxy says so; the manual does. */
function cameByProxy(headers: Headers): boolean {
  return proxyHeaders.some((name) => headers.has(name));
}

function refuseUnknownHost(given: string, hosts: ReadonlySet<string>): void {
  const host = hostOf(given);
  if (host !== undefined) {
    if (host === "localhost" || host.endsWith(".localhost") || isAddress(host) || hosts.has(host)) return;
  }
  throw new Fault(
    "forbidden",
    "warren/host-unknown",
    `Cannot answer for host "${given}": as long as no token exists, only localhost, addresses and the names given as hosts are served`,
  );
}
