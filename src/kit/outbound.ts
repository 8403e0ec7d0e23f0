/**
 * Requests to places that somebody named, with everything bounded: time, redirects, size. The name is looked up first
 * and the connection goes to exactly the address that was found (the URL carries the address, Host and TLS carry the
 * name), so that a name which changes its mind between the look and the connection gains nothing. Where the place was
 * named by an outsider, `guard` refuses every address that is not public, again at each redirect.
 * Leaves out proxies of its own, cookies and caches.
 */
import { isIP } from "node:net";

import type { Clock } from "./clock.ts";
import { Fault, reasonOf } from "./fault.ts";
import { systemResolve } from "./host-lookup.ts";
import { acceptedCodings, decodedBody } from "./http/content-coding.ts";
import { isUnsent } from "./http/unsent.ts";
import { isPublicAddress } from "./public-address.ts";

/** Looks a host up; the addresses in the order in which they are tried. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** How a request goes out. */
export interface OutboundOptions {
  clock: Clock;
  /** For everything: look-up, connections, redirects, body. */
  timeoutMs: number;
  /** The most that is read of a body, after decompression. */
  maxBytes: number;
  /** @default 5 */
  maxRedirects?: number;
  /** Refuse addresses that are not public. @default false */
  guard?: boolean;
  /** @default true */
  verifyTls?: boolean;
  /** @default GET */
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  signal?: AbortSignal;
  /** @default the machine's own look-up */
  resolve?: Resolve;
  /** @default the runtime's own */
  fetch?: typeof send;
}

/** What came back. */
export interface OutboundAnswer {
  status: number;
  headers: Headers;
  body: Uint8Array;
  /** The body was longer than `maxBytes`; what is there is its beginning. */
  isCut: boolean;
  /** Where the answer came from, after redirects. */
  url: string;
  /** The address that was connected to last. */
  address: string;
  redirects: number;
  /** From the start to the head of the last answer, and to the end of its body. */
  firstByteMs: number;
  elapsedMs: number;
}

/** What the runtime's fetch is asked with. */
interface Sending {
  method: string;
  redirect: "manual";
  keepalive: boolean;
  headers: Headers;
  signal: AbortSignal;
  /** Unpacked here: the runtime would unpack all that it has received at once. */
  decompress: false;
  tls: { rejectUnauthorized: boolean; serverName?: string };
  body?: string;
}

function send(url: string, init: Sending): Promise<Response> {
  return fetch(url, init);
}

const redirectStatuses = new Set([301, 302, 303, 307, 308]);

/**
 * Sends a request and reads the answer, whatever its status.
 * Faults: `outbound/refused` (forbidden: not a public address), `outbound/url` (invalid), `outbound/unreachable`
 * (unavailable), `outbound/late` (timeout), `outbound/redirects` (unavailable: too many).
 */
export async function outbound(url: string, options: OutboundOptions): Promise<OutboundAnswer> {
  const { clock, timeoutMs } = options;
  const startedMs = clock.monotonicMs();
  const ending = new AbortController();
  const late = new Fault("timeout", "outbound/late", `No answer within ${timeoutMs} ms`);
  const cancel = clock.schedule(timeoutMs, () => ending.abort(late));
  const leave = () => ending.abort(options.signal?.reason);
  if (options.signal?.aborted) leave();
  options.signal?.addEventListener("abort", leave, { once: true });
  try {
    return await follow(url, options, ending, startedMs);
  } catch (thrown) {
    if (ending.signal.aborted && ending.signal.reason !== finished) throw ending.signal.reason;
    if (thrown instanceof Fault) throw thrown;
    throw new Fault("unavailable", "outbound/unreachable", sentenceOf(thrown), { cause: thrown });
  } finally {
    cancel();
    options.signal?.removeEventListener("abort", leave);
    // Lets go of a connection whose body nobody read to the end.
    ending.abort(finished);
  }
}

const finished = new Error("finished");

async function follow(
  first: string,
  options: OutboundOptions,
  ending: AbortController,
  startedMs: number,
): Promise<OutboundAnswer> {
  const { clock, maxBytes, maxRedirects = 5 } = options;
  let at = requireUrl(first);
  let method = options.method ?? "GET";
  let body = options.body;
  const headers = new Headers({ "User-Agent": "Warren", ...options.headers });
  for (let redirects = 0; ; redirects++) {
    const { response, address } = await connect(at, { method, headers, body }, options, ending.signal);
    const firstByteMs = clock.monotonicMs() - startedMs;
    const location = redirectStatuses.has(response.status) ? response.headers.get("location") : null;
    if (location === null || maxRedirects === 0) {
      const { bytes, isCut } = await readBody(response, maxBytes);
      const elapsedMs = clock.monotonicMs() - startedMs;
      const { status } = response;
      const { href: url } = at;
      return { status, headers: response.headers, body: bytes, isCut, url, address, redirects, firstByteMs, elapsedMs };
    }
    if (redirects >= maxRedirects) {
      throw new Fault(
        "unavailable",
        "outbound/redirects",
        `More than ${maxRedirects} redirects, the last to ${location.slice(0, 200)}`,
      );
    }
    await response.body?.cancel();
    const next = requireUrl(location, at);
    if (next.origin !== at.origin) for (const name of ["authorization", "cookie", "host"]) headers.delete(name);
    const rewrites = response.status === 303 || ([301, 302].includes(response.status) && method === "POST");
    if (rewrites && method !== "HEAD") {
      method = "GET";
      body = undefined;
      headers.delete("content-type");
    }
    at = next;
  }
}

/** The addresses of a host that may be connected to. Faults: `outbound/refused`, `outbound/unreachable`. */
export async function addressesOf(
  host: string,
  options: Pick<OutboundOptions, "guard" | "resolve">,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const found = isIP(bare) ? [bare] : await abortable((options.resolve ?? systemResolve)(bare), signal);
  if (found.length === 0) throw new Fault("unavailable", "outbound/unreachable", `"${bare}" has no address`);
  const allowed = options.guard ? found.filter(isPublicAddress) : found;
  if (allowed.length > 0) return allowed;
  throw new Fault(
    "forbidden",
    "outbound/refused",
    `Cannot connect to "${bare}": ${found.join(", ")} is not an address of the public Internet`,
  );
}

async function connect(
  at: URL,
  parts: { method: string; headers: Headers; body: string | undefined },
  options: OutboundOptions,
  signal: AbortSignal,
): Promise<{ response: Response; address: string }> {
  const host = at.hostname.replace(/^\[(.*)\]$/, "$1");
  const addresses = await addressesOf(host, options, signal);
  const headers = new Headers(parts.headers);
  if (!headers.has("host")) headers.set("Host", at.host);
  if (!headers.has("accept-encoding")) headers.set("Accept-Encoding", acceptedCodings);
  if (at.username !== "" && !headers.has("authorization")) {
    const pair = `${decodeURIComponent(at.username)}:${decodeURIComponent(at.password)}`;
    headers.set("Authorization", `Basic ${Buffer.from(pair).toString("base64")}`);
  }
  let failure: unknown;
  for (const address of addresses) {
    signal.throwIfAborted();
    const pinned = new URL(at);
    pinned.hostname = isIP(address) === 6 ? `[${address.replace(/%.*$/, "")}]` : address;
    pinned.username = "";
    pinned.password = "";
    pinned.hash = "";
    try {
      const response = await (options.fetch ?? send)(pinned.href, {
        method: parts.method,
        redirect: "manual",
        keepalive: false,
        headers,
        signal,
        decompress: false,
        tls: { rejectUnauthorized: options.verifyTls ?? true, ...(isIP(host) ? {} : { serverName: host }) },
        ...(parts.body === undefined ? {} : { body: parts.body }),
      });
      return { response, address };
    } catch (thrown) {
      signal.throwIfAborted();
      failure = thrown;
      // Only where nothing was sent may another address be asked the same.
      if (!isUnsent(thrown)) break;
    }
  }
  throw failure;
}

async function readBody(response: Response, maxBytes: number): Promise<{ bytes: Uint8Array; isCut: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (response.body === null) return { bytes: new Uint8Array(), isCut: false };
  for await (const chunk of decodedBody(response.body, response.headers.get("content-encoding"))) {
    const room = maxBytes - size;
    chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    size += chunk.length;
    if (size > maxBytes) return { bytes: Buffer.concat(chunks), isCut: true };
  }
  return { bytes: Buffer.concat(chunks), isCut: false };
}

function requireUrl(text: string, from?: URL): URL {
  const parsed = URL.parse(text, from?.href);
  if (parsed !== null && (parsed.protocol === "http:" || parsed.protocol === "https:")) return parsed;
  throw new Fault("invalid", "outbound/url", `Cannot ask "${text.slice(0, 200)}": wanted an http or https URL`);
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
}

const sentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: "Connection refused",
  ConnectionRefused: "Connection refused",
  ECONNRESET: "Connection closed before an answer",
  ConnectionClosed: "Connection closed before an answer",
  EHOSTUNREACH: "Host not reachable",
  ENETUNREACH: "Network not reachable",
  ENOTFOUND: "Name not known",
  DNS_ENOTFOUND: "Name not known",
  DNS_ENODATA: "Name not known",
  DNS_EBADNAME: "Name not known",
  DNS_ETIMEOUT: "Name server did not answer",
  DNS_ECONNREFUSED: "Name server did not answer",
  DNS_ESERVFAIL: "Name server did not answer",
  DNS_EREFUSED: "Name server did not answer",
  EAI_AGAIN: "Name server did not answer",
  Malformed_HTTP_Response: "The answer is no HTTP",
  EPROTO: "The server does not speak TLS",
  ERR_SSL_WRONG_VERSION_NUMBER: "The server does not speak TLS",
  Z_DATA_ERROR: "The answer cannot be unpacked",
  Z_BUF_ERROR: "The answer cannot be unpacked: it ends too early",
  CERT_HAS_EXPIRED: "Certificate has expired",
  CERT_NOT_YET_VALID: "Certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "Certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "Certificate chain is self-signed",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "Certificate cannot be verified",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "Certificate's issuer is not known",
  ERR_TLS_CERT_ALTNAME_INVALID: "Certificate is for another name",
};

/** What went wrong with a connection, in words. */
export function sentenceOf(thrown: unknown): string {
  return (
    sentences[codeOf(thrown)] ??
    reasonOf(thrown)
      .replace(/ For more information, pass `verbose.*$/s, "")
      .slice(0, 300)
  );
}
